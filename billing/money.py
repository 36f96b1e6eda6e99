"""Amounts in minor units as people read them."""

from decimal import Decimal

SIGNS = {"usd": "$", "eur": "€", "gbp": "£"}


def as_text(minor: int, currency: str = "usd") -> str:
    """`$1,234.50`; a currency without a sign of its own by its code, `12.00 CHF`."""
    amount = f"{Decimal(abs(minor)).scaleb(-2):,.2f}"
    return ("−" if minor < 0 else "") + _with_sign(amount, currency)


def short(minor: int, currency: str = "usd") -> str:
    """`$15` for whole amounts, `$14.50` for others: prices of plans."""
    text = as_text(minor, currency)
    return text.replace(".00", "", 1) if minor % 100 == 0 else text


def _with_sign(amount: str, currency: str) -> str:
    sign = SIGNS.get(currency.lower())
    return f"{sign}{amount}" if sign else f"{amount} {currency.upper()}"

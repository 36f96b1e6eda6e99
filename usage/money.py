"""Amounts as people read them."""

from decimal import Decimal


def as_text(micro: int) -> str:
    """`$0.0042`: as many digits as the amount needs, at least two."""
    amount = Decimal(micro).scaleb(-6).normalize()
    digits = max(2, -int(amount.as_tuple().exponent))
    return f"{'-' if micro < 0 else ''}${abs(amount):.{digits}f}"


def rounded(micro: int) -> str:
    """`$1,234.56`, whole cents rounded down, so that what is left never looks used; below a cent every digit."""
    if abs(micro) < 10_000:
        return as_text(micro)
    cents = Decimal(abs(micro) // 10_000).scaleb(-2)
    return f"{'-' if micro < 0 else ''}${cents:,.2f}"

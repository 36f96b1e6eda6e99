"""Amounts as people read them."""

from decimal import Decimal


def as_text(micro: int) -> str:
    """`$0.0042`: as many digits as the amount needs, at least two."""
    amount = Decimal(micro).scaleb(-6).normalize()
    digits = max(2, -int(amount.as_tuple().exponent))
    return f"${amount:.{digits}f}"

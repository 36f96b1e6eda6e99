"""How much of a contract's way is gone, and what falls due where: pure functions of exact numbers."""

from collections.abc import Sequence
from decimal import Decimal, localcontext

WHOLE_BP = 10_000
MOST_BP = 1_000_000_000
DIGITS = 60


def progress_bp(*, baseline: Decimal, target: Decimal, value: Decimal) -> int:
    """Basis points of the way from baseline to target, rounded towards 0; below 0 for a step back. A target below the
    baseline counts downwards."""
    with localcontext(prec=DIGITS):
        whole = int((value - baseline) * WHOLE_BP // (target - baseline))
    return max(-MOST_BP, min(whole, MOST_BP))


def amounts(fee_minor: int, shares_bp: Sequence[int]) -> list[int]:
    """What each milestone costs. Rounded down as a running sum, so that all of them are the fee to the cent."""
    made, before, sum_bp = [], 0, 0
    for share in shares_bp:
        sum_bp += share
        due = fee_minor * sum_bp // WHOLE_BP
        made.append(due - before)
        before = due
    return made

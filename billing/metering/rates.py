"""What metered usage costs: whole micro-units in, whole minor units out, rounded once for each period and meter.

The payment service multiplies the sum of a period by the price of one unit and rounds half up to a minor unit. Passing
the cost of models on without a mark-up is a price of 100 minor units for a million micro-units (`0.0001` cents each):
an invoice is the ledger's sum of the period, to the cent. Single entries are never rounded.
"""

MILLION = 1_000_000


def minor_of(units: int, per_million: int) -> int:
    """Half a minor unit goes away from zero, for what is taken back as for what is charged."""
    amount = (abs(units) * per_million * 2 + MILLION) // (2 * MILLION)
    return -amount if units < 0 else amount

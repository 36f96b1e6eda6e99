"""Invoices in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing import money
from billing.presenters.dates import day
from billing.subscriptions.queries import InvoiceRow

STATES = {
    "draft": ("In preparation", ""),
    "open": ("To be paid", "warning"),
    "paid": ("Paid", "success"),
    "void": ("Void", ""),
    "uncollectible": ("Not paid", "danger"),
}


@dataclass(frozen=True)
class InvoiceView:
    number: str
    date: str
    status: str
    tone: str
    amount: str
    pdf_url: str
    pay_url: str


def views(rows: Sequence[InvoiceRow], *, zone: str) -> list[InvoiceView]:
    return [_view(row, zone) for row in rows]


def _view(row: InvoiceRow, zone: str) -> InvoiceView:
    status, tone = STATES.get(row.status, (row.status.capitalize(), ""))
    return InvoiceView(
        number=row.number or "Without a number",
        date=day(row.created_at, zone),
        status=status,
        tone=tone,
        amount=money.as_text(row.total_minor, row.currency),
        pdf_url=row.pdf_url,
        pay_url=row.hosted_url if row.status == "open" else "",
    )

"""What the page and the paper of an invoice say."""

from dataclasses import dataclass

from django.conf import settings

from billing.simulator.core.errors import Json
from billing.simulator.hosted import money, portal, words
from billing.simulator.hosted.invoice_sheet import Paper
from billing.simulator.hosted.words import Badge, Bill, Line


@dataclass(frozen=True)
class InvoicePage:
    number: str
    badge: Badge
    headline: str
    headline_note: str
    facts: list[Line]
    bill: Bill
    can_be_paid: bool
    pdf_url: str


def describe(invoice: Json) -> InvoicePage:
    is_open = invoice["status"] == "open"
    amount = invoice["amount_remaining"] if is_open else invoice["total"]
    return InvoicePage(
        number=invoice["number"] or "(draft)",
        badge=words.INVOICE_BADGES[invoice["status"]],
        headline=money.as_text(amount, invoice["currency"]),
        headline_note=state_of(invoice),
        facts=facts_of(invoice),
        bill=_bill(invoice),
        can_be_paid=is_open and amount > 0,
        pdf_url=invoice["invoice_pdf"],
    )


def _bill(invoice: Json) -> Bill:
    label = "Amount due" if invoice["status"] in ("open", "draft", "uncollectible") else "Total charged"
    return portal.bill_of(invoice, total_label=label)


def state_of(invoice: Json) -> str:
    """`paid on 3 May 2027`, `due on 17 May 2027`."""
    paid_at = (invoice.get("status_transitions") or {}).get("paid_at")
    if invoice["status"] == "paid":
        return f"paid on {words.day(paid_at)}" if paid_at else "paid"
    if invoice["status"] == "open":
        return f"due on {words.day(invoice['due_date'])}" if invoice.get("due_date") else "due now"
    return str(invoice["status"])


def facts_of(invoice: Json) -> list[Line]:
    name, email = invoice.get("customer_name") or "", invoice.get("customer_email") or ""
    issued_at = (invoice.get("status_transitions") or {}).get("finalized_at") or invoice["created"]
    found = [
        Line("Billed to", f"{name} ({email})" if name and email else name or email or invoice["customer"]),
        Line("Issued", words.day(issued_at)),
        Line("Tax id", ", ".join(each["value"] for each in invoice.get("customer_tax_ids") or [])),
        Line("Note", invoice.get("description") or ""),
    ]
    return [fact for fact in found if fact.amount]


def paper_of(invoice: Json) -> Paper:
    state = state_of(invoice)
    return Paper(
        notice=settings.PAYMENTS_NOTICE,
        seller=settings.PRODUCT_NAME,
        title=f"Invoice {invoice['number'] or '(draft)'}",
        state=state[0].upper() + state[1:],
        facts=facts_of(invoice),
        bill=_bill(invoice),
    )


def receipt_paper(charge: Json) -> Paper:
    amount = money.as_text(charge["amount"], charge["currency"])
    card = words.card(charge["payment_method_details"]["card"])
    return Paper(
        notice=settings.PAYMENTS_NOTICE,
        seller=settings.PRODUCT_NAME,
        title=f"Receipt {charge['id'][-8:].upper()}",
        state=f"Paid on {words.day(charge['created'])}",
        facts=[Line("Card", card)],
        bill=Bill([Line(charge["description"] or "Payment", amount)], Line("Total charged", amount)),
    )

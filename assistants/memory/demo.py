"""What the demo's people told their assistants."""

from accounts.permissions import Member
from assistants.chat import queries as chat
from assistants.memory import services
from assistants.models import Message

TOLD = (
    ("semantic", "The orders service runs on PostgreSQL 15.", "orders database", ()),
    ("semantic", "The orders service runs on PostgreSQL 17.", "orders database",
     (("orders service", "runs on", "PostgreSQL 17"), ("Ines", "looks after", "orders service"))),
    ("semantic", "Ines owns the contract with Quillpay, the billing vendor.", "billing vendor",
     (("Ines", "owns the contract with", "Quillpay"), ("Quillpay", "is", "billing vendor"))),
    ("semantic", "Tomasz mentors Aylin, who joined Heron in June.", "mentor",
     (("Tomasz", "mentors", "Aylin"), ("Aylin", "is in", "Heron"), ("Tomasz", "is in", "Heron"))),
    ("preference", "Keep answers under ten sentences.", "answer length", ()),
    ("preference", "No emojis.", "emojis", ()),
    ("episodic", "A migration locked a table and checkout was down for eleven minutes.", "", ()),
    ("procedural", "For code reviews, listing the risks before the patch worked well.", "", ()),
)  # fmt: skip
SHARED = (("Invoices are paid on the 5th and the 20th of a month.", "pay days"),
          ("Incidents are reported in #rotes-telefon within ten minutes.", "incidents"))  # fmt: skip


def tell(member: Member, *, curates: bool) -> None:
    """In the workspace. Each with one of the member's own messages as its source."""
    talks = chat.list_conversations(member)
    source = (
        Message.objects.filter(conversation__in=talks, role=Message.Role.USER).order_by("created_at").first()
    )
    for layer, text, slot, edges in TOLD:
        item = services.remember(member=member, layer=layer, text=text, slot=slot, source_message=source)
        for subject, predicate, obj in edges:
            services.relate(item=item, subject=subject, predicate=predicate, object=obj)
    for text, slot in SHARED if curates else ():
        services.remember(member=member, layer="shared", text=text, slot=slot)

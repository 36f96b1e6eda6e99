"""What the tests of the staff pages share: addresses, actions, and what is found afterwards."""

from uuid import uuid4

from django.contrib.admin.utils import quote
from django.urls import reverse

from accounts.models import PersonReference
from tenants.models import AuditEntry
from usage.models import LedgerEntry


def page(name: str, view: str = "changelist", *args) -> str:
    # As the admin spells keys in addresses: of `evt_24…` it would read a dollar sign.
    return reverse(f"admin:{name.replace('.', '_')}_{view}", args=[quote(each) for each in args])


def act(client, name: str, action: str, rows, **fields):
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields}
    return client.post(page(name), data, follow=True)


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def latest_entry() -> AuditEntry:
    entry = AuditEntry.objects.order_by("-id").first()
    assert entry is not None
    return entry


def reference_of(person):
    return PersonReference.objects.get(user=person.user).ref


def make_entry(workspace_id, **fields) -> LedgerEntry:
    values = {
        "hold_id": uuid4(), "workspace_id": workspace_id, "person_ref": uuid4(), "kind": "settlement",
        "run_kind": "reply", "provider": "openai", "model": "gpt-4o-mini", "cost_micro": 1234,
    } | fields  # fmt: skip
    return LedgerEntry.objects.create(**values)

"""Contracts for tests that are about something else."""

from decimal import Decimal
from uuid import UUID, uuid4

from django.utils import timezone

from billing.outcomes import services
from billing.outcomes.models import Contract
from tenants import audit


def make(workspace_id: UUID, title: str = "Twice the visits", *, state: str = "active", **fields) -> Contract:
    """In any state, whoever would have had to agree."""
    terms = {
        "title": title, "goal": "traffic", "unit": "visits a month", "baseline": Decimal(10_000),
        "target": Decimal(20_000), "fee_minor": 100_000,
    } | fields  # fmt: skip
    contract = services.draft_contract(
        workspace_id=workspace_id, terms=services.Terms(**terms), actor=audit.SYSTEM
    )
    contract.state = state
    if state not in ("draft", "offered"):
        contract.accepted_by_ref, contract.accepted_at = uuid4(), timezone.now()
        contract.activated_at = contract.accepted_at
    contract.save()
    return contract

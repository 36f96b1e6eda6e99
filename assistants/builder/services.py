"""Writes to assistants."""

from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from accounts.permissions import Member
from assistants.builder import queries
from assistants.models import Assistant
from tenants import audit
from usage import gauges
from usage.features import queries as features
from usage.features.keys import Feature
from usage.models import Meter

FIRST_INSTRUCTIONS = (
    "You are a helpful assistant for a team. Answer clearly and briefly; say so when you are not sure. "
    "Use Markdown where it helps."
)


def create_first_assistant(*, workspace_id: UUID) -> None:
    """What every workspace starts with. Runs inside the transaction that creates the workspace."""
    Assistant.objects.create(
        name="Steward",
        slug="steward",
        description="A general assistant for everyday questions.",
        instructions=FIRST_INSTRUCTIONS,
        model=settings.CHAT_MODELS[0],
    )


def create_assistant(
    *,
    member: Member,
    name: str,
    instructions: str,
    model: str,
    temperature: Decimal,
    max_output_tokens: int,
    description: str = "",
) -> Assistant:
    """Raises FeatureNotIncluded, and QuotaExceeded when the plan holds no more."""
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    with transaction.atomic():
        gauges.take(member.workspace_id, Meter.ASSISTANTS, present=queries.list_all().count)
        assistant = Assistant.objects.create(
            name=name,
            slug=_free_slug(name),
            description=description,
            instructions=instructions,
            model=model,
            temperature=temperature,
            max_output_tokens=max_output_tokens,
            created_by_id=member.user_id,
        )
        audit.record(
            "assistant.created",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("assistant", assistant.id),
        )
    return assistant


def edit_assistant(*, member: Member, assistant: Assistant, changes: dict[str, object]) -> None:
    """`changes`: field → value, of the form's fields only. The names that changed go into the audit log.

    Raises FeatureNotIncluded, OverPlanLimit.
    """
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    queries.require_within_plan(member.workspace_id, assistant)
    changed = sorted(name for name, value in changes.items() if getattr(assistant, name) != value)
    if not changed:
        return
    with transaction.atomic():
        for name in changed:
            setattr(assistant, name, changes[name])
        assistant.save(update_fields=[*changed, "updated_at"])
        audit.record(
            "assistant.edited",
            actor=member.actor,
            workspace_id=member.workspace_id,
            target=("assistant", assistant.id),
            fields=changed,
        )


def _free_slug(name: str) -> str:
    stem = slugify(name)[:60] or "assistant"
    taken = set(Assistant.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    if stem not in taken:
        return stem
    return next(f"{stem}-{n}" for n in range(2, len(taken) + 3) if f"{stem}-{n}" not in taken)

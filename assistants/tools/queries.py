"""Reads of tool calls and of standing choices. In the workspace."""

from collections import defaultdict
from collections.abc import Iterable
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from accounts.permissions import Member
from assistants.models import Run, ToolCall, ToolChoice
from assistants.tools.types import CONTINUES
from config import errors


def access_call(member: Member, call_id: UUID) -> ToolCall:
    """One that the member is asked about. Raises NotFound."""
    # SECURITY: only whoever asked the question decides, also where others see the conversation.
    rows = ToolCall.objects.filter(id=call_id, run__owner_id=member.user_id, run__message__isnull=False)
    row = rows.select_related("run__assistant", "run__message__conversation__assistant").first()
    if row is None or row.run.message is None or row.run.message.conversation.deleted_at is not None:
        raise errors.NotFound()
    return row


def list_waiting(member: Member) -> QuerySet[ToolCall]:
    """Those that the member is asked about, in no order; not those of answers that were begun anew since."""
    later = Run.objects.filter(message=OuterRef("run__message"), created_at__gt=OuterRef("run__created_at"))
    rows = ToolCall.objects.filter(
        ~Exists(later),
        state=ToolCall.State.WAITING,
        run__owner_id=member.user_id,
        run__message__conversation__deleted_at=None,
        run__message__isnull=False,
    )
    return rows.select_related("run__message")


def list_choices(member: Member) -> QuerySet[ToolChoice]:
    rows = ToolChoice.objects.filter(person_id=member.user_id).select_related("assistant")
    return rows.order_by("assistant__name", "tool", "id")


def access_choice(member: Member, assistant_id: UUID, tool: str) -> ToolChoice:
    """Raises NotFound."""
    row = list_choices(member).filter(assistant_id=assistant_id, tool=tool).first()
    if row is None:
        raise errors.NotFound()
    return row


def chain_of(run: Run) -> list[UUID]:
    """The runs that made the answer, in order."""
    return [*(UUID(text) for text in run.request.get(CONTINUES, ())), run.id]


def calls_of(runs: Iterable[Run]) -> dict[UUID, list[ToolCall]]:
    """run → the calls that led to its answer, those of the runs that it continues among them. One query, none for
    runs that can have no calls."""
    able = [run for run in runs if _may_have_calls(run)]
    if not able:
        return {}
    chains = {run.id: chain_of(run) for run in able}
    by_run: dict[UUID, list[ToolCall]] = defaultdict(list)
    wanted = {run_id for chain in chains.values() for run_id in chain}
    for call in ToolCall.objects.filter(run_id__in=wanted).order_by("round", "position"):
        by_run[call.run_id].append(call)
    return {
        run_id: [call for each in chain for call in by_run.get(each, ())] for run_id, chain in chains.items()
    }


def _may_have_calls(run: Run) -> bool:
    return bool(run.tool_calls or CONTINUES in run.request or (run.assistant and run.assistant.tools))

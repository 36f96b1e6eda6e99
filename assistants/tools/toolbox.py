"""What one run may call. In the workspace."""

from uuid import UUID

from assistants.builder import drafts
from assistants.models import Run, ToolCall, ToolChoice
from assistants.tools import registry
from assistants.tools.types import CONTINUES, Toolbox, ToolContext
from tenants.scope import WorkspaceRef


def of_run(run: Run, workspace: WorkspaceRef) -> Toolbox | None:
    """None for a run without tools: it costs no query then. An API call brings its own, which its client runs."""
    if run.kind != Run.Kind.REPLY or "messages" in run.request or run.request.get("extra", {}).get("tools"):
        return None
    assistant = drafts.assistant_of(run)
    continues = tuple(UUID(text) for text in run.request.get(CONTINUES, ()))
    tools = registry.of_names(assistant.tools) if assistant is not None else []
    if not tools and not continues:
        return None
    choices = choices_of(run) if any(tool.asks for tool in tools) else {}
    if run.message is None and "draft" not in run.request:
        # Nobody is there to be asked: what was not allowed for good is left out.
        tools = [
            tool for tool in tools if not tool.asks or choices.get(tool.name) == ToolChoice.Answer.ALWAYS
        ]
    context = ToolContext(
        workspace_id=workspace.id,
        person_id=run.owner_id,
        zone=workspace.timezone,
        assistant=assistant,
        conversation=run.message.conversation if run.message is not None else None,
    )
    return Toolbox(
        context=context,
        tools={tool.name: tool for tool in tools if choices.get(tool.name) != ToolChoice.Answer.NEVER},
        allowed=frozenset(name for name, answer in choices.items() if answer == ToolChoice.Answer.ALWAYS),
        can_ask=run.message is not None and run.message.conversation.widget_id is None,
        continues=continues,
        first_round=_first_round(continues),
    )


def choices_of(run: Run) -> dict[str, str]:
    """tool → the person's standing answer. One query."""
    rows = ToolChoice.objects.filter(person_id=run.owner_id, assistant=run.assistant)
    return dict(rows.values_list("tool", "answer"))


def _first_round(continues: tuple[UUID, ...]) -> int:
    last = ToolCall.objects.filter(run_id__in=continues).order_by("-round").first() if continues else None
    return last.round + 1 if last else 1

"""An assistant that is not saved: what its test is asked as. It travels in `Run.request` and nowhere else."""

from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet

from assistants.builder import content
from assistants.builder.content import Content
from assistants.models import Assistant, Run
from assistants.prompting.types import Ask

DRAFTED = "drafted_knowledge"
MOST_TOLD = 20
MOST_TURNS = 8
"""Earlier turns of a test that the next question follows."""


def assistant_of(run: Run) -> Assistant | None:
    """Whom the run asks: the draft where it is a test, else the saved one."""
    if "draft" not in run.request:
        return run.assistant
    return draft_of(run.assistant, content.of_snapshot(run.request["draft"]))


def draft_of(assistant: Assistant | None, saved: Content) -> Assistant:
    """Never to be saved. It has the id of the saved one, so that what belongs to that is found."""
    fields = {name: getattr(saved, name) for name in content.COLUMNS}
    draft = Assistant(id=assistant.id if assistant else uuid4(), **fields)
    setattr(draft, DRAFTED, list(saved.knowledge))
    return draft


def knowledge_of(assistant: Assistant) -> list[UUID]:
    """Ids of the documents that it searches whoever asks; of a draft those that its form says. One query at most."""
    drafted: list[UUID] | None = getattr(assistant, DRAFTED, None)
    return list(assistant.knowledge.values_list("document_id", flat=True)) if drafted is None else drafted


def searched_by(assistant: Assistant) -> list[UUID] | QuerySet[Any]:
    """The same for a condition `document__in`: without a query of its own."""
    drafted: list[UUID] | None = getattr(assistant, DRAFTED, None)
    return assistant.knowledge.values("document") if drafted is None else drafted


def ask_of(run: Run) -> Ask:
    """What the worker builds the prompt of a test for."""
    asked = run.request
    return Ask(run.owner_id, assistant_of(run), question=asked["question"], told=tuple(asked["told"]))


def told_by(earlier: list[Run]) -> list[dict[str, Any]]:
    """Former turns of the test as chat messages; one without an answer is left out."""
    told: list[dict[str, Any]] = []
    for run in [each for each in earlier if each.text][-MOST_TURNS:]:
        told.append({"role": "user", "content": run.request["question"]})
        told.append({"role": "assistant", "content": run.text})
    return told

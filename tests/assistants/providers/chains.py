"""Assistants whose answers may come from several servers, all of them the simulated one."""

from dataclasses import dataclass
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from assistants.models import Assistant, Provider, ProviderModel, Run
from assistants.providers import sealing
from assistants.runs import services as runs
from tenants.scope import enter
from tests import factories
from tests.assistants.conftest import Stage

FIRST, SECOND = "gpt-4o-mini", "gpt-4o"
REFUSED_KEY = "invalid"
"""The simulator answers 401 to it."""


@dataclass
class Bench:
    """`stage`: asks and plays in a workspace of its own, so that what it uses is all that its counters hold."""

    stage: Stage

    def assistant(self, model: str = FIRST, *fallbacks: str, **fields) -> Assistant:
        with enter(self.stage.workspace):
            made = factories.make_assistant(self.stage.member, f"Chained {uuid4().hex[:6]}", **fields)
            made.model, made.fallback_models = model, list(fallbacks)
            made.save(update_fields=["model", "fallback_models"])
            return made

    def own(self, slug: str = "ours", *, key: str = "sk-ours", model: str = FIRST, **fields) -> str:
        """A provider of the workspace; the name of its model."""
        now = timezone.now()
        options = {"kind": "compatible", "base_url": f"{self.stage.provider.address}/v1", **fields}
        with enter(self.stage.workspace):
            row = Provider(name=slug.title(), slug=slug, created_at=now, updated_at=now, **options)
            row.key_sealed = sealing.seal(self.stage.workspace.id, row.id, key)
            row.save()
            ProviderModel.objects.create(provider=row, name=model, seen_at=now)
        return f"{slug}/{model}"

    def ask(self, assistant: Assistant, text: str = "Count") -> Run:
        return self.stage.ask(text, assistant=assistant).run

    def play(self, assistant: Assistant, text: str):
        return self.stage.play(text, assistant=assistant)

    def play_call(self, assistant: Assistant, text: str, part: dict | None):
        """An API call of the assistant, with a further part in its message."""
        parts = [{"type": "text", "text": text}, *([part] if part else [])]
        messages = [{"role": "user", "content": parts}]
        with enter(self.stage.workspace), transaction.atomic():
            new = runs.NewRun(
                kind=Run.Kind.REPLY,
                model=assistant.model,
                prompt=messages,
                max_output_tokens=200,
                assistant=assistant,
                request={"messages": messages},
            )
            run = runs.start_run(member=self.stage.member, new=new)
        self.stage.execute(run)
        return self.stage.result(run)

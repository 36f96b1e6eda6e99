"""Tests of drafts: metered like every answer, and in no conversation."""

from dataclasses import replace

from django.db import transaction

from accounts.permissions import Member
from assistants.builder import drafts, rules, versions
from assistants.builder.content import Content
from assistants.builder.refusals import about
from assistants.models import Assistant, Run
from assistants.prompting import builder as prompting
from assistants.prompting.types import Ask
from assistants.runs import services as runs
from usage.features import queries as features
from usage.features.keys import Feature

MAX_TEXT = 20_000


def start_trial(
    *, member: Member, assistant: Assistant | None, draft: Content, question: str, earlier: list[Run]
) -> Run:
    """Asks the draft. `assistant`: the saved one, whose limits and stops hold; `earlier`: the test's turns so far.

    Raises FeatureNotIncluded, AssistantRefused, and what `start_run` refuses.
    """
    features.require(member.workspace_id, Feature.CUSTOM_ASSISTANTS)
    question = question.replace("\x00", "").strip()
    if not question:
        raise about("question", "Write something to ask the draft.")
    if len(question) > MAX_TEXT:
        raise about("question", f"A test question can have {MAX_TEXT:,} characters at most.")
    rules.check(member, draft, versions.models_of(assistant) if assistant else ())
    present = drafts.knowledge_of(assistant) if assistant else []
    draft = replace(draft, knowledge=rules.knowledge_for(member, draft.knowledge, present))
    told = [*drafts.told_by(earlier), {"role": "user", "content": question}]
    temperature = float(draft.temperature)
    ask = Ask(member.user_id, drafts.draft_of(assistant, draft), question=question, told=tuple(told))
    sized = prompting.draft(ask)
    new = runs.NewRun(
        kind=Run.Kind.REPLY,
        model=draft.model,
        prompt=sized.messages,
        reserved_tokens=sized.reserved_tokens,
        fallbacks=tuple(draft.fallback_models),
        max_output_tokens=draft.max_output_tokens,
        assistant=assistant,
        request={"draft": draft.snapshot(), "question": question, "told": told, "temperature": temperature},
    )
    with transaction.atomic():
        return runs.start_run(member=member, new=new)

"""Texts to vectors: each call a run of its own, held before it starts, settled and receipted like every other."""

import logging
import time
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError as BrokerError

from accounts.permissions import Member
from assistants.llm.embeddings import Embedder, EndpointEmbedder
from assistants.llm.errors import ProviderFailure
from assistants.llm.usage import Usage
from assistants.models import Run
from assistants.recall import vectors
from assistants.recall.kinds import SOURCES, Kind
from assistants.runs import services as runs
from assistants.runs.job import Outcome
from config import errors
from usage.holds import services as holds

BATCH = 64
# Of a text that is longer than a model takes, the beginning is embedded; full text finds the rest.
MOST_CHARACTERS = 8_000
# A turn asks memory and documents the same: the vector of a person's question is asked for once.
FRESH_S, MOST_FRESH = 60, 256
logger = logging.getLogger(__name__)
# SECURITY: by person, so that nobody's vector is paid by, or tells of, another.
_fresh: dict[tuple[UUID, UUID, str, str], tuple[float, list[float]]] = {}


@cache
def _of_name(name: str) -> Embedder:
    return EndpointEmbedder(name)


def embedder() -> Embedder | None:
    """None when vectors are off: no model is set. Asks no database."""
    return _of_name(settings.EMBEDDING_MODEL) if settings.EMBEDDING_MODEL else None


def embed_query(*, member: Member, text: str, kind: Kind) -> list[float] | None:
    """The vector of a question, by a run of its own; None when there is nothing to compare it with, when vectors are
    off, and when the call was refused or failed: full text still finds. In the workspace, outside a transaction. The
    same question of the same person costs nothing for a minute.
    """
    used = embedder()
    if used is None or not vectors.has_any(SOURCES[kind], used.model):
        return None
    key = (member.workspace_id, member.user_id, used.model, text)
    known = _fresh.get(key)
    if known is not None and time.monotonic() - known[0] < FRESH_S:
        return known[1]
    try:
        return _remember(key, embed_texts(member=member, texts=[text], used=used)[0])
    except (errors.DomainError, ProviderFailure) as problem:
        logger.info("a question was not embedded: %s", getattr(problem, "code", "refused"))
        return None


def _remember(key: tuple[UUID, UUID, str, str], vector: list[float]) -> list[float]:
    if len(_fresh) >= MOST_FRESH:
        _fresh.clear()
    _fresh[key] = (time.monotonic(), vector)
    return vector


def embed_texts(*, member: Member, texts: list[str], used: Embedder) -> list[list[float]]:
    """Hold, call, settle: no transaction is open while the provider works.

    Raises what `start_run` refuses, QuotaBusy when others hold what is left, and ProviderFailure.
    """
    asked = [text[:MOST_CHARACTERS] or " " for text in texts]
    with transaction.atomic():
        run = runs.start_run(member=member, new=_new_run(used.model, asked))
    claim = holds.claim(run.id)
    if claim is None:
        runs.give_up_waiting(workspace_id=member.workspace_id, run_id=run.id)
        raise QuotaBusy()
    runs.begin_run(run, attempt=claim.attempt, request=None)
    try:
        made = used.embed(asked)
    except ProviderFailure as failure:
        outcome = Outcome()
        outcome.fail(failure)
        runs.finish_run(run_id=run.id, attempt=claim.attempt, outcome=outcome)
        raise
    counted = None if made.input_tokens is None else Usage(made.input_tokens, 0, 0, 0)
    outcome = Outcome(finish_reason="stop", answered_by=used.model, usage=counted, embedded=len(asked))
    runs.finish_run(run_id=run.id, attempt=claim.attempt, outcome=outcome)
    return made.vectors


class QuotaBusy(errors.DomainError):
    """What is left of a limit is held by others at the moment."""

    code = "quota_busy"
    status = 429
    message = "Others use what is left of a limit at the moment. Try again shortly."


def _new_run(model: str, texts: list[str]) -> runs.NewRun:
    return runs.NewRun(
        kind=Run.Kind.EMBEDDING,
        model=model,
        prompt=[{"role": "user", "content": text} for text in texts],
        request={"texts": len(texts)},
        is_run_here=True,
    )


def enqueue(workspace_id: UUID, kind: Kind, ids: list[UUID]) -> None:
    """A broker that is away costs nothing for good: `embed_missing` finds what has no vector."""
    from assistants.recall.tasks import embed_rows  # noqa: PLC0415  tasks call services

    try:
        embed_rows.apply_async(
            kwargs={"workspace_id": str(workspace_id), "kind": kind, "ids": [str(row_id) for row_id in ids]}
        )
    except BrokerError:
        logger.warning("rows were not enqueued for their vectors; the next job finds them")

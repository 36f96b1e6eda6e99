"""A worker's part of a run: claim, prepare, stream, write the end."""

import logging
import time
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.db import DataError, connection
from django.db import Error as DatabaseFailure

from assistants.llm.calls import Call
from assistants.llm.chat import ChatRequest
from assistants.models import Run
from assistants.prompting import builder as prompting
from assistants.prompting.types import Prompt
from assistants.runs import chain, endings, judging, services
from assistants.runs.engine import get_engine
from assistants.runs.job import Job, Outcome, Server
from assistants.runs.publisher import RunStream
from assistants.tools import toolbox as toolboxes
from assistants.tools.types import Toolbox
from config import logs
from tenants.scope import STOP_REASONS, WorkspaceRef, enter, workspace_scope
from usage.features import queries as features
from usage.holds import queries as holds_queries
from usage.holds import services as holds
from usage.holds.types import Claim, HoldLost

LOADED = ("assistant", "message__parent", "message__conversation")
CALL = "call"
"""In `Run.request`, of what is no chat and is asked of the provider by a worker: path, body, upload, facts."""
WRITE_FOR_S = 120
WRITE_AGAIN_S = 1.0
logger = logging.getLogger(__name__)


def execute(*, workspace_id: UUID, run_id: UUID) -> None:
    """Runs it if nobody else does. Safe to call any number of times."""
    claimed_at = time.monotonic()
    claim = holds.claim(run_id)
    if claim is None:
        connection.close()
        return
    with logs.log_context(run_id=str(run_id), workspace_id=str(workspace_id)):
        with workspace_scope(workspace_id, allow_suspended=True) as workspace:
            job, refusal = _prepare(workspace, claim, claimed_at)
        connection.close()
        engine = get_engine()
        if job is None:
            stream = RunStream(workspace_id, run_id, claim.attempt)
            outcome = Outcome(state="stopped" if refusal == "person" else "failed", error_code=_code(refusal))
        else:
            outcome, stream = engine.run(job)
            outcome.gates = judging.gates_of(job.kind, outcome.text)
        if outcome.is_lost:
            logger.warning("the lease was lost; another attempt owns this run")
            return
        run = _write_end(workspace, claim, outcome)
        if run is not None:
            engine.finish(stream, endings.done_data(run))


def _code(reason: str) -> str:
    return "" if reason == "person" else reason


def _prepare(workspace: WorkspaceRef, claim: Claim, claimed_at: float) -> tuple[Job | None, str]:
    """Marks the run as running and builds its request; (None, reason) when it must not run. In the workspace."""
    run = Run.objects.select_related(*LOADED).get(id=claim.hold_id)
    refusal = _refusal(workspace, claim, run)
    toolbox = None if refusal else toolboxes.of_run(run, workspace)
    request, context = (None, {}) if refusal else _request_of(run, claim, toolbox)
    services.begin_run(run, attempt=claim.attempt, request=request, context=context)
    servers, refusal = ((), refusal) if request is None else _servers(run, claim, request)
    if request is None or not servers:
        return None, refusal
    owned = (workspace.id, run.id, claim.attempt)
    job = Job(
        *owned, request, claimed_at, servers, claim.covered, toolbox,
        call=_call_of(run, request), kind=run.kind,
    )  # fmt: skip
    return job, ""


def _servers(run: Run, claim: Claim, request: ChatRequest) -> tuple[tuple[Server, ...], str]:
    """Who may answer, or why nobody may."""
    found, problem = chain.open_servers(run)
    found = chain.that_take(found, run, request.messages)
    try:
        return chain.begin_with(run, claim.attempt, found), "emergency_stop" if found else problem
    except HoldLost:
        return (), "worker_lost"


def _refusal(workspace: WorkspaceRef, claim: Claim, run: Run) -> str:
    """Why the provider must not be called at all: what came while the run was queued."""
    if run.kind == Run.Kind.EMBEDDING and CALL not in run.request:
        # It was run where it was asked for, and who did that is gone.
        return "worker_lost"
    if not workspace.is_active:
        return STOP_REASONS[workspace.state]
    if features.state_of(workspace.id).is_restricted:
        return "workspace_restricted"
    orders = holds_queries.list_stop_orders([claim.hold_id]) if claim.may_be_stopped else []
    return orders[0].reason if orders else ""


def request_of(run: Run, claim: Claim) -> ChatRequest:
    """What `run` sends."""
    return _request_of(run, claim, None)[0]


def _request_of(run: Run, claim: Claim, toolbox: Toolbox | None) -> tuple[ChatRequest, dict[str, Any]]:
    """A reply of a conversation is built from its tree; an API call carries its own messages."""
    body = run.request
    if CALL in body:
        return _request_of_call(run, claim), {}
    temperature = body.get("temperature")
    if run.message is not None and run.assistant is not None:
        temperature = float(run.assistant.temperature)
    built = Prompt(body["messages"], {}) if "messages" in body else prompting.build(prompting.ask_of(run))
    request = ChatRequest(
        model=run.model,
        messages=built.messages,
        max_output_tokens=claim.wanted,
        request_id=f"{run.id}-{claim.attempt}",
        temperature=temperature,
        extra=_extra(body, toolbox),
    )
    return request, built.context


def _request_of_call(run: Run, claim: Claim) -> ChatRequest:
    """For what is no chat: its fields are what the receipt hashes."""
    asked = run.request[CALL]
    extra = {**asked["body"], **({"file": asked["sha256"]} if asked.get("sha256") else {})}
    return ChatRequest(
        model=run.model,
        messages=[],
        max_output_tokens=0,
        request_id=f"{run.id}-{claim.attempt}",
        extra=extra,
    )


def _call_of(run: Run, request: ChatRequest) -> Call | None:
    asked = run.request.get(CALL)
    if asked is None:
        return None
    return Call(
        path=asked["path"],
        body=asked["body"],
        request_id=request.request_id,
        upload=asked.get("upload", ""),
        upload_name=asked.get("upload_name", ""),
        facts=asked["facts"],
    )


def _extra(body: dict[str, Any], toolbox: Toolbox | None) -> dict[str, Any]:
    extra: dict[str, Any] = body.get("extra", {})
    return {**extra, "tools": toolbox.definitions} if toolbox is not None and toolbox.tools else extra


def _write_end(workspace: WorkspaceRef, claim: Claim, outcome: Outcome) -> Run | None:
    """Writes the end; while the database is away it tries again, which the attempt number makes safe.

    An end that the database refuses for what it holds is written as our failure, so that the run does end.
    """
    deadline = time.monotonic() + WRITE_FOR_S
    # It is looked up anew only when something failed: meanwhile it may have been erased.
    scope: AbstractContextManager[Any] = enter(workspace)
    while True:
        try:
            with scope:
                return services.finish_run(run_id=claim.hold_id, attempt=claim.attempt, outcome=outcome)
        except (DataError, UnicodeError):
            logger.exception("the end of a run could not be written as it came")
            outcome = Outcome(state="failed", error_code="internal")
        except DatabaseFailure:
            if time.monotonic() > deadline:
                raise
            logger.warning("the end of a run could not be written; trying again")
            time.sleep(WRITE_AGAIN_S)
        finally:
            connection.close()
        scope = workspace_scope(workspace.id, allow_suspended=True)

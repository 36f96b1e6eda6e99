"""Which class OpenAI's SDK raises for each kind of refusal and failure, and whether it tries again by itself."""

import httpx2
import openai
import pytest
from django.test import RequestFactory

from assistants.llm.catalogue import ModelNotOffered
from assistants.models import Run
from assistants.openai import responder
from assistants.openai.audio import FileTooLarge
from assistants.openai.bodies import InvalidRequest, ModelNotFound
from assistants.runs import words
from config import errors
from tenants.scope import WorkspaceSuspended
from usage.features.queries import FeatureNotIncluded, WorkspaceRestricted
from usage.holds.types import QuotaExceeded, RunsStopped
from usage.pace.middleware import RateLimited

TRIES = 2
BEFORE_A_RUN = [
    (errors.NotSignedIn(), openai.AuthenticationError, "not_signed_in", 1),
    (errors.Forbidden(), openai.PermissionDeniedError, "forbidden", 1),
    (errors.NotFound(), openai.NotFoundError, "not_found", 1),
    (ModelNotFound("No."), openai.NotFoundError, "model_not_found", 1),
    (InvalidRequest("No."), openai.BadRequestError, "invalid_request", 1),
    (FileTooLarge(), openai.APIStatusError, "file_too_large", 1),
    (errors.Conflict(), openai.ConflictError, "conflict", TRIES),
    (ModelNotOffered(), openai.ConflictError, "model_not_offered", TRIES),
    (errors.DomainError(status=422), openai.UnprocessableEntityError, "error", 1),
    (WorkspaceSuspended(), openai.APIStatusError, "workspace_suspended", 1),
    (QuotaExceeded(), openai.RateLimitError, "insufficient_quota", 1),
    (FeatureNotIncluded(), openai.RateLimitError, "insufficient_quota", 1),
    (WorkspaceRestricted(), openai.RateLimitError, "insufficient_quota", 1),
    (RateLimited(data={"retry_after_s": 0}), openai.RateLimitError, "rate_limited", TRIES),
    (RunsStopped(), openai.InternalServerError, "stopped", TRIES),
]
OF_A_RUN = {
    "provider_busy": (openai.RateLimitError, TRIES),
    "provider_unavailable": (openai.InternalServerError, TRIES),
    "provider_unreachable": (openai.InternalServerError, TRIES),
    "provider_timeout": (openai.InternalServerError, TRIES),
    "provider_cut": (openai.InternalServerError, 1),
    "provider_protocol": (openai.InternalServerError, 1),
    "provider_key_refused": (openai.InternalServerError, 1),
    "provider_out_of_credit": (openai.InternalServerError, 1),
    "provider_model_missing": (openai.NotFoundError, 1),
    "provider_refused_request": (openai.BadRequestError, 1),
    "provider_error": (openai.InternalServerError, 1),
    "provider_host_refused": (openai.InternalServerError, 1),
    "provider_key_unreadable": (openai.InternalServerError, 1),
    "model_not_offered": (openai.NotFoundError, 1),
    "worker_lost": (openai.InternalServerError, TRIES),
    "deadline": (openai.InternalServerError, 1),
    "emergency_stop": (openai.InternalServerError, 1),
    "workspace_suspended": (openai.PermissionDeniedError, 1),
    "workspace_archived": (openai.PermissionDeniedError, 1),
    "workspace_deleting": (openai.PermissionDeniedError, 1),
    "workspace_restricted": (openai.RateLimitError, 1),
    "access_ended": (openai.PermissionDeniedError, 1),
    "key_revoked": (openai.AuthenticationError, 1),
    "quota_busy": (openai.RateLimitError, TRIES),
    "quota_exceeded": (openai.RateLimitError, 1),
    "run_stopped": (openai.ConflictError, 1),
    "answer_gone": (openai.InternalServerError, 1),
    "upload_gone": (openai.InternalServerError, 1),
    "internal": (openai.InternalServerError, 1),
}


def raised_for(response) -> tuple[openai.APIStatusError, int]:
    """By an SDK that is answered so, and how often it asked."""
    asked = []

    def answer(request):
        asked.append(request)
        headers = {**dict(response.items()), "retry-after-ms": "1"}
        return httpx2.Response(response.status_code, content=response.content, headers=headers)

    http = httpx2.Client(transport=httpx2.MockTransport(answer), timeout=5)
    sdk = openai.OpenAI(
        api_key="k", base_url="http://127.0.0.1/v1", max_retries=TRIES - 1, timeout=5, http_client=http
    )
    with pytest.raises(openai.APIStatusError) as raised:
        sdk.models.list()
    return raised.value, len(asked)


@pytest.mark.parametrize(
    ("error", "kind", "code", "tries"), BEFORE_A_RUN, ids=[type(row[0]).__name__ for row in BEFORE_A_RUN]
)
def test_refusal_raises_the_class_that_fits(error, kind, code, tries):
    raised, asked = raised_for(errors.render(RequestFactory().get("/v1/models"), error))
    assert (type(raised), raised.code, asked) == (kind, code, tries)
    assert raised.body["message"] == error.message


@pytest.mark.parametrize("code", OF_A_RUN)
def test_failure_of_a_run_raises_the_class_that_fits(code):
    kind, tries = OF_A_RUN[code]
    run = Run(state=Run.State.FAILED, error_code=code)
    raised, asked = raised_for(responder._failure(run))
    assert (type(raised), asked) == (kind, tries)
    is_quota = code in ("quota_exceeded", "workspace_restricted")
    assert raised.code == ("insufficient_quota" if is_quota else code)
    assert raised.body["charged"] is None


def test_every_way_a_run_may_fail_is_in_the_table():
    assert set(OF_A_RUN) == set(words.BY_CODE)

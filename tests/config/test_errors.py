"""One error, three shapes: a page, RFC 9457, and OpenAI's."""

import json

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions as drf

from config import api_errors, errors, logs
from tests import factories


class TooMuch(errors.DomainError):
    code = "too_much"
    status = 429
    message = "That is too much."


def rendered(path: str, error: errors.DomainError):
    request = RequestFactory().get(path)
    request.user = None
    return errors.render(request, error)


def test_problem_has_the_members_of_rfc_9457_and_ours():
    with logs.log_context(request_id="r-1"):
        response = rendered("/api/v1/x", TooMuch(data={"limit": 3, "resets_at": "soon"}))
    assert response["Content-Type"] == "application/problem+json"
    assert (response.status_code, json.loads(response.content)) == (
        429,
        {
            "type": "about:blank",
            "title": "Too many requests",
            "status": 429,
            "code": "too_much",
            "detail": "That is too much.",
            "request_id": "r-1",
            "limit": 3,
            "resets_at": "soon",
        },
    )


def test_data_cannot_replace_what_the_problem_says():
    body = errors.problem(TooMuch(data={"status": 200, "code": "fine", "detail": "x"}))
    assert (body["status"], body["code"], body["detail"]) == (429, "too_much", "That is too much.")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "x", "invalid_request_error"),
        (401, "x", "authentication_error"),
        (403, "x", "permission_error"),
        (404, "x", "not_found_error"),
        (429, "x", "rate_limit_error"),
        (503, "x", "server_error"),
    ],
)
def test_openai_type_follows_the_status(status, code, kind):
    response = rendered("/v1/x", errors.DomainError("Words.", code=code, status=status, data={"param": "n"}))
    assert json.loads(response.content) == {
        "error": {"message": "Words.", "type": kind, "param": "n", "code": code}
    }
    assert response["x-should-retry"] == ("true" if status == 503 else "false")


@pytest.mark.parametrize("code", ["quota_exceeded", "model_unpriced"])
def test_openai_is_told_of_a_used_up_quota_in_its_own_words(code):
    response = rendered("/v1/x", errors.DomainError("Words.", code=code, status=402, data={"param": "n"}))
    assert response.status_code == 429
    assert json.loads(response.content) == {
        "error": {
            "message": "Words.",
            "type": "insufficient_quota",
            "param": "n",
            "code": "insufficient_quota",
        }
    }
    assert response["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ["/v1/x", "/api/x"])
def test_wait_becomes_a_header(path):
    assert rendered(path, TooMuch(data={"retry_after_s": 7}))["Retry-After"] == "7"
    assert "Retry-After" not in rendered(path, TooMuch())


def test_error_says_its_code_and_words_but_not_its_data():
    assert str(TooMuch(data={"secret": "x"})) == "too_much: That is too much."


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (TooMuch(), 429, "too_much"),
        (Http404("hidden words"), 404, "not_found"),
        (PermissionDenied("hidden words"), 403, "forbidden"),
        (drf.NotAuthenticated(), 401, "not_authenticated"),
        (drf.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (drf.ParseError(), 400, "parse_error"),
        (drf.UnsupportedMediaType("x/y"), 415, "unsupported_media_type"),
    ],
)
def test_errors_of_the_rest_framework_take_the_same_shape(raised, status, code):
    error = api_errors.as_domain_error(raised)
    assert (error.status, error.code) == (status, code)
    assert "hidden" not in error.message


def test_unanticipated_error_bubbles():
    assert api_errors.as_domain_error(ZeroDivisionError("secret")) is None


# over the wire


def test_page_shows_words_and_the_request_id(db):
    response = factories.browser().get("/nothing-here", headers={"X-Request-Id": "from-the-caller"})
    page = response.content.decode()
    assert response.status_code == 404
    assert "It does not exist, or you cannot see it." in page
    assert "from-the-caller" in page


@pytest.mark.parametrize("path", ["/api/v1/nothing-here", "/v1/nothing-here"])
def test_unknown_address_of_an_api_is_json(db, path):
    response = factories.browser().get(path)
    assert response.status_code == 404
    assert "json" in response["Content-Type"]


@pytest.mark.parametrize("path", ["/w/acme/", "/api/v1/assistants", "/v1/models"])
def test_bug_shows_nothing_of_itself(db, owner, monkeypatch, path):
    from assistants.builder import queries

    def broken(member):
        raise ZeroDivisionError("internal-detail-4711")

    monkeypatch.setattr(queries, "list_assistants", broken)
    client = factories.with_key(factories.make_key(owner.member), raise_request_exception=False)
    if path.startswith("/w/"):
        client = owner.browser(raise_request_exception=False)
    response = client.get(path)
    assert response.status_code == 500
    assert b"4711" not in response.content
    assert b"Traceback" not in response.content


def test_form_without_its_token_is_refused_in_words(db, owner):
    client = owner.browser(enforce_csrf_checks=True)
    response = client.post("/w/acme/chat/", {"text": "x"})
    assert response.status_code == 403
    assert "too old or came from another site" in response.content.decode()


def test_fragment_gets_a_fragment(db, owner):
    response = owner.browser().get("/w/acme/nothing/", headers={"HX-Request": "true"})
    assert response.status_code == 404
    assert b"<html" not in response.content

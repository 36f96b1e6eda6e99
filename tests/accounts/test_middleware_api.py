"""Who speaks on `/api/` and `/v1/`: a key, or a session that names a workspace and carries a CSRF token."""

import pytest

from accounts.models import ApiKey
from assistants.models import Conversation
from tenants.scope import workspace_scope
from tests import factories

BODY = {"name": "From a page", "scopes": ["view"]}


def post_key(client, **headers):
    return client.post("/api/v1/keys", BODY, content_type="application/json", headers=headers)


def test_session_with_csrf_token_may_write(db, owner):
    client = owner.browser(enforce_csrf_checks=True)
    client.get("/w/acme/chat/")
    token = client.cookies["csrf"].value
    assert post_key(client, **{"X-Workspace": "acme", "X-CSRFToken": token}).status_code == 201


def test_session_without_csrf_token_is_refused_and_nothing_happens(db, owner):
    client = owner.browser(enforce_csrf_checks=True)
    before = ApiKey.objects.count()
    response = post_key(client, **{"X-Workspace": "acme"})
    assert response.status_code == 403
    assert response["Content-Type"] == "application/problem+json"
    assert post_key(client, **{"X-Workspace": "acme", "X-CSRFToken": "wrong"}).status_code == 403
    assert ApiKey.objects.count() == before


def test_session_may_read_without_a_csrf_token(db, owner):
    client = owner.browser(enforce_csrf_checks=True)
    assert client.get("/api/v1/assistants", headers={"X-Workspace": "acme"}).status_code == 200


def test_key_needs_no_csrf_token(db, owner):
    client = factories.with_key(factories.make_key(owner.member), enforce_csrf_checks=True)
    assert post_key(client).status_code == 201


def test_workspace_is_named_by_slug_or_id(db, acme, owner):
    for name in ("acme", str(acme.id)):
        response = owner.browser().get("/api/v1/assistants", headers={"X-Workspace": name})
        assert [row["slug"] for row in response.json()["results"]] == ["steward"]


def test_session_without_a_named_workspace_is_not_signed_in(db, owner):
    response = owner.browser().get("/api/v1/assistants")
    assert (response.status_code, response.json()["code"]) == (401, "not_signed_in")


def test_key_names_its_workspace_whatever_the_header_says(db, acme, owner, globex):
    client = factories.with_key(factories.make_key(owner.member))
    with workspace_scope(acme.id):
        made = factories.make_assistant(owner.member, "Acme only")
    for headers in ({}, {"X-Workspace": "globex"}, {"X-Workspace": str(globex.id)}):
        rows = client.get("/api/v1/assistants", headers=headers).json()["results"]
        assert str(made.id) in [row["id"] for row in rows]


def test_session_alone_does_not_open_the_openai_protocol(db, owner):
    client = owner.browser()
    response = client.get("/v1/models", headers={"X-Workspace": "acme"})
    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("header", ["Bearer ", "Bearer x", "Bearer stw_" + "0" * 44, "bearer nothing"])
def test_wrong_key_is_refused_even_with_a_valid_session(db, owner, header):
    client = owner.browser()
    response = client.get("/api/v1/assistants", headers={"Authorization": header, "X-Workspace": "acme"})
    expected = 200 if header.startswith("bearer") else 401
    assert response.status_code == expected


def test_key_of_a_viewer_cannot_ask(db, acme, viewer):
    client = factories.with_key(factories.make_key(viewer.member))
    with workspace_scope(acme.id):
        before = Conversation.objects.count()
    response = client.post("/api/v1/conversations", {"text": "hi"}, content_type="application/json")
    assert (response.status_code, response.json()["needs"]) == (403, "chat")
    with workspace_scope(acme.id):
        assert Conversation.objects.count() == before


def test_problem_carries_the_request_id_of_its_response(db):
    response = factories.browser().get("/api/v1/assistants", headers={"X-Request-Id": "from-the-caller"})
    assert response["X-Request-Id"] == "from-the-caller"
    assert response.json()["request_id"] == "from-the-caller"


@pytest.mark.parametrize("given", ["short", "x" * 65, "with space in it", "new\nline-in-it"])
def test_malformed_request_id_is_replaced(db, given):
    response = factories.browser().get("/health", headers={"X-Request-Id": given})
    assert response["X-Request-Id"] != given
    assert len(response["X-Request-Id"]) == 16

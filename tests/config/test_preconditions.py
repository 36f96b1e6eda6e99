"""ETag, If-None-Match and If-Match over the REST API."""

import threading

import pytest

from assistants.builder import services as builder
from assistants.models import Assistant
from config import preconditions
from tenants.scope import workspace_scope
from tests import factories


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


@pytest.fixture
def url(acme, owner, client) -> str:
    with workspace_scope(acme.id):
        return f"/api/v1/assistants/{factories.make_assistant(owner.member, 'Tagged').id}"


def patch(client, url, name, **headers):
    return client.patch(url, {"name": name}, content_type="application/json", headers=headers)


def test_detail_has_a_strong_tag_that_follows_what_it_says(client, url):
    first, again = client.get(url), client.get(url)
    assert first["ETag"] == again["ETag"]
    assert first["ETag"].startswith('"')
    assert patch(client, url, "Renamed").status_code == 200
    assert client.get(url)["ETag"] != first["ETag"]


def test_what_is_known_is_not_sent_again(client, url):
    tag = client.get(url)["ETag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        response = client.get(url, headers={"If-None-Match": known})
        assert (response.status_code, response.content, response["ETag"]) == (304, b"", tag)
    assert client.get(url, headers={"If-None-Match": '"x"'}).status_code == 200


def test_change_with_the_present_tag_is_made_and_answers_the_next(client, url):
    response = patch(client, url, "Renamed", **{"If-Match": client.get(url)["ETag"]})
    assert (response.status_code, response.json()["name"]) == (200, "Renamed")
    assert response["ETag"] == client.get(url)["ETag"]
    assert patch(client, url, "Any", **{"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_change_with_a_stale_tag_is_refused(client, url, method):
    stale = client.get(url)["ETag"]
    patch(client, url, "Renamed")
    before = client.get(url).content
    for named in (stale, f"W/{client.get(url)['ETag']}", "nonsense"):
        response = getattr(client, method)(
            url, {"name": "Lost"}, content_type="application/json", headers={"If-Match": named}
        )
        assert (response.status_code, response.json()["code"]) == (412, "precondition_failed")
    assert client.get(url).content == before


def test_what_is_not_there_is_not_found_whatever_the_tag(client):
    url = "/api/v1/assistants/00000000-0000-4000-8000-000000000000"
    assert patch(client, url, "X", **{"If-Match": '"x"'}).status_code == 404


# two writers


@pytest.fixture
def shared(committed):
    workspace = factories.make_workspace(factories.make_user())
    member = factories.owner_of(workspace)
    with workspace_scope(workspace.id):
        made = factories.make_assistant(member, "Shared")
    return workspace, member, made, factories.with_key(factories.make_key(member))


def edit_elsewhere(workspace, member, made) -> None:
    """By a page, in a connection of its own: it sends no tag and takes no part in ours."""

    def edit():
        from django.db import connection

        with workspace_scope(workspace.id):
            row = Assistant.objects.get(id=made.id)
            builder.edit_assistant(member=member, assistant=row, changes={"name": "Elsewhere"}, base=None)
        connection.close()

    thread = threading.Thread(target=edit)
    thread.start()
    thread.join(timeout=20)


def race(shared, monkeypatch) -> int:
    """The tag is compared; then somebody else changes the row; then the change goes on."""
    workspace, member, made, client = shared
    url, compare, seen = f"/api/v1/assistants/{made.id}", preconditions._compare, []

    def compare_and_be_late(present, named):
        compare(present, named)
        if not seen:
            seen.append(1)
            edit_elsewhere(workspace, member, made)

    monkeypatch.setattr(preconditions, "_compare", compare_and_be_late)
    response = patch(client, url, "Mine", **{"If-Match": client.get(url)["ETag"]})
    assert seen == [1]
    return response.status_code


def name_of(shared) -> str:
    with workspace_scope(shared[0].id):
        return Assistant.objects.get(id=shared[2].id).name


def test_who_comes_second_is_refused(shared, monkeypatch):
    assert race(shared, monkeypatch) == 412
    assert name_of(shared) == "Elsewhere"


def test_without_the_snapshot_the_first_change_is_lost(shared, monkeypatch):
    """The control."""

    class Inside:
        in_atomic_block = True

    monkeypatch.setattr(preconditions, "connection", Inside())
    assert race(shared, monkeypatch) == 200
    assert name_of(shared) == "Mine"

"""A workspace that requires two factors: who may say so, who is kept out until then, and where they are led."""

import pytest
from allauth.mfa.models import Authenticator

from accounts import revocation
from accounts.signin import services as signin
from tenants.models import AuditEntry, Workspace
from tests import factories

PATH = "/w/{}/settings/security/"


@pytest.fixture
def place(db):
    """A workspace of its own with owner and member."""
    founder, user = factories.make_user(), factories.make_user()
    workspace = factories.make_workspace(founder)
    factories.join(workspace, user, "member")
    return workspace, founder, user


def give_factor(user) -> None:
    Authenticator.objects.create(user=user, type="totp", data={"secret": "sealed"})


def requires(workspace) -> bool:
    return Workspace.objects.get(id=workspace.id).requires_two_factors


def switch(client, workspace, *, on: bool):
    return client.post(PATH.format(workspace.slug), {"required": "on"} if on else {})


def test_who_has_none_cannot_require_it(place):
    workspace, founder, _ = place
    response = switch(factories.sign_in(founder), workspace, on=True)
    assert response.status_code == 409
    assert "Set up a second factor for yourself first" in response.content.decode()
    assert not requires(workspace)


def test_switch_is_entered_once(place):
    workspace, founder, _ = place
    give_factor(founder)
    client = factories.sign_in(founder)
    for _ in range(2):
        assert switch(client, workspace, on=True).status_code == 302
    assert requires(workspace)
    (entry,) = AuditEntry.objects.filter(action="workspace.two_factors_set", workspace_id=workspace.id)
    assert entry.data == {
        "before": {"requires_two_factors": False}, "after": {"requires_two_factors": True},
    }  # fmt: skip
    assert switch(client, workspace, on=False).status_code == 302
    assert not requires(workspace)


def test_members_may_not_switch(place):
    workspace, _, user = place
    give_factor(user)
    assert switch(factories.sign_in(user), workspace, on=True).status_code == 403
    assert not requires(workspace)


def test_page_says_how_many_lack_one(place):
    workspace, founder, _ = place
    give_factor(founder)
    assert b"One member has none yet." in factories.sign_in(founder).get(PATH.format(workspace.slug)).content


@pytest.fixture
def strict(place):
    workspace, founder, user = place
    give_factor(founder)
    Workspace.objects.filter(id=workspace.id).update(requires_two_factors=True)
    return workspace, founder, user


@pytest.mark.parametrize("path", ["", "chat/", "assistants/", "keys/", "usage/", "receipts/", "keys/new/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_member_without_one_is_led_to_set_one_up(strict, path, method):
    workspace, _, user = strict
    client = factories.sign_in(user)
    response = getattr(client, method)(f"/w/{workspace.slug}/{path}")
    assert (response.status_code, response["Location"]) == (302, f"/me/security/?for={workspace.slug}")


def test_the_page_they_are_led_to_says_why(strict):
    workspace, _, user = strict
    client = factories.sign_in(user)
    content = client.get(f"/me/security/?for={workspace.slug}").content.decode()
    assert f"{workspace.name} requires a second factor" in content
    give_factor(user)
    assert (
        "The workspace is open to you." in client.get(f"/me/security/?for={workspace.slug}").content.decode()
    )


def test_whoever_has_one_comes_in_and_recovery_codes_are_none(strict):
    workspace, founder, user = strict
    assert factories.sign_in(founder).get(f"/w/{workspace.slug}/").status_code == 200
    Authenticator.objects.create(user=user, type="recovery_codes", data={})
    assert factories.sign_in(user).get(f"/w/{workspace.slug}/").status_code == 302
    give_factor(user)
    assert factories.sign_in(user).get(f"/w/{workspace.slug}/").status_code == 200


def test_other_workspaces_of_the_person_stay_open(strict):
    _, _, user = strict
    own = factories.make_workspace(user)
    assert factories.sign_in(user).get(f"/w/{own.slug}/").status_code == 200


def test_api_sessions_and_keys_are_refused_with_a_code(strict):
    workspace, founder, user = strict
    session = factories.sign_in(user, headers={"X-Workspace": workspace.slug})
    key = factories.with_key(factories.make_key(factories.member_of(workspace, user)))
    for client in (session, key):
        response = client.get("/api/v1/assistants")
        assert (response.status_code, response.json()["code"]) == (403, "two_factors_required")
        assert response.json()["action_url"] == f"/me/security/?for={workspace.slug}"
    response = key.get("/v1/models")
    assert (response.status_code, response.json()["error"]["code"]) == (403, "two_factors_required")
    good = factories.with_key(factories.make_key(factories.member_of(workspace, founder)))
    assert good.get("/api/v1/assistants").status_code == 200


def test_it_costs_one_query_where_it_is_required_and_none_elsewhere(strict, assert_queries, rf):
    from dataclasses import replace

    from accounts.signin import gate
    from tenants.scope import get_ref

    workspace, founder, _ = strict
    member, ref = factories.member_of(workspace, founder), get_ref(id=workspace.id)
    with assert_queries(1):
        gate.two_factors(rf.get("/"), ref, member)
    with assert_queries(0):
        gate.two_factors(rf.get("/"), replace(ref, requires_two_factors=False), member)


def test_switching_it_on_ends_streams_of_those_without(
    place, monkeypatch, django_capture_on_commit_callbacks
):
    workspace, founder, user = place
    give_factor(founder)
    told = []
    monkeypatch.setattr(revocation, "_announce", lambda kind, identifier: told.append((kind, identifier)))
    with django_capture_on_commit_callbacks(execute=True):
        signin.set_two_factors_required(member=factories.member_of(workspace, founder), required=True)
    assert told == [("membership", str(factories.member_of(workspace, user).membership_id))]

"""/w/<slug>/members/: the list, inviting, roles, removing, leaving, handing over."""

from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.members import matrix
from accounts.models import Invitation, Membership
from accounts.permissions import ROLE_PERMISSIONS, Permission
from tenants.models import AuditEntry
from tests import factories
from tests.factories import PASSWORD, Role
from tests.invited import age, invite
from usage.features.keys import Feature

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return factories.make_workspace(factories.make_user(display_name="Grace Hopper"))


@pytest.fixture
def boss(workspace):
    owner = Membership.objects.get(workspace_id=workspace.id, role=Role.OWNER)
    return factories.Person(owner.user, workspace, factories.member_of(workspace, owner.user))


@pytest.fixture
def members(workspace):
    return f"/w/{workspace.slug}/members/"


def person(workspace, role: str, name: str = "") -> factories.Person:
    user = factories.make_user(display_name=name)
    return factories.Person(user, workspace, factories.join(workspace, user, role))


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def prove(client) -> None:
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302


# the list


def test_managers_see_addresses_invitations_seats_and_second_factors(workspace, boss, members):
    other = person(workspace, Role.VIEWER, "Ada Lovelace")
    Authenticator.objects.create(user=other.user, type=Authenticator.Type.TOTP, data={})
    factories.give_rights(workspace.id, *Feature.values, seats=4)
    age(invite(boss.member, "expired@example.test"))
    invite(boss.member, "pending@example.test")
    page = text_of(boss.browser().get(members))
    for expected in (
        "Ada Lovelace", other.user.email, "pending@example.test", "expired@example.test", ">Expired<", ">Pending<",
        "<strong>3</strong> of <strong>4</strong> seats taken, 1 of them by invitations.",
        "<dt>Two factors</dt><dd>on</dd>", "Invited by Grace Hopper",
    ):  # fmt: skip
        assert expected in page, expected
    viewer = text_of(other.browser().get(members))
    assert "Grace Hopper" in viewer
    for hidden in (
        boss.user.email,
        "pending@example.test",
        "seats taken",
        "Two factors",
        "Last seen",
        "Invite people",
    ):
        assert hidden not in viewer, hidden


def test_search_finds_names_and_for_managers_addresses(workspace, boss, members):
    ada = person(workspace, Role.MEMBER, "Ada Lovelace")
    nameless = person(workspace, Role.MEMBER)
    part = nameless.user.email.split("@")[0]

    def found(client, text: str) -> set[str]:
        return {row.user.email for row in client.get(members, {"q": text}).context["people"]}

    assert found(boss.browser(), "lovel") == {ada.user.email}
    assert found(boss.browser(), ada.user.email) == {ada.user.email}
    assert found(ada.browser(), "hopper") == {boss.user.email}
    assert found(ada.browser(), boss.user.email) == set()
    assert found(ada.browser(), part) == {nameless.user.email}
    assert "Nobody is called so" in text_of(boss.browser().get(members, {"q": "zzz"}))


def test_list_costs_the_same_for_two_and_for_twenty(workspace, boss, members):
    client = boss.browser()
    person(workspace, Role.MEMBER)
    invite(boss.member, "first@example.test")
    client.get(members)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(members).status_code == 200
        return len([row for row in captured if not row["sql"].startswith("SET search_path")])

    few = queries()
    for number in range(18):
        person(workspace, Role.MEMBER)
        invite(boss.member, f"p{number}@example.test")
    assert queries() == few <= 30


def test_actions_are_offered_to_whom_they_are_open(workspace, boss, members):
    admin = person(workspace, Role.ADMIN)
    page = admin.browser().get(members).content.decode()
    assert f"{members}{admin.member.membership_id}/role/" in page
    assert f"{members}{boss.member.membership_id}/role/" not in page
    assert f"{members}transfer/" not in page
    assert (
        f"{members}transfer/?to={admin.member.membership_id}" in boss.browser().get(members).content.decode()
    )


# inviting


def test_list_is_shown_back_and_what_cannot_be_read_stays_in_the_form(boss, members):
    response = boss.browser().post(
        f"{members}invite/", {"addresses": f"a@x.test, oops\n{boss.user.email}", "role": "viewer"}
    )
    assert response.status_code == 200
    assert [(row.text, str(row.verdict)) for row in response.context["judged"]] == [
        ("a@x.test", "invited"), ("oops", "malformed"), (boss.user.email, "already_member"),
    ]  # fmt: skip
    page = text_of(response)
    assert "1 invited" in page
    assert response.context["form"]["addresses"].value() == "oops"
    assert response.context["form"]["role"].value() == "viewer"


def test_refused_list_comes_back_filled_and_nobody_is_invited(workspace, boss, members):
    factories.give_rights(workspace.id, *Feature.values, seats=2)
    text = "a@x.test\nb@x.test"
    response = boss.browser().post(f"{members}invite/", {"addresses": text, "role": "member"})
    assert response.status_code == 402
    assert response.context["form"]["addresses"].value() == text
    page = text_of(response)
    assert "Nobody was invited" in page and "1 is free, and 2 are needed" in page
    assert not Invitation.objects.filter(workspace_id=workspace.id).exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"addresses": "", "role": "member"}, "Type or paste at least one address."),
        ({"addresses": " ,; ", "role": "member"}, "Type or paste at least one address."),
        ({"addresses": "a@x.test", "role": "owner"}, "owner is not one of the available choices"),
        (
            {"addresses": ",".join(f"p{n}@x.test" for n in range(101)), "role": "member"},
            "These are 101 addresses.",
        ),
    ],
)
def test_form_that_cannot_be_right_is_refused(workspace, members, fields, said):
    response = person(workspace, Role.ADMIN).browser().post(f"{members}invite/", fields)
    assert response.status_code == 422
    assert said in text_of(response)
    assert response.context["form"]["addresses"].value() == fields["addresses"]
    assert not Invitation.objects.filter(workspace_id=workspace.id).exists()


def test_invitation_is_sent_again_and_taken_back(boss, members):
    invitation = invite(boss.member, "ada@example.test")
    client = boss.browser()
    response = client.post(f"{members}invitations/{invitation.id}/resend/", follow=True)
    assert "was sent just now" in text_of(response)
    age(invitation)
    response = client.post(f"{members}invitations/{invitation.id}/resend/", follow=True)
    assert "Sent to ada@example.test again." in text_of(response)
    assert "Take the invitation back?" in text_of(client.get(f"{members}invitations/{invitation.id}/revoke/"))
    response = client.post(f"{members}invitations/{invitation.id}/revoke/", follow=True)
    assert "The invitation to ada@example.test is taken back." in text_of(response)
    assert client.post(f"{members}invitations/{invitation.id}/revoke/").status_code == 404


# roles


def test_role_is_changed(workspace, boss, members):
    other = person(workspace, Role.MEMBER, "Ada Lovelace")
    response = boss.browser().post(
        f"{members}{other.member.membership_id}/role/", {"role": "admin"}, follow=True
    )
    assert "Ada Lovelace is now admin here." in text_of(response)
    assert factories.member_of(workspace, other.user).role == "admin"


def test_owner_is_made_only_upon_a_fresh_proof(workspace, boss, members):
    other, client = person(workspace, Role.MEMBER), boss.browser()
    url = f"{members}{other.member.membership_id}/role/"
    response = client.post(url, {"role": "owner"})
    assert response.status_code == 302 and "/accounts/reauthenticate/" in response["Location"]
    assert factories.member_of(workspace, other.user).role == "member"
    prove(client)
    assert client.post(url, {"role": "owner"})["Location"] == members
    assert factories.member_of(workspace, other.user).role == "owner"


def test_admin_is_not_offered_an_owners_role(workspace, boss, members):
    client = person(workspace, Role.ADMIN).browser()
    assert client.get(f"{members}{boss.member.membership_id}/role/").status_code == 403
    assert client.get(f"{members}{boss.member.membership_id}/remove/").status_code == 403
    assert client.post(f"{members}{boss.member.membership_id}/remove/").status_code == 403
    assert factories.member_of(workspace, boss.user).role == "owner"


def test_last_owner_is_told_so_and_stays(workspace, boss, members):
    client = boss.browser()
    response = client.post(f"{members}{boss.member.membership_id}/role/", {"role": "viewer"})
    assert (response.status_code, response.context["code"]) == (409, "last_owner")
    assert "You are its only owner" in text_of(client.get(f"{members}leave/"))
    assert client.post(f"{members}leave/").status_code == 409
    assert factories.member_of(workspace, boss.user).role == "owner"


def test_member_leaves_and_is_led_to_their_workspaces(workspace, members):
    other = person(workspace, Role.VIEWER)
    client = other.browser()
    assert "To come back you need an invitation" in text_of(client.get(f"{members}leave/"))
    assert client.post(f"{members}leave/")["Location"] == "/me/"
    assert client.get(members).status_code == 404
    assert not Membership.objects.filter(id=other.member.membership_id).exists()


def test_member_is_removed(workspace, boss, members):
    other = person(workspace, Role.MEMBER, "Ada Lovelace")
    url = f"{members}{other.member.membership_id}/remove/"
    assert "Remove Ada Lovelace?" in text_of(boss.browser().get(url))
    assert "Ada Lovelace is no longer in" in text_of(boss.browser().post(url, follow=True))
    assert other.browser().get(members).status_code == 404


def test_workspace_is_handed_over_only_upon_a_fresh_proof(workspace, boss, members):
    other, client = person(workspace, Role.MEMBER, "Ada Lovelace"), boss.browser()
    fields = {"membership": str(other.member.membership_id)}
    for send in (client.get, lambda url: client.post(url, fields)):
        assert "/accounts/reauthenticate/" in send(f"{members}transfer/")["Location"]
    assert factories.member_of(workspace, boss.user).role == "owner"
    prove(client)
    assert "Ada Lovelace" in text_of(client.get(f"{members}transfer/?to={other.member.membership_id}"))
    assert client.post(f"{members}transfer/", {"membership": str(uuid4())}).status_code == 422
    response = client.post(f"{members}transfer/", fields, follow=True)
    assert "Ada Lovelace owns" in text_of(response)
    assert (
        factories.member_of(workspace, boss.user).role,
        factories.member_of(workspace, other.user).role,
    ) == (
        "admin",
        "owner",
    )


def test_matrix_shows_every_permission_of_every_role(boss, members):
    page = text_of(boss.browser().get(f"{members}roles/"))
    for row in matrix.rows():
        assert row.permission in Permission
        assert row.words[1:] in page.replace("&#x27;", "'")
    ticks = sum(len(allowed) for allowed in ROLE_PERMISSIONS.values())
    assert page.count('<span class="visually-hidden">yes</span>') == ticks


# the API


def test_api_lists_changes_and_removes(workspace, boss):
    other = person(workspace, Role.MEMBER, "Ada Lovelace")
    client = factories.with_key(factories.make_key(boss.member))
    body = client.get("/api/v1/members").json()
    assert [(row["name"], row["role"]) for row in body["results"]] == [
        ("Ada Lovelace", "member"),
        ("Grace Hopper", "owner"),
    ]
    assert body["results"][0] == {
        "id": str(other.member.membership_id), "name": "Ada Lovelace", "email": other.user.email, "role": "member",
        "has_two_factors": False, "joined_at": body["results"][0]["joined_at"], "person": str(other.user.id),
    }  # fmt: skip
    seen = factories.with_key(factories.make_key(other.member)).get("/api/v1/members").json()["results"]
    assert {(row["email"], row["has_two_factors"]) for row in seen} == {(None, None)}
    url = f"/api/v1/members/{other.member.membership_id}"
    changed = client.patch(url, {"role": "viewer"}, content_type="application/json")
    assert (changed.status_code, changed.json()["role"]) == (200, "viewer")
    refused = client.patch(
        f"/api/v1/members/{boss.member.membership_id}", {"role": "viewer"}, content_type="application/json"
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == 404


def test_api_invites_sends_again_and_takes_back(workspace, boss):
    client = factories.with_key(factories.make_key(boss.member))
    fields = {"emails": ["Ada <ada@example.test>", "oops"], "role": "viewer"}
    response = client.post("/api/v1/invitations", fields, content_type="application/json")
    assert response.status_code == 201
    first, second = response.json()["results"]
    assert (first["verdict"], first["email"], first["invitation"]["state"]) == (
        "invited", "ada@example.test", "pending",
    )  # fmt: skip
    assert (second["verdict"], second["email"], second["invitation"]) == ("malformed", None, None)
    assert "token" not in response.content.decode()
    url = f"/api/v1/invitations/{first['invitation']['id']}"
    refused = client.post(f"{url}/resend")
    assert (refused.status_code, refused.json()["code"]) == (429, "sent_just_now")
    assert [row["email"] for row in client.get("/api/v1/invitations").json()["results"]] == [
        "ada@example.test"
    ]
    assert client.delete(url).status_code == 204
    assert client.get("/api/v1/invitations").json()["results"] == []
    assert AuditEntry.objects.filter(workspace_id=workspace.id, actor_kind="api_key").count() == 2


def test_api_makes_no_owner_by_an_admins_key(workspace, boss):
    admin, other = person(workspace, Role.ADMIN), person(workspace, Role.MEMBER)
    client = factories.with_key(factories.make_key(admin.member))
    url = f"/api/v1/members/{other.member.membership_id}"
    refused = client.patch(url, {"role": "owner"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_above_own")
    fields = {"emails": ["x@example.test"], "role": "owner"}
    refused = client.post("/api/v1/invitations", fields, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_above_own")
    assert not Invitation.objects.filter(workspace_id=workspace.id).exists()

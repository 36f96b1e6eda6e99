"""/invitations/<token>/: what a link shows to whom, and how somebody joins, new or known."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail as django_mail
from django.utils import timezone

from accounts import services as accounts_services
from accounts.legal import signup
from accounts.members import queries, services
from accounts.members.models import State
from accounts.models import Membership, User
from accounts.signin import brakes
from tenants.models import AuditEntry, Workspace
from tests import factories
from tests.factories import PASSWORD, Role
from tests.invited import age, invite, path_to
from usage.features.keys import Feature

pytestmark = pytest.mark.django_db
NEW = "newcomer@elsewhere.test"


@pytest.fixture
def workspace():
    return factories.make_workspace(factories.make_user(display_name="Grace Hopper"))


@pytest.fixture
def boss(workspace):
    return factories.owner_of(workspace)


@pytest.fixture
def ada():
    return factories.make_user()


def is_in(workspace, user) -> bool:
    return Membership.objects.filter(workspace_id=workspace.id, user=user).exists()


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


# shown


def test_link_shows_workspace_inviter_and_role_and_changes_nothing(workspace, boss, ada):
    invitation = invite(boss, ada.email, "viewer")
    path = path_to(invitation)
    entries = AuditEntry.objects.count()
    for client in (factories.browser(), factories.sign_in(ada)):
        response = client.get(path)
        page = text_of(response)
        assert response.status_code == 200
        assert f"Join {workspace.name}" in page
        assert "Grace Hopper invites you as a <strong>viewer</strong>" in page
        assert "no-store" in response["Cache-Control"]
    assert not is_in(workspace, ada)
    assert AuditEntry.objects.count() == entries
    invitation.refresh_from_db()
    assert invitation.state(timezone.now()) == State.PENDING


def test_wrong_person_sees_a_masked_address_and_changes_nothing(workspace, boss, ada):
    path = path_to(invite(boss, "mary.ann@acme.test"))
    client = factories.sign_in(ada)
    page = text_of(client.get(path))
    assert "This invitation is for another address" in page
    assert "m…@acme.test" in page and "mary.ann" not in page
    for answer in ("accept", "decline"):
        response = client.post(path, {"answer": answer})
        assert response.status_code == 403
        assert "mary.ann" not in response.content.decode()
    assert not is_in(workspace, ada)
    assert queries.get_invitation(path.split("/")[2]).state(timezone.now()) == State.PENDING


@pytest.mark.parametrize(
    ("state", "status", "title"),
    [
        ("expired", 410, "This invitation has expired"),
        ("revoked", 410, "This invitation was taken back"),
        ("declined", 410, "This invitation was declined"),
        ("accepted", 410, "This invitation was used"),
        ("unknown", 404, "No such invitation"),
    ],
)
def test_ended_link_says_how_to_anybody(workspace, boss, ada, state, status, title):
    invitation = invite(boss, ada.email)
    path = path_to(invitation)
    if state == "expired":
        age(invitation)
    elif state == "revoked":
        services.revoke(member=boss, invitation_id=invitation.id)
    elif state == "declined":
        services.decline(user=ada, invitation_id=invitation.id)
    elif state == "accepted":
        services.accept(user=ada, invitation_id=invitation.id)
    else:
        path = path[:-2] + ("a/" if path[-2] != "a" else "b/")
    members = Membership.objects.filter(workspace_id=workspace.id).count()
    for client in (factories.browser(), factories.sign_in(factories.make_user())):
        for response in (client.get(path), client.post(path, {"answer": "accept"})):
            assert response.status_code == status
            assert title in text_of(response)
            assert workspace.name not in response.content.decode()
    assert Membership.objects.filter(workspace_id=workspace.id).count() == members


def test_used_link_leads_whoever_used_it_into_the_workspace(workspace, boss, ada):
    path = path_to(invite(boss, ada.email))
    client = factories.sign_in(ada)
    client.post(path, {"answer": "accept"})
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (302, f"/w/{workspace.slug}/")


def test_links_that_lead_nowhere_are_counted(monkeypatch, boss, ada):
    monkeypatch.setitem(brakes.LIMITS, "invitation", brakes.Limits(None, brakes.Limit(3, 60)))
    path = path_to(invite(boss, ada.email))
    client = factories.browser()
    assert [client.get(path).status_code for _ in range(5)] == [200] * 5
    assert [client.get("/invitations/made-up/").status_code for _ in range(3)] == [404] * 3
    response = client.get(path)
    assert (response.status_code, response.context["code"]) == (429, "too_many_tries")
    assert 0 < int(response["Retry-After"]) <= 60
    assert factories.browser().get(path).status_code == 200


# answered


def test_signed_in_person_joins(workspace, boss, ada):
    path = path_to(invite(boss, ada.email, "admin"))
    response = factories.sign_in(ada).post(path, {"answer": "accept"}, follow=True)
    assert response.redirect_chain == [(f"/w/{workspace.slug}/", 302)]
    assert f"Welcome to {workspace.name}." in text_of(response)
    assert factories.member_of(workspace, ada).role == "admin"


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_whoever_has_the_link_declines(workspace, boss, ada, is_signed_in):
    invitation = invite(boss, ada.email)
    path = path_to(invitation)
    client = factories.sign_in(ada) if is_signed_in else factories.browser()
    assert "You declined" in text_of(client.post(path, {"answer": "decline"}))
    invitation.refresh_from_db()
    assert invitation.state(timezone.now()) == State.DECLINED
    assert not is_in(workspace, ada)


def test_unknown_answer_changes_nothing(workspace, boss, ada):
    path = path_to(invite(boss, ada.email))
    for client in (factories.browser(), factories.sign_in(ada)):
        for answer in ("", "maybe", "sign-in" if client.session.get("_auth_user_id") else "accept"):
            assert client.post(path, {"answer": answer}).status_code == 422
    assert not is_in(workspace, ada)


def test_full_plan_says_so_and_the_link_stays_good(workspace, boss, ada):
    path = path_to(invite(boss, ada.email))
    factories.give_rights(workspace.id, *Feature.values, seats=1)
    client = factories.sign_in(ada)
    response = client.post(path, {"answer": "accept"})
    assert (response.status_code, response.context["code"]) == (402, "seats_full")
    assert not is_in(workspace, ada)
    factories.give_rights(workspace.id, *Feature.values, seats=2)
    assert client.post(path, {"answer": "accept"}).status_code == 302


# signing in, signing up


def test_known_person_signs_in_and_is_in(workspace, boss, ada):
    path = path_to(invite(boss, ada.email))
    client = factories.browser()
    page = text_of(client.get(path))
    assert "Sign in and join" in page and "Create an account" not in page
    response = client.post(path, {"answer": "sign-in"})
    assert response["Location"] == f"/accounts/login/?next={path.replace('/', '%2F')}"
    assert not is_in(workspace, ada)
    response = client.post(
        "/accounts/login/", {"login": ada.email, "password": PASSWORD, "next": path}, follow=True
    )
    assert response.redirect_chain[-1] == (f"/w/{workspace.slug}/", 302)
    assert is_in(workspace, ada)


def test_link_alone_joins_nobody_who_did_not_ask_to(workspace, boss, ada):
    """A page elsewhere can make a browser open a link, but not press Join."""
    client = factories.sign_in(ada)
    assert client.get(path_to(invite(boss, ada.email))).status_code == 200
    assert not is_in(workspace, ada)


def test_person_who_signs_in_as_somebody_else_does_not_join(workspace, boss, ada):
    path, other = path_to(invite(boss, ada.email)), factories.make_user()
    client = factories.browser()
    client.post(path, {"answer": "sign-in"})
    response = client.post(
        "/accounts/login/", {"login": other.email, "password": PASSWORD, "next": path}, follow=True
    )
    assert "This invitation is for another address" in text_of(response)
    assert not is_in(workspace, other)


def sign_up(client, email: str, path: str):
    fields = {"email": email, "password1": PASSWORD, "next": path, signup.FIELD: signup.shown()}
    return client.post("/accounts/signup/", fields, follow=True)


def test_new_person_signs_up_without_a_second_mail_and_is_in(workspace, boss):
    path = path_to(invite(boss, NEW, "viewer"))
    sent = len(django_mail.outbox)
    client = factories.browser()
    assert "Create an account and join" in text_of(client.get(path))
    response = client.post(path, {"answer": "sign-up"}, follow=True)
    assert f'value="{NEW}"' in response.content.decode()
    response = sign_up(client, NEW, path)
    assert response.redirect_chain[-1] == (f"/w/{workspace.slug}/", 302)
    assert EmailAddress.objects.get(email=NEW).verified
    user = User.objects.get(email=NEW)
    assert factories.member_of(workspace, user).role == "viewer"
    assert [row.is_personal for row in Workspace.objects.filter(memberships__user=user)].count(True) == 1
    assert not [message for message in django_mail.outbox[sent:] if "confirm" in message.body.lower()]


def test_address_that_a_new_person_types_instead_is_not_proven_by_the_link(workspace, boss):
    """They hold the mailbox that was invited, so that is whose account it is; the other one waits to be confirmed."""
    path = path_to(invite(boss, NEW))
    client = factories.browser()
    client.post(path, {"answer": "sign-up"})
    sign_up(client, "other@elsewhere.test", path)
    user = User.objects.get(email=NEW)
    found = EmailAddress.objects.filter(user=user).order_by("email")
    assert [(row.email, row.verified) for row in found] == [(NEW, True), ("other@elsewhere.test", False)]
    assert is_in(workspace, user)


def test_address_is_proven_by_the_link_only_for_the_browser_that_opened_it(boss):
    path = path_to(invite(boss, NEW))
    factories.browser().post(path, {"answer": "sign-up"})
    response = sign_up(factories.browser(), NEW, path)
    assert not EmailAddress.objects.get(email=NEW).verified
    assert response.redirect_chain[-1][0] == "/accounts/confirm-email/"


def test_expired_link_proves_no_address(boss):
    invitation = invite(boss, NEW)
    path = path_to(invitation)
    age(invitation, timedelta(days=8))
    client = factories.browser()
    assert client.post(path, {"answer": "sign-up"}).status_code == 410
    sign_up(client, NEW, "/")
    assert not EmailAddress.objects.get(email=NEW).verified


def test_invited_into_a_personal_workspace_somebody_still_gets_their_own(ada):
    host = factories.make_user()
    home = accounts_services.ensure_personal_workspace(host)
    factories.give_everything(home.id)
    accounts_services.add_member(
        workspace_id=home.id, user=ada, role=Role.MEMBER, actor=accounts_services.person_actor(host)
    )
    own = accounts_services.ensure_personal_workspace(ada)
    assert own.id != home.id
    assert accounts_services.ensure_personal_workspace(ada).id == own.id


# on the person's own page


def test_own_page_shows_invitations_to_proven_addresses_and_takes_answers(workspace, boss, ada):
    EmailAddress.objects.create(user=ada, email="unproven@example.test", verified=False)
    mine = invite(boss, ada.email)
    theirs = invite(boss, "unproven@example.test")
    client = factories.sign_in(ada)
    page = client.get("/me/").content.decode()
    assert f"/me/invitations/{mine.id}/" in page
    assert f"/me/invitations/{theirs.id}/" not in page
    assert client.post(f"/me/invitations/{theirs.id}/", {"answer": "accept"}).status_code == 404
    response = client.post(f"/me/invitations/{mine.id}/", {"answer": "accept"})
    assert (response.status_code, response["Location"]) == (302, f"/w/{workspace.slug}/")
    page = text_of(client.get("/me/"))
    assert workspace.name in page and "You are member" in page
    assert f"/w/{workspace.slug}/members/leave/" in page


def test_own_page_declines(workspace, boss, ada):
    mine = invite(boss, ada.email)
    client = factories.sign_in(ada)
    assert client.post(f"/me/invitations/{mine.id}/", {"answer": "decline"})["Location"] == "/me/"
    mine.refresh_from_db()
    assert mine.state(timezone.now()) == State.DECLINED
    assert not is_in(workspace, ada)

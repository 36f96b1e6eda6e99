"""From sign-up over the mail to a workspace of one's own; and what never depends on the Host header."""

import re
import secrets

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from accounts import services
from accounts.legal import signup
from accounts.models import Membership, User
from tenants.models import Domain, Workspace
from tests import factories
from tests.factories import PASSWORD
from tests.mails import sent_to

LINK = re.compile(r"https?://\S+")


@pytest.fixture
def address() -> str:
    return f"new-{secrets.token_hex(5)}@example.test"


def sign_up(client: Client, address: str):
    return client.post(
        "/accounts/signup/", {"email": address, "password1": PASSWORD, "accepts": signup.shown()}
    )


def link_in(message) -> str:
    (link,) = set(LINK.findall(message.body))
    return link


def path_of(link: str, base: str) -> str:
    assert link.startswith(base + "/accounts/")
    return link.removeprefix(base)


def personal_workspaces(user: User) -> list[Workspace]:
    return list(Workspace.objects.filter(is_personal=True, memberships__user=user))


def test_sign_up_mails_one_link_and_makes_no_workspace_yet(db, address, settings):
    client = factories.browser()
    response = sign_up(client, address)
    assert (response.status_code, response["Location"]) == (302, "/accounts/confirm-email/")
    assert len(sent_to(address)) == 1
    path_of(link_in(sent_to(address)[0]), settings.BASE_URL)
    user = User.objects.get(email=address)
    assert personal_workspaces(user) == []
    assert "_auth_user_id" not in client.session


def test_unverified_person_cannot_sign_in(db, address):
    sign_up(factories.browser(), address)
    client = factories.browser()
    response = client.post("/accounts/login/", {"login": address, "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/accounts/confirm-email/")
    assert "_auth_user_id" not in client.session


def test_verified_person_gets_one_personal_workspace_and_lands_in_it(db, address, settings):
    client = factories.browser()
    sign_up(client, address)
    path = path_of(link_in(sent_to(address)[0]), settings.BASE_URL)
    assert client.get(path).status_code == 200
    user = User.objects.get(email=address)
    assert not EmailAddress.objects.get(user=user).verified, "a link scanner's GET must not confirm"
    assert personal_workspaces(user) == []
    response = client.post(path, follow=True)
    (workspace,) = personal_workspaces(user)
    assert (response.redirect_chain[-1], response.status_code) == ((f"/w/{workspace.slug}/", 302), 200)
    assert client.session["_auth_user_id"] == str(user.id)
    membership = Membership.objects.get(workspace=workspace)
    assert (membership.user_id, membership.role) == (user.id, "owner")


def test_link_used_twice_makes_no_second_workspace(db, address, settings):
    client = factories.browser()
    sign_up(client, address)
    path = path_of(link_in(sent_to(address)[0]), settings.BASE_URL)
    client.post(path)
    factories.browser().post(path)
    assert len(personal_workspaces(User.objects.get(email=address))) == 1


def test_made_up_link_confirms_nothing(db, address):
    sign_up(factories.browser(), address)
    response = factories.browser().post("/accounts/confirm-email/made-up-key/")
    assert response.status_code != 500
    assert not EmailAddress.objects.get(email=address).verified


def test_two_confirmations_at_the_same_moment_make_one_workspace(committed, address):
    client = factories.browser()
    sign_up(client, address)
    path = "/accounts" + link_in(sent_to(address)[0]).split("/accounts", 1)[1]
    answers = factories.at_once(4, lambda _: factories.browser().post(path).status_code)
    assert all(answer in (200, 302) for answer in answers), answers
    user = User.objects.get(email=address)
    assert len(personal_workspaces(user)) == 1
    assert Membership.objects.filter(user=user).count() == 1


def test_ensuring_a_personal_workspace_from_eight_threads_makes_one(committed):
    user = factories.make_user()
    made = factories.at_once(8, lambda _: services.ensure_personal_workspace(User.objects.get(id=user.id)).id)
    assert set(made) == {workspace.id for workspace in personal_workspaces(user)}
    assert len(set(made)) == 1


@pytest.mark.parametrize("domain_is_verified", [False, True])
def test_links_in_mails_come_from_configuration_never_from_the_host_header(
    db, address, acme, settings, domain_is_verified
):
    """A forged Host would otherwise lead a victim's secret link to an attacker."""
    if domain_is_verified:
        from django.utils import timezone

        Domain.objects.create(domain="evil.test", tenant_id=acme.id, verified_at=timezone.now())
    factories.make_user(address)
    others: list[str] = []
    for host in ("evil.test", "127.0.0.1:6666"):
        for headers in ({}, {"X-Forwarded-Host": "evil.test", "Forwarded": "host=evil.test"}):
            client = Client(HTTP_HOST=host, headers=headers, REMOTE_ADDR=f"10.9.8.{secrets.randbelow(250)}")
            client.post("/accounts/password/reset/", {"email": address})
            others.append(f"{secrets.token_hex(4)}@example.test")
            sign_up(client, others[-1])
    sent = [message for each in (address, *others) for message in sent_to(each)]
    assert len(sent) == 4, "only the main host sends, under any port"
    for message in sent:
        assert link_in(message).startswith(f"{settings.BASE_URL}/accounts/")
        assert "evil.test" not in message.body + str(message.alternatives) + message.subject


def test_password_reset_link_sets_a_new_password_once(db, address, settings):
    user = factories.make_user(address)
    client = factories.browser()
    client.post("/accounts/password/reset/", {"email": address})
    path = path_of(link_in(sent_to(address)[0]), settings.BASE_URL)
    form = client.get(path, follow=True)
    target = form.redirect_chain[-1][0]
    client.post(target, {"password1": "a-new-long-password", "password2": "a-new-long-password"})
    user.refresh_from_db()
    assert user.check_password("a-new-long-password")
    again = factories.browser()
    final = again.get(path, follow=True)
    again.post(final.request["PATH_INFO"], {"password1": "stolen-later-1", "password2": "stolen-later-1"})
    user.refresh_from_db()
    assert user.check_password("a-new-long-password")


def test_sign_up_answers_the_same_for_a_known_address(db, address):
    factories.make_user(address)
    known, unknown = (
        sign_up(factories.browser(), who) for who in (address, f"x{secrets.token_hex(4)}@example.test")
    )
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert User.objects.filter(email=address).count() == 1


def test_reset_answers_the_same_for_an_unknown_address(db, address):
    factories.make_user(address)
    pages = []
    for who in (address, f"x{secrets.token_hex(4)}@example.test"):
        response = factories.browser().post("/accounts/password/reset/", {"email": who})
        pages.append((response.status_code, response["Location"]))
    assert pages[0] == pages[1]


def test_sign_in_answers_the_same_for_a_wrong_password_and_an_unknown_address(db, address):
    factories.make_user(address)
    pages = []
    for who in (address, f"x{secrets.token_hex(4)}@example.test"):
        response = factories.browser().post(
            "/accounts/login/", {"login": who, "password": "not-the-password"}
        )
        pages.append((response.status_code, response.context["form"].errors.as_json()))
    assert pages[0] == pages[1]
    assert pages[0][0] == 200


def test_addresses_differing_in_case_are_one_person(db, address):
    from django.db import IntegrityError, transaction

    factories.make_user(address)
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email=address.upper())
    client = factories.browser()
    response = client.post("/accounts/login/", {"login": address.upper(), "password": PASSWORD})
    assert response.status_code == 302
    assert "_auth_user_id" in client.session


@pytest.mark.parametrize("password", ["short", "password123", "12345678"])
def test_weak_password_is_refused(db, address, password):
    response = factories.browser().post("/accounts/signup/", {"email": address, "password1": password})
    assert response.status_code == 200
    assert "password1" in response.context["form"].errors
    assert not User.objects.filter(email=address).exists()


def test_next_leads_only_within_the_site(db, address):
    factories.make_user(address)
    for target, expected in (
        ("/w/acme/", "/w/acme/"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("/\\evil.test", "/"),
    ):
        response = factories.browser().post(
            "/accounts/login/", {"login": address, "password": PASSWORD, "next": target}
        )
        assert (response.status_code, response["Location"]) == (302, expected)

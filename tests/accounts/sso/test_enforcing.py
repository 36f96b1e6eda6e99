"""An enforced workspace: who comes in, who is led away, what passwords say, and the owners' way back."""

import time
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session

from accounts import revocation
from accounts.sso import services
from accounts.sso.models import Connection
from tenants.models import AuditEntry, Workspace
from tests import factories
from tests.accounts.sso import connections
from tests.accounts.sso.conftest import make_firm
from tests.factories import PASSWORD

MISMATCH = "not correct"


@pytest.fixture
def enforced(firm):
    """The firm's owner has a second factor; the connection is a tested one to nowhere."""
    connections.furnish(firm.workspace.id)
    give_second_factor(firm.owner.user)
    return services.enforce(member=firm.owner.member)


def give_second_factor(user) -> None:
    Authenticator.objects.create(user=user, type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})


def browser_of(user, *records):
    client = factories.sign_in(user)
    session = client.session
    session["account_authentication_methods"] = list(records)
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


def by_connection(connection, *, at=None) -> dict:
    when = at if at is not None else time.time() + 1
    return {"method": "socialaccount", "provider": str(connection.id), "uid": "x", "at": when}


def by_password() -> dict:
    return {"method": "password", "at": time.time()}


def by_second_factor() -> dict:
    return {"method": "mfa", "type": "totp", "at": time.time()}


def colleague(firm, email, role="member"):
    user = factories.make_user(email)
    factories.join(firm.workspace, user, role)
    return user


def home(firm) -> str:
    return f"/w/{firm.workspace.slug}/"


def actions(firm) -> list[str]:
    rows = AuditEntry.objects.filter(workspace_id=firm.workspace.id).order_by("id")
    return [row.action for row in rows if row.action.startswith("sso.")]


def test_session_of_the_connection_comes_in(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    assert browser_of(user, by_connection(enforced)).get(home(firm)).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "member", "admin"])
def test_other_session_is_led_to_the_door(firm, enforced, role):
    client = browser_of(colleague(firm, firm.address("ann"), role), by_password(), by_second_factor())
    response = client.get(f"{home(firm)}chat/")
    assert response.status_code == 302
    assert response["Location"] == f"/sso/{enforced.id}/?next=%2Fw%2F{firm.workspace.slug}%2Fchat%2F"
    door = client.get(response["Location"])
    assert firm.workspace.name in door.content.decode()
    assert f"/accounts/saml/{enforced.id}/login/?next=%2Fw%2F" in door.content.decode()


def test_api_says_so(firm, enforced):
    client = browser_of(colleague(firm, firm.address("ann")), by_password())
    answer = client.get("/api/v1/conversations", headers={"X-Workspace": firm.workspace.slug})
    assert (answer.status_code, answer.json()["code"]) == (403, "sso_required")
    assert answer.json()["action_url"] == f"/sso/{enforced.id}/"


def test_api_key_goes_on(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    key = factories.make_key(factories.member_of(firm.workspace, user))
    assert factories.with_key(key).get("/api/v1/conversations").status_code == 200


def test_other_workspaces_of_the_same_person_do_not_ask(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    own = factories.make_workspace(user)
    client = browser_of(user, by_password())
    assert client.get(f"/w/{own.slug}/").status_code == 200
    assert client.get(home(firm)).status_code == 302


def test_guest_comes_in_as_before_unless_guests_are_kept_out(firm, enforced):
    client = browser_of(colleague(firm, "guest@elsewhere.test"), by_password())
    assert client.get(home(firm)).status_code == 200
    Connection.objects.filter(id=enforced.id).update(admits_guests=False)
    assert client.get(home(firm)).status_code == 302


def test_second_address_of_the_domain_binds_too(firm, enforced):
    from allauth.account.models import EmailAddress

    user = colleague(firm, "private@elsewhere.test")
    EmailAddress.objects.create(user=user, email=firm.address("ann"), verified=True, primary=False)
    assert browser_of(user, by_password()).get(home(firm)).status_code == 302


def test_who_gave_up_the_address_is_bound_by_their_identity(firm, enforced):
    user = colleague(firm, "left@elsewhere.test")
    client = browser_of(user, by_password())
    assert client.get(home(firm)).status_code == 200
    enforced.identities.create(user=user, uid="0" * 64)
    assert client.get(home(firm)).status_code == 302


def test_sign_in_by_another_connection_or_a_former_set_up_does_not_count(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    other = {**by_connection(enforced), "provider": str(uuid4())}
    before = by_connection(enforced, at=enforced.changed_at.timestamp() - 1)
    for record in (other, before):
        assert browser_of(user, record).get(home(firm)).status_code == 302
    assert browser_of(user, by_connection(enforced)).get(home(firm)).status_code == 200


def test_records_of_somebody_else_in_the_session_do_not_count(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    client = browser_of(user, by_connection(enforced))
    session = client.session
    session["account_authentication_methods_user"] = str(uuid4())
    session.save()
    assert client.get(home(firm)).status_code == 302


def test_gate_costs_one_query_where_it_is_enforced_and_none_elsewhere(firm, enforced, assert_queries, rf):
    from accounts.sso.gate import single_sign_on
    from tenants.scope import get_ref

    user = colleague(firm, firm.address("ann"))
    member = factories.member_of(firm.workspace, user)
    request = rf.get("/")
    request.user, request.session = user, browser_of(user, by_connection(enforced)).session
    request.session.keys()
    with assert_queries(1):
        single_sign_on(request, get_ref_without_query(firm), member)
    calm = factories.make_workspace(user)
    with assert_queries(0):
        single_sign_on(request, calm, member)
    assert get_ref(slug=firm.workspace.slug).requires_single_sign_on


def get_ref_without_query(firm):
    from dataclasses import replace

    return replace(firm.workspace, requires_single_sign_on=True)


# the owners' way back


def test_owner_with_a_second_factor_comes_in_and_it_is_noted_once(firm, enforced):
    client = browser_of(firm.owner.user, by_password(), by_second_factor())
    first = client.get(home(firm))
    assert first.status_code == 200
    assert "entrance for emergencies" in first.content.decode()
    client.get(home(firm))
    assert actions(firm).count("sso.break_glass_used") == 1


def test_owner_by_password_alone_does_not(firm, enforced):
    assert browser_of(firm.owner.user, by_password()).get(home(firm)).status_code == 302
    assert "sso.break_glass_used" not in actions(firm)


def test_owner_by_the_connection_sees_no_banner(firm, enforced):
    page = browser_of(firm.owner.user, by_connection(enforced), by_second_factor()).get(home(firm))
    assert "entrance for emergencies" not in page.content.decode()
    assert "sso.break_glass_used" not in actions(firm)


def enter(email, password=PASSWORD, path="/sso/emergency/"):
    client = factories.browser()
    return client, client.post(path, {"login": email, "password": password})


def test_emergency_entrance_asks_an_owner_for_the_second_factor(firm, enforced):
    client, response = enter(firm.owner.user.email)
    assert (response.status_code, response["Location"]) == (302, "/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in client.session


def test_emergency_entrance_tells_everybody_else_the_same(firm, enforced):
    ordinary = colleague(firm, firm.address("ann"), "admin")
    give_second_factor(ordinary)
    bare = make_firm("bare").owner.user
    pages = [
        enter(email, password)
        for email, password in (
            (ordinary.email, PASSWORD),
            (bare.email, PASSWORD),
            (firm.owner.user.email, "wrong"),
            (firm.address("nobody"), PASSWORD),
        )
    ]
    for client, page in pages:
        assert page.status_code == 200
        assert MISMATCH in page.content.decode()
        assert "_auth_user_id" not in client.session


def test_owner_who_is_signed_in_is_asked_for_the_second_factor_only(firm, enforced):
    client = browser_of(firm.owner.user, by_password())
    response = client.get("/sso/emergency/", {"next": home(firm)})
    assert (response.status_code, response["Location"]) == (
        302, f"/accounts/2fa/reauthenticate/?next=%2Fw%2F{firm.workspace.slug}%2F"
    )  # fmt: skip


# passwords


def test_password_of_the_domain_is_refused_with_a_way_on(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    client, page = enter(user.email, path="/accounts/login/")
    assert page.status_code == 200
    assert "_auth_user_id" not in client.session
    assert f"href='/sso/{enforced.id}/'" in page.content.decode()
    assert user.email in page.content.decode(), "what was typed stays"


def test_answer_depends_on_the_domain_only(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    texts = []
    for email, password in (
        (user.email, PASSWORD),
        (user.email, "wrong"),
        (firm.address("nobody"), PASSWORD),
    ):
        _, page = enter(email, password, path="/accounts/login/")
        texts.append([str(error) for error in page.context["form"].non_field_errors()])
    assert texts[0] == texts[1] == texts[2]
    assert len(texts[0]) == 1


def test_password_of_another_domain_signs_in(firm, enforced):
    """The control; and a domain whose single sign-on is not enforced refuses nothing."""
    guest = colleague(firm, "guest@elsewhere.test")
    assert "_auth_user_id" in enter(guest.email, path="/accounts/login/")[0].session
    services.stop_enforcing(member=firm.owner.member)
    user = colleague(firm, firm.address("ann"))
    assert "_auth_user_id" in enter(user.email, path="/accounts/login/")[0].session


def test_password_for_tokens_is_refused_too(firm, enforced):
    user = colleague(firm, firm.address("ann"))
    body = {"email": user.email, "password": PASSWORD}
    answer = factories.browser().post("/api/v1/auth/login", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "sso_required")
    services.stop_enforcing(member=firm.owner.member)
    answer = factories.browser().post("/api/v1/auth/login", body, content_type="application/json")
    assert answer.status_code == 200


def test_by_address_people_are_led_to_the_connection_of_their_domain(firm, enforced):
    page = factories.browser().post("/sso/", {"email": firm.address("anybody"), "next": home(firm)})
    assert page.status_code == 200
    path = f"/accounts/saml/{enforced.id}/login/?next=%2Fw%2F{firm.workspace.slug}%2F"
    assert page.content.decode().count(path) == 2


@pytest.mark.parametrize("next_url", ["https://evil.test/", "//evil.test/", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere_afterwards(firm, enforced, next_url):
    client = factories.browser()
    for page in (
        client.post("/sso/", {"email": firm.address("a"), "next": next_url}),
        client.get(f"/sso/{enforced.id}/", {"next": next_url}),
    ):
        assert f"/accounts/saml/{enforced.id}/login/" in page.content.decode()
        assert "/login/?next" not in page.content.decode()


def test_unknown_domain_is_told_so_and_keeps_what_was_typed(firm):
    page = factories.browser().post("/sso/", {"email": "ann@unknown.test"})
    assert page.status_code == 422
    assert "No single sign-on is set up" in page.content.decode()
    assert "ann@unknown.test" in page.content.decode()


def test_door_does_not_tell_strangers_whose_it_is(firm, enforced):
    page = factories.browser().get(f"/sso/{enforced.id}/").content.decode()
    assert firm.workspace.name not in page


# enforcing itself


def test_enforcing_needs_a_test_and_a_second_factor(firm):
    connections.furnish(firm.workspace.id)
    with pytest.raises(services.NoWayBack):
        services.enforce(member=firm.owner.member)
    give_second_factor(firm.owner.user)
    Connection.objects.update(state="draft", tested_at=None)
    with pytest.raises(services.NotTested):
        services.enforce(member=firm.owner.member)
    assert not Workspace.objects.get(id=firm.workspace.id).requires_single_sign_on


def test_enforcing_ends_the_open_streams_of_those_it_binds(firm, monkeypatch):
    announced = []
    monkeypatch.setattr(revocation, "announce_on_commit", lambda kind, key: announced.append((kind, key)))
    bound = factories.member_of(firm.workspace, colleague(firm, firm.address("ann")))
    colleague(firm, "guest@elsewhere.test")
    connections.furnish(firm.workspace.id)
    give_second_factor(firm.owner.user)
    services.enforce(member=firm.owner.member)
    own = ("membership", str(firm.owner.member.membership_id))
    assert announced == [own, ("membership", str(bound.membership_id))]


def test_lost_announcement_is_made_good(firm, enforced):
    from accounts.permissions import Principal

    user = colleague(firm, firm.address("ann"))
    place = factories.member_of(firm.workspace, user).membership_id
    inside, outside = browser_of(user, by_connection(enforced)), browser_of(user, by_password())
    principals = [Principal(user.id, place, client.session.session_key) for client in (inside, outside)]
    by_key = Principal(user.id, place, api_key_id=None)
    assert revocation.list_revoked([*principals, by_key]) == {principals[1]}
    services.stop_enforcing(member=firm.owner.member)
    assert revocation.list_revoked([*principals, by_key]) == set()
    assert Session.objects.filter(session_key=outside.session.session_key).exists()


def test_what_works_is_not_changed_while_it_is_enforced(firm, enforced):
    stored = Connection.objects.get(id=enforced.id)
    people = {"provisions": False, "default_role": "viewer", "admits_guests": True}
    with pytest.raises(services.EnforcedNow):
        services.save_connection(
            member=firm.owner.member, kind="saml", settings={**stored.settings, "sso_url": "https://x.test"},
            secret="", people=people,
        )  # fmt: skip
    with pytest.raises(services.EnforcedNow):
        services.remove_connection(member=firm.owner.member)
    saved = services.save_connection(
        member=firm.owner.member, kind="saml", settings=stored.settings, secret="", people=people
    )
    assert (saved.state, saved.default_role) == ("enforced", "viewer")


def test_last_proven_domain_of_an_enforced_workspace_stays(firm, enforced):
    rows = list(firm_domains(firm))
    services.remove_domain(member=firm.owner.member, domain_id=rows[0].id)
    with pytest.raises(services.EnforcedNow):
        services.remove_domain(member=firm.owner.member, domain_id=rows[1].id)
    assert list(firm_domains(firm)) == [rows[1]]


def firm_domains(firm):
    from accounts.sso.models import MailDomain

    return MailDomain.objects.filter(workspace_id=firm.workspace.id).order_by("domain")


def test_stopping_opens_the_workspace_again(firm, enforced):
    client = browser_of(colleague(firm, firm.address("ann")), by_password())
    assert client.get(home(firm)).status_code == 302
    services.stop_enforcing(member=firm.owner.member)
    assert client.get(home(firm)).status_code == 200
    assert actions(firm) == ["sso.enforced", "sso.enforcing_stopped"]

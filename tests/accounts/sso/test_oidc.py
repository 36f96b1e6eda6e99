"""The whole code flow against a real OpenID Connect provider, and everything that it may get wrong."""

import time
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from allauth.account.models import EmailAddress
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from accounts.models import Membership, User
from accounts.sso.assertion import AssertionRefused
from accounts.sso.models import Identity
from accounts.sso.oidc import tokens
from tenants.models import AuditEntry
from tests import factories
from tests.accounts.sso.provider import come_back, follow


def start(connection, **query) -> str:
    return f"/accounts/oidc/{connection.id}/login/" + (f"?{urlencode(query)}" if query else "")


def refusals(connection) -> list[str]:
    rows = AuditEntry.objects.filter(workspace_id=connection.workspace_id, action="sso.refused").order_by(
        "id"
    )
    return [row.data["reason"] for row in rows]


def signed_in(client) -> bool:
    return "_auth_user_id" in client.session


def test_new_person_of_a_proven_domain_gets_an_account_and_a_membership(firm, oidc, provider):
    provider.person(firm.address("ann"), name="Ann")
    client = factories.browser()

    response = follow(client, provider, start(oidc, next=firm.page()), firm.address("ann"))

    assert (response.status_code, response["Location"]) == (302, firm.page())
    user = User.objects.get(email=firm.address("ann"))
    assert client.session["_auth_user_id"] == str(user.id)
    assert (user.display_name, user.has_usable_password()) == ("Ann", False)
    assert EmailAddress.objects.get(user=user).verified
    assert Membership.objects.get(user=user).role == "member"
    record = client.session["account_authentication_methods"][-1]
    assert (record["method"], record["provider"]) == ("socialaccount", str(oidc.id))
    # Who is new accepts the legal pages first.
    assert client.get(f"/w/{firm.workspace.slug}/")["Location"].startswith("/legal/accept/?next=%2Fw%2F")


def test_request_carries_state_nonce_and_a_challenge(oidc, provider):
    asked = parse_qs(urlsplit(factories.browser().get(start(oidc))["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["response_type"] == ["code"]
    assert {len(asked[name]) for name in ("state", "nonce", "code_challenge")} == {1}
    assert asked["redirect_uri"] == [f"http://127.0.0.1:8000/accounts/oidc/{oidc.id}/login/callback/"]


def test_known_address_signs_its_account_in(firm, oidc, provider):
    user = factories.make_user(firm.address("bob"))
    factories.join(firm.workspace, user, "viewer")
    provider.person(firm.address("bob"))
    client = factories.browser()

    assert follow(client, provider, start(oidc), firm.address("bob")).status_code == 302

    assert client.session["_auth_user_id"] == str(user.id)
    assert Membership.objects.get(user=user, workspace_id=firm.workspace.id).role == "viewer"
    assert Identity.objects.get(user=user).connection_id == oidc.id
    assert user.has_usable_password()


def test_address_outside_the_proven_domains_is_refused_and_nothing_is_made(firm, oidc, provider):
    victim = factories.make_user("ceo@elsewhere.test")
    provider.person("ceo@elsewhere.test")
    client = factories.browser()

    response = follow(client, provider, start(oidc), "ceo@elsewhere.test")

    assert response.status_code == 403
    assert response.context["code"] == "sso_address_not_ours"
    assert not signed_in(client)
    assert not Identity.objects.filter(user=victim).exists()
    assert not Membership.objects.filter(user=victim).exists()
    assert refusals(oidc) == ["sso_address_not_ours"]


@pytest.mark.parametrize("address", ["ann@sub.{}", "ann@{}.evil.test", "ann@not{}"])
def test_domain_is_compared_whole(firm, oidc, provider, address):
    address = address.format(firm.domain)
    provider.person(address)
    assert follow(factories.browser(), provider, start(oidc), address).status_code == 403
    assert not User.objects.filter(email=address).exists()


def test_later_address_at_the_provider_opens_nobody_elses_account(firm, oidc, provider):
    boss = firm.owner.user
    mallory = provider.person(firm.address("mallory"))
    follow(factories.browser(), provider, start(oidc), firm.address("mallory"))
    own = User.objects.get(email=firm.address("mallory"))
    provider.person(boss.email, id=mallory)
    client = factories.browser()

    follow(client, provider, start(oidc), boss.email)

    assert client.session["_auth_user_id"] == str(own.id)
    own.refresh_from_db()
    assert own.email == firm.address("mallory")


def test_other_subject_with_the_address_of_a_bound_account_is_refused(firm, oidc, provider):
    first = provider.person(firm.address("carl"))
    follow(factories.browser(), provider, start(oidc), firm.address("carl"))
    provider.person(firm.address("carl.former"), id=first)
    provider.control("person", email=firm.address("carl"), id=first + 1000)
    client = factories.browser()

    response = follow(client, provider, start(oidc), firm.address("carl"))

    assert (response.status_code, response.context["code"]) == (403, "sso_bound_to_another")
    assert not signed_in(client)


def test_full_seats_refuse_and_make_nothing(firm, oidc, provider):
    factories.give_rights(firm.workspace.id, "chat", seats=1)
    provider.person(firm.address("late"))
    client = factories.browser()

    response = follow(client, provider, start(oidc), firm.address("late"))

    assert (response.status_code, response.context["code"]) == (402, "seats_full")
    assert not signed_in(client)
    assert not User.objects.filter(email=firm.address("late")).exists()
    assert refusals(oidc) == ["seats_full"]


def test_without_provisioning_nobody_is_made(firm, oidc, provider):
    type(oidc).objects.filter(id=oidc.id).update(provisions=False)
    provider.person(firm.address("dora"))
    response = follow(factories.browser(), provider, start(oidc), firm.address("dora"))
    assert (response.status_code, response.context["code"]) == (403, "sso_not_invited")
    assert not User.objects.filter(email=firm.address("dora")).exists()


def test_account_that_never_confirmed_is_taken_from_who_began_it(firm, oidc, provider):
    squatter = factories.make_user(firm.address("eve"), verified=False)
    provider.person(firm.address("eve"))
    client = factories.browser()

    follow(client, provider, start(oidc), firm.address("eve"))

    squatter.refresh_from_db()
    assert client.session["_auth_user_id"] == str(squatter.id)
    assert not squatter.has_usable_password()


def test_account_that_only_claims_the_address_is_not_opened(firm, oidc, provider):
    other = factories.make_user("frank@private.test")
    EmailAddress.objects.create(user=other, email=firm.address("frank"), verified=False, primary=False)
    provider.person(firm.address("frank"))
    client = factories.browser()

    follow(client, provider, start(oidc), firm.address("frank"))

    assert client.session["_auth_user_id"] != str(other.id)
    assert not Identity.objects.filter(user=other).exists()


def test_blocked_person_is_refused(firm, oidc, provider):
    user = factories.make_user(firm.address("gone"))
    User.objects.filter(id=user.id).update(is_active=False)
    provider.person(firm.address("gone"))
    response = follow(factories.browser(), provider, start(oidc), firm.address("gone"))
    assert (response.status_code, response.context["code"]) == (403, "sso_person_blocked")


def test_removed_member_signs_in_and_does_not_come_back(firm, oidc, provider):
    provider.person(firm.address("hans"))
    follow(factories.browser(), provider, start(oidc), firm.address("hans"))
    Membership.objects.filter(user__email=firm.address("hans")).delete()
    client = factories.browser()
    follow(client, provider, start(oidc), firm.address("hans"))
    assert signed_in(client)
    assert client.get(f"/w/{firm.workspace.slug}/").status_code == 404


@pytest.mark.parametrize(
    ("lies", "reason"),
    [
        ({"id_token": {"nonce": "of another request"}}, "nonce"),
        ({"id_token": {"iss": "http://localhost:1"}}, "issuer"),
        ({"id_token": {"aud": "another-client"}}, "audience"),
        ({"id_token": {"aud": ["another-client", "third"]}}, "audience"),
        ({"id_token": {"azp": "another-client"}}, "audience"),
        ({"id_token": {"exp": int(time.time()) - 3600}}, "expired"),
        ({"id_token": {"email_verified": False}}, "address"),
        ({"metadata": {"issuer": "http://localhost:1"}}, "issuer"),
        ({"small": True, "userinfo": {"sub": "somebody-else"}}, "subject"),
    ],
)
def test_token_that_does_not_hold_is_refused(firm, oidc, provider, lies, reason):
    provider.person(firm.address("ann"))
    client = factories.browser()
    back = provider.answer(client.get(start(oidc))["Location"], firm.address("ann"))
    provider.lie(**lies)

    response = come_back(client, back)

    assert (response.status_code, response.context["code"]) == (403, "sso_assertion_refused")
    assert not signed_in(client)
    assert not User.objects.filter(email=firm.address("ann")).exists()
    assert refusals(oidc) == [reason]


def test_address_may_come_from_userinfo(firm, oidc, provider):
    """The control of the small token: with the right subject it is taken."""
    provider.person(firm.address("ann"))
    client = factories.browser()
    back = provider.answer(client.get(start(oidc))["Location"], firm.address("ann"))
    provider.lie(small=True)
    come_back(client, back)
    assert signed_in(client)


def test_state_of_another_browser_is_refused(firm, oidc, provider):
    provider.person(firm.address("ann"))
    back = provider.answer(factories.browser().get(start(oidc))["Location"], firm.address("ann"))
    victim = factories.browser()
    assert come_back(victim, back).status_code == 403
    assert not signed_in(victim)


def test_answer_is_taken_once(firm, oidc, provider):
    factories.make_user(firm.address("ann"))
    provider.person(firm.address("ann"))
    client = factories.browser()
    back = provider.answer(client.get(start(oidc))["Location"], firm.address("ann"))
    assert come_back(client, back).status_code == 302
    assert come_back(client, back).status_code == 403


def test_answer_of_another_issuer_is_refused(firm, oidc, provider):
    provider.person(firm.address("ann"))
    client = factories.browser()
    back = provider.answer(client.get(start(oidc))["Location"], firm.address("ann"))
    assert come_back(client, f"{back}&iss=https%3A%2F%2Fevil.test").status_code == 403
    assert not signed_in(client)


def test_cancelled_sign_in_says_so(firm, oidc, provider):
    client = factories.browser()
    state = parse_qs(urlsplit(client.get(start(oidc))["Location"]).query)["state"][0]
    response = client.get(f"/accounts/oidc/{oidc.id}/login/callback/?error=access_denied&state={state}")
    assert response.status_code == 403
    assert "cancelled" in response.content.decode()


def test_connect_gives_nobody_somebody_elses_identity(firm, oidc, provider):
    """Who is signed in and asks to connect is signed in as whom the assertion names; nothing is joined."""
    provider.person(firm.address("ann"))
    mallory = factories.make_user()
    client = factories.sign_in(mallory)
    follow(client, provider, f"{start(oidc)}?process=connect", firm.address("ann"))
    assert not Identity.objects.filter(user=mallory).exists()
    assert client.session["_auth_user_id"] == str(User.objects.get(email=firm.address("ann")).id)


def test_draft_signs_nobody_in(firm, oidc):
    type(oidc).objects.filter(id=oidc.id).update(state="draft")
    response = factories.browser().get(start(oidc))
    assert (response.status_code, response.context["code"]) == (403, "sso_not_ready")


def test_allauths_own_views_are_not_reachable(oidc):
    from django.urls import resolve

    for path in (start(oidc), f"/accounts/oidc/{oidc.id}/login/callback/"):
        assert resolve(path).func.__module__ == "accounts.sso.oidc.views"
    assert factories.browser().get("/accounts/oidc/anything/login/").status_code == 404


# ID tokens by themselves

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS = {"keys": [{**RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "1", "use": "sig"}]}
EXPECTED = {"issuer": "https://idp.test", "client_id": "us", "nonce": "n"}


def token(key=KEY, algorithm="RS256", **claims) -> str:
    now = int(time.time())
    said = {
        "iss": "https://idp.test",
        "aud": "us",
        "sub": "7",
        "iat": now,
        "exp": now + 60,
        "nonce": "n",
    } | claims
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": "1"})


def test_signed_token_is_taken():
    assert tokens.verify(token(), keys=KEYS, **EXPECTED)["sub"] == "7"


@pytest.mark.parametrize(
    "forged",
    [
        token(OTHER),
        token(None, "none"),
        token("k" * 64, "HS256"),
        token() + "x",
        "nonsense",
        "",
    ],
    ids=["another key", "none", "a public key as password", "one character more", "nonsense", "nothing"],
)
def test_forged_token_is_refused(forged):
    with pytest.raises(AssertionRefused) as refused:
        tokens.verify(forged, keys=KEYS, **EXPECTED)
    assert refused.value.reason == "signature"


def test_token_without_a_nonce_is_refused_even_when_none_was_kept():
    with pytest.raises(AssertionRefused):
        tokens.verify(token(nonce=""), keys=KEYS, **(EXPECTED | {"nonce": ""}))


def test_google_account_of_nobodys_organisation_is_refused():
    claims = {"sub": "7", "email": "ann@firm.test", "email_verified": True}
    with pytest.raises(AssertionRefused):
        tokens.assertion_of(claims, issuer=tokens.GOOGLE)
    assert tokens.assertion_of({**claims, "hd": "firm.test"}, issuer=tokens.GOOGLE).email == "ann@firm.test"
    assert tokens.assertion_of(claims, issuer="https://idp.test").email == "ann@firm.test"

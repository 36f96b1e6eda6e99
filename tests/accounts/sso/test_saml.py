"""Responses signed in the test: the right one signs in, and each way of being wrong is refused."""

import base64
from datetime import timedelta

import pytest
from lxml import etree

from accounts.models import Membership, User
from accounts.sso import services
from accounts.sso.models import Identity
from accounts.sso.saml import config
from tenants.models import AuditEntry
from tests import factories
from tests.accounts.sso import saml_idp
from tests.accounts.sso.conftest import PEOPLE, use
from tests.accounts.sso.saml_idp import Wanted, encoded, good, sign


@pytest.fixture
def saml(firm):
    connection = services.save_connection(
        member=firm.owner.member,
        kind="saml",
        settings={
            "entity_id": saml_idp.ENTITY,
            "sso_url": saml_idp.SSO_URL,
            "certificates": ["".join(saml_idp.CERTIFICATE.splitlines()[1:-1])],
            "idp_initiated": False,
        },
        secret="",
        people=PEOPLE,
    )
    return use(connection)


def begin(client, saml) -> str:
    """Leads to the provider; the id of the request."""
    location = client.get(f"/accounts/saml/{saml.id}/login/")["Location"]
    assert location.startswith(saml_idp.SSO_URL + "?")
    return saml_idp.request_id_of(location)


def send(client, saml, response: str):
    """As the provider's page makes the browser do."""
    kept = client.post(f"/accounts/saml/{saml.id}/acs/", {"SAMLResponse": response})
    if kept.status_code != 302:
        return kept
    return client.get(kept["Location"])


def refusals(saml) -> list[str]:
    rows = AuditEntry.objects.filter(workspace_id=saml.workspace_id, action="sso.refused").order_by("id")
    return [row.data["reason"] for row in rows]


def assert_refused(client, saml, answer, reason: str) -> None:
    assert (answer.status_code, answer.context["code"]) == (403, "sso_assertion_refused")
    assert "_auth_user_id" not in client.session
    assert not Identity.objects.filter(connection=saml).exists()
    assert refusals(saml) == [reason]


def test_right_response_signs_in(firm, saml):
    client = factories.browser()
    answer = send(client, saml, good(Wanted(saml, begin(client, saml), firm.address("ann"))))
    assert answer.status_code == 302
    user = User.objects.get(email=firm.address("ann"))
    assert client.session["_auth_user_id"] == str(user.id)
    assert Membership.objects.get(user=user).workspace_id == firm.workspace.id
    assert refusals(saml) == []


def test_address_outside_the_proven_domains_is_refused(firm, saml):
    client = factories.browser()
    answer = send(client, saml, good(Wanted(saml, begin(client, saml), "ceo@elsewhere.test")))
    assert (answer.status_code, answer.context["code"]) == (403, "sso_address_not_ours")
    assert not User.objects.filter(email="ceo@elsewhere.test").exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"audience": "https://somebody.else.test"}, "audience"),
        ({"audience": None}, "audience"),
        ({"recipient": "https://somebody.else.test/acs"}, "recipient"),
        ({"recipient": None}, "recipient"),
        ({"destination": "https://somebody.else.test/acs"}, "recipient"),
        ({"issuer": "https://another.idp.test"}, "issuer"),
        ({"ends": timedelta(minutes=-10)}, "expired"),
        ({"begins": timedelta(minutes=10)}, "expired"),
        ({"confirmation_ends": timedelta(seconds=-5)}, "recipient"),
        ({"confirmation_ends": None}, "expired"),
        ({"confirmation_ends": timedelta(days=3)}, "expired"),
        ({"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"}, "subject"),
    ],
)
def test_response_that_does_not_fit_is_refused(firm, saml, changes, reason):
    client = factories.browser()
    wanted = Wanted(saml, begin(client, saml), firm.address("ann"), **changes)
    assert_refused(client, saml, send(client, saml, good(wanted)), reason)


def test_part_of_our_address_is_no_recipient(firm, saml):
    """The toolkit would take any recipient that contains ours."""
    client = factories.browser()
    recipient = f"https://evil.test/?{config.acs_url(saml.id)}"
    wanted = Wanted(saml, begin(client, saml), firm.address("ann"), recipient=recipient)
    assert_refused(client, saml, send(client, saml, good(wanted)), "recipient")


@pytest.mark.parametrize(
    "options",
    [
        {"key": saml_idp.OTHER_KEY, "certificate": saml_idp.OTHER_CERTIFICATE},
        {"key": saml_idp.OTHER_KEY},
        {"sign": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"},
        {"digest": "http://www.w3.org/2000/09/xmldsig#sha1"},
    ],
    ids=["another certificate", "another key", "weak signature", "weak digest"],
)
def test_other_signature_is_refused(firm, saml, options):
    client = factories.browser()
    wanted = Wanted(saml, begin(client, saml), firm.address("ann"))
    assert_refused(client, saml, send(client, saml, good(wanted, **options)), "signature")


def test_unsigned_response_is_refused(firm, saml):
    client = factories.browser()
    wanted = Wanted(saml, begin(client, saml), firm.address("ann"))
    assert_refused(
        client, saml, send(client, saml, encoded(wanted.response(wanted.assertion()))), "signature"
    )


def test_signature_of_the_response_alone_is_refused(firm, saml):
    client = factories.browser()
    wanted = Wanted(saml, begin(client, saml), firm.address("ann"))
    answer = send(client, saml, encoded(sign(wanted.response(wanted.assertion()))))
    assert_refused(client, saml, answer, "signature")


def test_changed_assertion_is_refused(firm, saml):
    client = factories.browser()
    wanted = Wanted(saml, begin(client, saml), firm.address("ann"))
    changed = base64.b64decode(good(wanted)).replace(b"ann@", b"boss@")
    assert_refused(client, saml, send(client, saml, encoded(changed)), "signature")


@pytest.mark.parametrize("how", saml_idp.WRAPPINGS)
def test_wrapped_signature_is_refused(firm, saml, how):
    """Mallory has a right response of her own, and puts the boss's name where it is read."""
    client = factories.browser()
    request_id = begin(client, saml)
    own = Wanted(saml, request_id, firm.address("mallory"))
    evil = Wanted(saml, request_id, firm.owner.user.email)
    forged = saml_idp.wrapped(own, evil, how)

    answer = send(client, saml, forged)

    # The control: where libxml2 lets it, some signature in it does hold, and some assertion in it names the boss.
    assert saml_idp.verifies(base64.b64decode(forged)) == (how in saml_idp.HOLDING)
    assert firm.owner.user.email.encode() in base64.b64decode(forged)
    assert answer.status_code == 403
    assert "_auth_user_id" not in client.session
    assert not Identity.objects.exists()


@pytest.mark.parametrize("where", ["name_id", "email"])
def test_comment_in_a_name_is_refused(firm, saml, where):
    """A reader that stops at the comment would see the boss."""
    client = factories.browser()
    boss = firm.owner.user.email
    said = {"email": firm.address("mallory"), "name_id": "7"} | {where: f"{boss}.evil.test"}
    signed = base64.b64decode(good(Wanted(saml, begin(client, saml), **said)))
    text = signed.replace(f"{boss}.evil".encode(), f"{boss}<!---->.evil".encode())
    path = f".//saml:{'NameID' if where == 'name_id' else 'AttributeValue'}"
    assert etree.fromstring(text).find(path, saml_idp.NS).text == boss
    assert saml_idp.verifies(text), "the control: the comment is outside what is signed"

    assert_refused(client, saml, send(client, saml, encoded(text)), "unreadable")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "!!!",
        encoded("no xml"),
        encoded("<a/>"),
        encoded('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'),
        encoded("<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16")),
        "A" * 300_000,
    ],
)
def test_nonsense_is_refused(firm, saml, bad):
    client = factories.browser()
    begin(client, saml)
    assert send(client, saml, bad).status_code == 403
    assert "_auth_user_id" not in client.session


def test_response_that_answers_no_request_is_refused(firm, saml):
    client = factories.browser()
    assert_refused(client, saml, send(client, saml, good(Wanted(saml, None, firm.address("ann")))), "unasked")


def test_response_to_another_browsers_request_is_refused(firm, saml):
    request_id = begin(factories.browser(), saml)
    client = factories.browser()
    begin(client, saml)
    answer = send(client, saml, good(Wanted(saml, request_id, firm.address("ann"))))
    assert_refused(client, saml, answer, "unasked")


def test_envelope_and_confirmation_name_the_same_request(firm, saml):
    client = factories.browser()
    wanted = Wanted(saml, "_of_another", firm.address("ann"), answers=begin(client, saml))
    assert_refused(client, saml, send(client, saml, good(wanted)), "recipient")


def test_response_is_taken_once(firm, saml):
    client = factories.browser()
    response = good(Wanted(saml, begin(client, saml), firm.address("ann")))
    assert send(client, saml, response).status_code == 302
    client.logout()
    assert send(client, saml, response).status_code == 403
    assert refusals(saml) == ["unasked"]


def test_begun_at_the_provider_when_the_owner_allows_it_and_once(firm, saml):
    type(saml).objects.filter(id=saml.id).update(settings={**saml.settings, "idp_initiated": True})
    response = good(Wanted(saml, None, firm.address("ann")))
    client, thief = factories.browser(), factories.browser()
    assert send(client, saml, response).status_code == 302
    assert "_auth_user_id" in client.session

    answer = send(thief, saml, response)

    assert (answer.status_code, answer.context["code"]) == (403, "sso_assertion_refused")
    assert "_auth_user_id" not in thief.session
    assert refusals(saml) == ["replayed"]


def test_assertion_for_another_workspace_is_refused_here(firm, saml):
    """Two workspaces with the same provider: what was said to one says nothing to the other."""
    from tests.accounts.sso.conftest import make_firm

    other = make_firm("other")
    foreign = use(
        services.save_connection(
            member=other.owner.member, kind="saml", settings=saml.settings, secret="", people=PEOPLE
        )
    )
    client = factories.browser()
    wanted = Wanted(foreign, begin(client, saml), firm.address("ann"))
    assert_refused(client, saml, send(client, saml, good(wanted)), "recipient")


def test_second_certificate_is_taken_too(firm, saml):
    both = ["".join(pem.splitlines()[1:-1]) for pem in (saml_idp.OTHER_CERTIFICATE, saml_idp.CERTIFICATE)]
    type(saml).objects.filter(id=saml.id).update(settings={**saml.settings, "certificates": both})
    client = factories.browser()
    assert send(client, saml, good(Wanted(saml, begin(client, saml), firm.address("ann")))).status_code == 302


def test_our_metadata_can_be_read(saml):
    answer = factories.browser().get(f"/accounts/saml/{saml.id}/metadata/")
    root = etree.fromstring(answer.content)
    assert root.get("entityID") == config.entity_id(saml.id)
    assert config.acs_url(saml.id).encode() in answer.content


def test_allauths_own_views_are_not_reachable(saml):
    from django.urls import resolve

    for name in ("login", "acs", "acs/finish", "metadata"):
        assert resolve(f"/accounts/saml/{saml.id}/{name}/").func.__module__ == "accounts.sso.saml.views"
    assert factories.browser().get(f"/accounts/saml/{saml.id}/sls/").status_code == 404

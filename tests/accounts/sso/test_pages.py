"""Setting single sign-on up as an owner does: domains by DNS, the connection, the test as a round trip, enforcing."""

import secrets
import time

import pytest

from accounts.sso import sealing, services
from accounts.sso.models import Connection, Identity, MailDomain
from accounts.sso.oidc.provider import redirect_uri
from tenants import dns
from tenants.models import AuditEntry, Workspace
from tests import factories
from tests.accounts.sso import connections, saml_idp
from tests.accounts.sso.conftest import PEOPLE, make_firm
from tests.accounts.sso.provider import come_back
from tests.accounts.sso.test_enforcing import give_second_factor

SECRET = "a-client-secret-never-shown"


def proven_browser(firm):
    """The owner, who has just typed the password."""
    client = firm.owner.browser()
    session = client.session
    record = {"method": "password", "at": time.time(), "reauthenticated": True}
    session["account_authentication_methods"] = [record]
    session["account_authentication_methods_user"] = str(firm.owner.user.pk)
    session.save()
    return client


def oidc_form(provider, **changes) -> dict:
    form = {"issuer": provider.url, "client_id": "steward", "client_secret": SECRET, "default_role": "member"}
    return form | {"provisions": "on", "admits_guests": "on"} | changes


def messages_of(client, firm) -> str:
    return client.get(firm.page()).content.decode()


# domains


def test_domain_is_proven_by_its_record(firm, dns_zone):
    client, name = firm.owner.browser(), f"new-{secrets.token_hex(4)}.test"
    assert client.post(firm.page("domains/"), {"domain": f" {name.upper()}. "}).status_code == 302
    row = MailDomain.objects.get(domain=name)
    page = client.get(firm.page()).content.decode()
    assert dns.challenge_name(name) in page and dns.proof_record("sso", row.proof) in page

    client.post(firm.page(f"domains/{row.id}/check/"))
    row.refresh_from_db()
    assert row.verified_at is None and row.checked_at is not None
    assert "not there" in client.get(firm.page()).content.decode()

    dns_zone[dns.challenge_name(name)] = ["other text", dns.proof_record("sso", row.proof)]
    client.post(firm.page(f"domains/{row.id}/check/"))
    row.refresh_from_db()
    assert row.verified_at is not None


@pytest.mark.parametrize("kind", ["domain", "sso"])
def test_proof_of_something_else_or_somebody_else_proves_nothing(firm, dns_zone, kind):
    row = services.add_domain(member=firm.owner.member, name="claimed.test")
    dns_zone[dns.challenge_name(row.domain)] = [
        dns.proof_record(kind, "f" * 40 if kind == "sso" else row.proof)
    ]
    with pytest.raises(services.DomainNotProven):
        services.check_domain(member=firm.owner.member, domain_id=row.id)
    assert MailDomain.objects.get(id=row.id).verified_at is None


def test_name_server_that_fails_changes_nothing(firm, dns_zone):
    row = services.add_domain(member=firm.owner.member, name="claimed.test")
    dns_zone.is_broken = True
    with pytest.raises(dns.DnsUnavailable):
        services.check_domain(member=firm.owner.member, domain_id=row.id)
    assert MailDomain.objects.get(id=row.id).checked_at is None


def test_domain_belongs_to_who_proved_it_first(firm, dns_zone):
    other = make_firm(f"other-{secrets.token_hex(4)}")
    first = services.add_domain(member=firm.owner.member, name="shared.test")
    second = services.add_domain(member=other.owner.member, name="shared.test")
    dns_zone[dns.challenge_name("shared.test")] = [
        dns.proof_record("sso", first.proof), dns.proof_record("sso", second.proof)
    ]  # fmt: skip
    services.check_domain(member=firm.owner.member, domain_id=first.id)
    with pytest.raises(services.DomainTaken):
        services.check_domain(member=other.owner.member, domain_id=second.id)
    with pytest.raises(services.DomainTaken):
        services.add_domain(
            member=make_firm(f"third-{secrets.token_hex(4)}").owner.member, name="shared.test"
        )
    assert MailDomain.objects.get(domain="shared.test", verified_at__isnull=False).id == first.id
    services.remove_domain(member=firm.owner.member, domain_id=first.id)
    assert services.check_domain(member=other.owner.member, domain_id=second.id).verified_at is not None


@pytest.mark.parametrize(
    "typed",
    ["", "localhost", "ann@firm.test", "https://firm.test", "firm..test", "-x.test", "127.0.0.1", "a b.test"],
)
def test_what_is_no_domain_is_refused_and_stays_in_the_form(firm, typed):
    page = firm.owner.browser().post(firm.page("domains/"), {"domain": typed})
    assert page.status_code == 422
    assert not MailDomain.objects.exclude(domain=firm.domain).filter(workspace_id=firm.workspace.id).exists()
    if typed:
        assert f'value="{typed}"' in page.content.decode()


def test_international_name_is_kept_as_dns_has_it(firm):
    assert services.add_domain(member=firm.owner.member, name="Bücher.test").domain == "xn--bcher-kva.test"


# the connection


def test_secret_is_sealed_and_never_shown_again(firm, provider):
    client = proven_browser(firm)
    assert client.post(firm.page("oidc/"), oidc_form(provider)).status_code == 302
    connection = firm.connection()
    assert SECRET.encode() not in bytes(connection.sealed_secret)
    assert sealing.unseal(connection.id, bytes(connection.sealed_secret)) == SECRET
    for page in (client.get(firm.page()), client.get(firm.page("oidc/"))):
        assert SECRET not in page.content.decode()
    assert redirect_uri(connection.id) in client.get(firm.page()).content.decode()
    entry = AuditEntry.objects.get(workspace_id=firm.workspace.id, action="sso.connection_saved")
    assert SECRET not in str(entry.data)
    assert (entry.data["after"]["kind"], entry.data["secret_replaced"]) == ("oidc", True)


def test_sealed_secret_opens_for_its_own_connection_and_key_only(firm, provider, settings):
    proven_browser(firm).post(firm.page("oidc/"), oidc_form(provider))
    connection = firm.connection()
    sealed = bytes(connection.sealed_secret)
    with pytest.raises(sealing.SecretUnreadable):
        sealing.unseal(firm.workspace.id, sealed)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, [settings.SECRET_KEY]
    assert sealing.unseal(connection.id, sealed) == SECRET
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(sealing.SecretUnreadable):
        sealing.unseal(connection.id, sealed)


def test_kept_secret_goes_to_no_other_issuer(firm, provider):
    """The empty field keeps a secret for the client and issuer that it belongs to, and for nobody else."""
    save = {"member": firm.owner.member, "kind": "oidc", "people": PEOPLE}
    first = {"issuer": provider.url, "client_id": "steward"}
    services.save_connection(**save, settings=first, secret=SECRET)
    with pytest.raises(services.SecretMissing):
        services.save_connection(**save, settings={**first, "issuer": "https://evil.test"}, secret="")
    assert firm.connection().issuer == provider.url
    kept = services.save_connection(**save, settings=first, secret="")
    assert sealing.unseal(kept.id, bytes(kept.sealed_secret)) == SECRET


def test_another_issuer_begins_as_a_draft_and_forgets_who_is_who(firm, provider):
    save = {"member": firm.owner.member, "kind": "oidc", "people": PEOPLE}
    row = services.save_connection(
        **save, settings={"issuer": provider.url, "client_id": "steward"}, secret=SECRET
    )
    Identity.objects.create(connection=row, user=firm.owner.user, uid="0" * 64)
    Connection.objects.filter(id=row.id).update(state="tested", tested_at=row.changed_at)
    other = {"issuer": "https://other.test", "client_id": "steward"}
    changed = services.save_connection(**save, settings=other, secret=SECRET)
    assert (changed.id, changed.state, changed.tested_at) == (row.id, "draft", None)
    assert changed.changed_at > row.changed_at
    assert not Identity.objects.filter(connection=row).exists()


def test_slash_at_the_end_of_an_issuer_is_as_the_provider_has_it(firm, provider):
    proven_browser(firm).post(firm.page("oidc/"), oidc_form(provider, issuer=f"{provider.url}/"))
    assert firm.connection().issuer == provider.url


@pytest.mark.parametrize("issuer", ["http://localhost:1", "{}/moved", "{}/nowhere"])
def test_issuer_that_does_not_answer_is_refused_and_nothing_typed_is_lost(firm, provider, issuer):
    issuer = issuer.format(provider.url)
    page = proven_browser(firm).post(firm.page("oidc/"), oidc_form(provider, issuer=issuer))
    assert page.status_code == 422
    assert f'value="{issuer}"' in page.content.decode()
    assert "No OpenID Connect provider answers there" in page.content.decode()
    assert not Connection.objects.filter(workspace_id=firm.workspace.id).exists()


def test_saml_is_read_from_metadata(firm):
    body = "".join(saml_idp.CERTIFICATE.splitlines()[1:-1])
    metadata = f"""<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{saml_idp.ENTITY}">
    <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing">
    <KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{body}</X509Certificate></X509Data>
    </KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    Location="{saml_idp.SSO_URL}"/></IDPSSODescriptor></EntityDescriptor>"""
    response = proven_browser(firm).post(firm.page("saml/"), {"metadata": metadata, "default_role": "viewer"})
    assert response.status_code == 302
    connection = firm.connection()
    assert connection.settings == {
        "entity_id": saml_idp.ENTITY, "sso_url": saml_idp.SSO_URL, "certificates": [body], "idp_initiated": False,
    }  # fmt: skip
    assert (connection.default_role, connection.provisions, connection.state) == ("viewer", False, "draft")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"certificate": "no certificate"}, "no certificate in PEM form"),
        ({"sso_url": "http://idp.test/sso"}, "https:// address"),
        ({"entity_id": ""}, "Needed, unless"),
        ({"metadata": "<a/>"}, "no metadata of an identity provider"),
        ({"metadata": "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"}, "no metadata"),
        ({"default_role": "owner"}, "not one of the available choices"),
    ],
)
def test_saml_form_says_what_is_wrong(firm, changes, said):
    form = {
        "entity_id": saml_idp.ENTITY, "sso_url": saml_idp.SSO_URL, "certificate": saml_idp.CERTIFICATE,
        "default_role": "member", **changes,
    }  # fmt: skip
    page = proven_browser(firm).post(firm.page("saml/"), form)
    assert page.status_code == 422
    assert said in page.content.decode()
    assert not Connection.objects.filter(workspace_id=firm.workspace.id).exists()


def test_who_has_not_proven_of_late_proves_it_first(firm):
    connections.furnish(firm.workspace.id)
    for rest in ("oidc/", "saml/", "enforce/", "enforce/stop/"):
        response = firm.owner.browser().get(firm.page(rest))
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/reauthenticate/?next=")
        assert proven_browser(firm).get(firm.page(rest)).status_code == 200


# the test and what follows


def set_up(firm, provider) -> Connection:
    row = services.save_connection(
        member=firm.owner.member,
        kind="oidc",
        settings={"issuer": provider.url, "client_id": f"steward-{firm.domain}"},
        secret=provider.secret,
        people=PEOPLE,
    )
    provider.client(row.settings["client_id"], redirect_uri(row.id))
    return row


def run_test(client, firm, provider, email):
    page = client.post(firm.page("test/"))
    assert page.status_code == 200
    return come_back(client, provider.answer(page.context["url"], email))


def test_owner_tests_then_sees_what_enforcing_does_then_enforces(firm, provider):
    set_up(firm, provider)
    provider.person(firm.owner.user.email)
    give_second_factor(firm.owner.user)
    guest = factories.make_user("guest@elsewhere.test", display_name="Gustava Guest")
    factories.join(firm.workspace, guest, "viewer")
    client = proven_browser(firm)

    back = run_test(client, firm, provider, firm.owner.user.email)

    assert (back.status_code, back["Location"]) == (302, f"{firm.page()}#connection")
    assert client.session["_auth_user_id"] == str(firm.owner.user.id)
    assert firm.connection().state == "tested"
    assert Identity.objects.get(connection=firm.connection()).user_id == firm.owner.user.id
    page = client.get(firm.page("enforce/")).content.decode()
    assert "1 member must sign in" in page and "Gustava Guest" in page and firm.domain in page
    assert client.post(firm.page("enforce/")).status_code == 302
    assert firm.connection().state == "enforced"
    assert Workspace.objects.get(id=firm.workspace.id).requires_single_sign_on
    # The session of the test counts as signed in by it.
    home = client.get(f"/w/{firm.workspace.slug}/")
    assert home.status_code == 200
    assert "entrance for emergencies" not in home.content.decode()


def test_test_that_ends_with_somebody_else_proves_nothing(firm, provider):
    set_up(firm, provider)
    provider.person(firm.address("ann"))
    client = proven_browser(firm)
    response = run_test(client, firm, provider, firm.address("ann"))
    assert (response.status_code, response.context["code"]) == (403, "sso_wrong_person")
    assert firm.connection().state == "draft"
    assert client.session["_auth_user_id"] == str(firm.owner.user.id)
    assert not Identity.objects.filter(connection=firm.connection()).exists()


def test_test_of_a_draft_makes_nobody_a_member(firm, provider):
    set_up(firm, provider)
    provider.person(firm.address("ann"))
    run_test(proven_browser(firm), firm, provider, firm.address("ann"))
    assert not factories.accounts_queries.get_user_by_email(firm.address("ann"))


def test_unbinding_lets_a_new_account_at_the_provider_in(firm, provider):
    row = set_up(firm, provider)
    Identity.objects.create(connection=row, user=firm.owner.user, uid="0" * 64)
    client = firm.owner.browser()
    assert client.post(firm.page("unbind/"), {"email": firm.owner.user.email}).status_code == 302
    assert not Identity.objects.filter(connection=row).exists()
    assert client.post(firm.page("unbind/"), {"email": firm.owner.user.email}).status_code == 404


def test_invited_person_comes_in_with_the_role_of_the_invitation(firm, provider):
    from accounts.members import services as members
    from tests.accounts.sso.conftest import use
    from tests.accounts.sso.provider import follow

    row = set_up(firm, provider)
    Connection.objects.filter(id=row.id).update(provisions=False)
    use(row)
    members.invite(member=firm.owner.member, emails=[firm.address("ina")], role="admin")
    provider.person(firm.address("ina"))
    follow(factories.browser(), provider, f"/accounts/oidc/{row.id}/login/", firm.address("ina"))
    user = factories.accounts_queries.get_user_by_email(firm.address("ina"))
    assert factories.member_of(firm.workspace, user).role == "admin"

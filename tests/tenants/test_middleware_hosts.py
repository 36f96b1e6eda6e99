"""Which host serves what: the main hosts, verified domains of workspaces, and nothing else."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.handoff.services import digest
from tenants import links
from tenants.audit import SYSTEM
from tenants.domains import services as domains
from tenants.lifecycle import services as lifecycle
from tenants.models import AuditEntry, Domain
from tests import factories
from tests.domains import session_cookie, sign_in_on, way_back

HOST = "chat.acme.test"


@pytest.fixture
def domain(db, acme) -> Domain:
    return Domain.objects.create(domain=HOST, tenant_id=acme.id, is_primary=True)


def visitor(host: str, person=None) -> Client:
    return Client(HTTP_HOST=host) if person is None else sign_in_on(host, person)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]", "[::1]:8000"]
)
def test_main_hosts_serve_the_control_plane(db, host):
    assert visitor(host).get("/health").status_code == 200
    assert b"Steward" in visitor(host).get("/").content


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "acme",
        "127.0.0.1.evil.test",
        "evil.test:127.0.0.1",
        "",
        "localhost.",
        "xn--80ak6aa92e.test",
    ],
)
def test_unknown_host_is_refused(db, host):
    for path in ("/", "/w/globex/", "/health", "/accounts/login/", "/api/v1/assistants"):
        response = visitor(host).get(path)
        assert response.status_code == 400, path
        assert host.encode() not in response.content or not host


def test_verified_domain_serves_its_workspace_at_the_root(domain, owner):
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    response = visitor(HOST, owner).get("/")
    assert response.status_code == 200
    assert b'href="/chat/"' in response.content


def test_unverified_domain_is_nobodys(domain, owner):
    assert visitor(HOST).get("/").status_code == 400
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    assert visitor(HOST, owner).get("/").status_code == 200


def test_domain_shows_nothing_to_strangers(domain, globex_owner):
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    own = visitor(HOST)
    assert way_back(globex_owner.browser(), own).status_code == 404
    assert session_cookie(own) == ""


def test_domain_sends_who_is_not_signed_in_to_the_main_host(domain, settings):
    settings.BASE_URL = "https://steward.test"
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    response = visitor(HOST).get("/chat/?assistant=7")
    assert response.status_code == 302
    address = urlsplit(response["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://steward.test/handoff/"
    query = dict(parse_qsl(address.query))
    nonce = response.cookies["handoff"].value
    assert query == {"host": HOST, "browser": digest(nonce), "next": "/chat/?assistant=7"}


def test_pages_of_a_domain_link_to_the_main_host_for_the_account(domain, owner, settings):
    settings.BASE_URL = "https://steward.test"
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    assert b'href="https://steward.test/accounts/email/"' in visitor(HOST, owner).get("/").content
    assert b'href="/accounts/email/"' in owner.browser().get("/w/acme/").content


def test_domain_of_one_workspace_does_not_reach_another(domain, owner, globex, globex_owner):
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    for path in ("/w/globex/", "/admin/", "/accounts/login/", "/w/acme/"):
        assert visitor(HOST, owner).get(path).status_code == 404, path


def test_domain_of_a_suspended_workspace_answers_423(domain, owner, acme):
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    lifecycle.suspend(workspace_id=acme.id, reason="unpaid", actor=SYSTEM)
    assert visitor(HOST, owner).get("/").status_code == 423


def test_verification_is_audited(domain, acme):
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    entry = AuditEntry.objects.filter(workspace_id=acme.id).latest("id")
    assert (entry.action, entry.target_id) == ("domain.verified", str(domain.pk))


def test_absolute_links_use_a_verified_domain_and_never_a_request(domain, acme, settings):
    settings.BASE_URL = "https://steward.test"
    assert links.absolute_workspace_url(acme, "chat") == "https://steward.test/w/acme/chat/"
    domains.verify_domain(domain_id=domain.id, now=timezone.now(), actor=SYSTEM)
    assert links.absolute_workspace_url(acme, "chat") == f"https://{HOST}/chat/"


def test_suspended_workspace_answers_423_to_members_404_to_others_everywhere(db, acme, owner, globex_owner):
    key = factories.make_key(owner.member)
    lifecycle.suspend(workspace_id=acme.id, reason="unpaid", actor=SYSTEM)
    assert owner.browser().get("/w/acme/").status_code == 423
    assert globex_owner.browser().get("/w/acme/").status_code == 404
    assert factories.with_key(key).get("/api/v1/assistants").status_code == 423
    assert factories.with_key(key).get("/v1/models").status_code == 423
    lifecycle.resume(workspace_id=acme.id, reason="paid", actor=SYSTEM)
    assert owner.browser().get("/w/acme/").status_code == 200
    assert factories.with_key(key).get("/v1/models").status_code == 200

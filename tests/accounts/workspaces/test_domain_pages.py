"""The page of a workspace's own domains, over a real name server."""

import pytest

from tenants import dns
from tenants.domains import services
from tenants.models import Domain

PAGE = "/w/acme/settings/domain/"
NAME = "chat.acme.test"


def domain(acme) -> Domain:
    return Domain.objects.get(tenant_id=acme.id)


def test_domain_is_added_proven_chosen_and_removed(db, acme, owner, dns_zone):
    client = owner.browser()
    assert client.post(PAGE, {"domain": "https://Chat.Acme.test/"}).status_code == 302
    row = domain(acme)
    text = client.get(PAGE).content.decode()
    record = dns.proof_record(services.KIND, row.proof)
    assert f"_steward-challenge.{NAME}" in text and record in text

    early = client.post(f"{PAGE}{row.pk}/check/")
    assert early.status_code == 422
    assert early.context["domains"][0]["refusal"].startswith("The record is not there yet.")
    dns_zone[dns.challenge_name(NAME)] = [record]
    assert client.post(f"{PAGE}{row.pk}/check/").status_code == 302
    assert client.get("/", HTTP_HOST=NAME).status_code == 302
    assert domain(acme).is_primary

    assert client.post(f"{PAGE}primary/", {"domain": ""}).status_code == 302
    assert not domain(acme).is_primary
    assert client.get(f"{PAGE}{row.pk}/remove/").status_code == 200
    assert client.post(f"{PAGE}{row.pk}/remove/").status_code == 302
    assert not Domain.objects.filter(tenant_id=acme.id).exists()
    assert client.get("/", HTTP_HOST=NAME).status_code == 400


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("127.0.0.1", "An IP address cannot be proven by DNS: use a name."),
        ("localhost", "This name is the service’s own."),
        ("com", "Use a whole name, such as chat.example.com."),
        ("no good", "This is no domain name. One looks like chat.example.com."),
    ],
)
def test_refused_name_comes_back(db, acme, owner, typed, words):
    response = owner.browser().post(PAGE, {"domain": typed})
    assert response.status_code == 422
    form = response.context["form"]
    assert (form.errors["domain"], form["domain"].value()) == ([words], typed)
    assert not Domain.objects.filter(tenant_id=acme.id).exists()


def test_admin_sees_no_domains(db, acme, admin):
    assert admin.browser().get(PAGE).status_code == 403
    assert admin.browser().post(PAGE, {"domain": NAME}).status_code == 403
    assert not Domain.objects.filter(tenant_id=acme.id).exists()


@pytest.mark.parametrize("chosen", ["x", "-1", "99999999999999999999", "٣"])
def test_made_up_choice_is_not_found(db, acme, owner, chosen):
    assert owner.browser().post(f"{PAGE}primary/", {"domain": chosen}).status_code == 404


def test_name_server_is_not_asked_without_end(db, acme, owner, dns_zone, monkeypatch):
    from accounts.workspaces import domain_views

    monkeypatch.setattr(domain_views, "CHECKS", "2/h")
    client = owner.browser()
    client.post(PAGE, {"domain": NAME})
    found = [client.post(f"{PAGE}{domain(acme).pk}/check/").status_code for _ in range(3)]
    assert found == [422, 422, 429]
    assert len(dns_zone.asked) == 2

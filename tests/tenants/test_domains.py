"""Own domains: which names may be, who proves one, and what happens when the proof goes away."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.mails.models import Mail
from config import errors
from tenants import dns, links, sealing, tasks
from tenants.audit import SYSTEM
from tenants.domains import names, queries, services
from tenants.models import AuditEntry, Domain
from tests import factories

NAME = "chat.acme.test"


def add(workspace, typed: str = NAME) -> Domain:
    return services.add_domain(workspace_id=workspace.id, typed=typed, actor=SYSTEM)


def publish(zone, *domains: Domain) -> None:
    for domain in domains:
        texts = zone.setdefault(dns.challenge_name(domain.domain), [])
        texts.append(dns.proof_record(services.KIND, domain.proof))


def check(workspace, domain: Domain, now: datetime | None = None) -> None:
    services.check_domain(
        workspace_id=workspace.id, domain_id=domain.pk, now=now or timezone.now(), actor=SYSTEM
    )


def served(workspace) -> list[str]:
    return [row.domain for row in queries.list_domains(workspace.id) if row.verified_at]


def actions(workspace) -> list[str]:
    rows = AuditEntry.objects.filter(workspace_id=workspace.id, target_type="domain").order_by("id")
    return list(rows.values_list("action", flat=True))


# names


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("chat.example.com", "chat.example.com"),
        (" https://Chat.Example.COM/path?x=1 ", "chat.example.com"),
        ("chat.example.com.", "chat.example.com"),
        ("chat.example.com/", "chat.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("a.co", "a.co"),
    ],
)
def test_name_is_read_as_people_type_it(typed, expected):
    assert names.normalize(typed) == expected


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "domain_malformed"),
        ("https://", "domain_malformed"),
        ("no good.example", "domain_malformed"),
        ("-a.example", "domain_malformed"),
        ("a..example", "domain_malformed"),
        ("a_b.example", "domain_malformed"),
        ("*.example.com", "domain_malformed"),
        ("chat.example.com:8443", "domain_malformed"),
        ("me@example.com", "domain_malformed"),
        ("x" * 64 + ".example", "domain_malformed"),
        (".".join(["x" * 60] * 4), "domain_malformed"),
        ("com", "domain_single_label"),
        ("intranet.local", "domain_not_public"),
        ("wiki.internal", "domain_not_public"),
        ("1.2.3", "domain_not_public"),
        ("127.0.0.1", "domain_is_address"),
        ("8.8.8.8", "domain_is_address"),
        ("[::1]", "domain_is_address"),
        ("2001:db8::1", "domain_is_address"),
        ("localhost", "domain_is_ours"),
        ("evil.localhost", "domain_is_ours"),
        ("steward.example", "domain_is_ours"),
        ("team.steward.example", "domain_is_ours"),
        ("ＳＴＥＷＡＲＤ.example", "domain_is_ours"),
    ],
)
def test_name_that_cannot_be_is_refused(settings, typed, code):
    settings.MAIN_HOSTS = settings.MAIN_HOSTS | {"steward.example"}
    with pytest.raises(names.DomainRefused) as refused:
        names.normalize(typed)
    assert (refused.value.code, refused.value.status) == (code, 422)


# claims and proofs


def test_claim_is_proven_by_its_record_and_served(db, acme, dns_zone):
    domain = add(acme)
    assert served(acme) == []
    publish(dns_zone, domain)
    check(acme, domain)

    assert served(acme) == [NAME]
    assert Domain.objects.get(id=domain.pk).is_primary
    assert actions(acme) == ["domain.added", "domain.verified"]
    assert dns_zone.asked == ["_steward-challenge.chat.acme.test"]


def test_second_check_is_no_second_entry(db, acme, dns_zone):
    domain = add(acme)
    publish(dns_zone, domain)
    check(acme, domain)
    check(acme, domain)
    assert actions(acme) == ["domain.added", "domain.verified"]


@pytest.mark.parametrize("text", ["", "steward-verification=domain-0", "steward-verification=sso-{proof}"])
def test_without_its_own_proof_nothing_is_served(db, acme, dns_zone, text):
    domain = add(acme)
    dns_zone[dns.challenge_name(NAME)] = [text.format(proof=domain.proof)]
    with pytest.raises(services.ProofMissing) as refused:
        check(acme, domain)
    assert refused.value.code == "proof_missing"
    assert served(acme) == []
    assert actions(acme) == ["domain.added"]


def test_broken_name_server_decides_nothing(db, acme, dns_zone):
    domain = add(acme)
    publish(dns_zone, domain)
    dns_zone.is_broken = True
    with pytest.raises(dns.DnsUnavailable):
        check(acme, domain)
    assert served(acme) == []


def test_unproven_claim_hinders_nobody(db, acme, globex, dns_zone):
    squatted, owned = add(acme), add(globex)
    publish(dns_zone, owned)
    check(globex, owned)
    with pytest.raises(services.ProofMissing):
        check(acme, squatted)
    assert (served(acme), served(globex)) == ([], [NAME])


def test_record_of_one_workspace_proves_nothing_for_another(db, acme, globex, dns_zone):
    mine, theirs = add(acme), add(globex)
    publish(dns_zone, mine)
    with pytest.raises(services.ProofMissing):
        check(globex, theirs)
    with pytest.raises(errors.NotFound):
        check(globex, mine)
    assert served(globex) == []


def test_served_name_stays_while_its_record_is_there(db, acme, globex, dns_zone):
    mine, theirs = add(acme), add(globex)
    publish(dns_zone, mine, theirs)
    check(acme, mine)
    with pytest.raises(services.DomainTaken) as refused:
        check(globex, theirs)
    assert (refused.value.code, refused.value.status) == ("domain_taken", 409)
    assert (served(acme), served(globex)) == ([NAME], [])


def test_name_goes_over_when_the_former_record_is_gone(db, acme, globex, dns_zone):
    mine, theirs = add(acme), add(globex)
    publish(dns_zone, mine)
    check(acme, mine)
    dns_zone.clear()
    publish(dns_zone, theirs)
    check(globex, theirs)
    assert (served(acme), served(globex)) == ([], [NAME])
    assert actions(acme)[-1] == "domain.withdrawn"
    assert list(Mail.objects.values_list("kind", flat=True)) == ["domain_withdrawn"]


def test_two_workspaces_at_once_get_one_name(committed, dns_zone):
    workspaces = [factories.make_workspace(factories.make_user()) for _ in range(2)]
    name = f"{workspaces[0].slug}.example"
    claims = [add(workspace, name) for workspace in workspaces]
    publish(dns_zone, *claims)
    results = factories.at_once(2, lambda number: check(workspaces[number], claims[number]))
    assert sorted(type(result).__name__ for result in results) == ["DomainTaken", "NoneType"]
    assert Domain.objects.filter(domain=name, verified_at__isnull=False).count() == 1
    Domain.objects.filter(domain=name).delete()


def test_same_claim_twice_and_too_many_are_refused(db, acme):
    add(acme)
    with pytest.raises(services.DomainKnown):
        add(acme, "https://CHAT.acme.test/")
    for number in range(services.MOST_DOMAINS - 1):
        add(acme, f"n{number}.acme.test")
    with pytest.raises(services.TooManyDomains):
        add(acme, "one-more.acme.test")
    assert len(queries.list_domains(acme.id)) == services.MOST_DOMAINS


def test_links_carry_the_chosen_name(db, acme, dns_zone, settings):
    settings.BASE_URL = "https://steward.test"
    first, second, waiting = add(acme), add(acme, "ai.acme.test"), add(acme, "later.acme.test")
    publish(dns_zone, first, second)
    check(acme, first)
    check(acme, second)
    assert links.absolute_workspace_url(acme, "chat") == f"https://{NAME}/chat/"
    choose = {"workspace_id": acme.id, "actor": SYSTEM}
    services.set_primary(domain_id=second.pk, **choose)
    assert links.absolute_workspace_url(acme, "chat") == "https://ai.acme.test/chat/"
    with pytest.raises(services.DomainUnproven):
        services.set_primary(domain_id=waiting.pk, **choose)
    services.set_primary(domain_id=None, **choose)
    assert links.absolute_workspace_url(acme, "chat") == "https://steward.test/w/acme/chat/"
    rows = AuditEntry.objects.filter(workspace_id=acme.id, action="domain.primary_set").order_by("id")
    opened = sealing.unseal([(acme.id, part["text"]) for row in rows for part in row.sealed])
    assert opened == [
        {"personal": {"former_domain": NAME, "domain": "ai.acme.test"}},
        {"personal": {"former_domain": "ai.acme.test", "domain": None}},
    ]


def test_removed_primary_name_is_followed_by_the_next(db, acme, dns_zone):
    first, second = add(acme), add(acme, "ai.acme.test")
    publish(dns_zone, first, second)
    check(acme, first)
    check(acme, second)
    services.remove_domain(workspace_id=acme.id, domain_id=first.pk, actor=SYSTEM)
    assert Domain.objects.get(id=second.pk).is_primary
    assert served(acme) == ["ai.acme.test"]


def test_domain_of_another_workspace_cannot_be_touched(db, acme, globex):
    domain = add(acme)
    for touch in (
        lambda: services.remove_domain(workspace_id=globex.id, domain_id=domain.pk, actor=SYSTEM),
        lambda: services.set_primary(workspace_id=globex.id, domain_id=domain.pk, actor=SYSTEM),
    ):
        with pytest.raises(errors.NotFound):
            touch()
    assert queries.list_domains(acme.id) == [domain]


# looked after


@pytest.fixture
def proven(db, acme, dns_zone) -> Domain:
    domain = add(acme)
    publish(dns_zone, domain)
    check(acme, domain)
    return domain


def recheck(domain: Domain, now: datetime) -> str:
    return services.recheck_domain(domain_id=domain.pk, now=now)


def test_lost_proof_is_told_first_and_ends_serving_after_a_week(proven, acme, owner, dns_zone):
    now = timezone.now()
    assert recheck(proven, now) == "kept"
    dns_zone.clear()
    assert recheck(proven, now) == "lost"
    assert served(acme) == [NAME]
    mail = Mail.objects.get()
    assert (mail.kind, mail.to) == ("domain_lost", [owner.user.email])
    assert mail.context["record_text"] == dns.proof_record(services.KIND, proven.proof)
    assert mail.context["url"].endswith("/w/acme/settings/domain/")

    assert recheck(proven, now + timedelta(days=6, hours=23)) == "kept"
    assert (served(acme), Mail.objects.count()) == ([NAME], 1)
    assert recheck(proven, now + timedelta(days=7)) == "withdrawn"
    assert (served(acme), Mail.objects.count()) == ([], 2)
    assert recheck(proven, now + timedelta(days=8)) == "gone"
    assert actions(acme)[2:] == ["domain.proof_lost", "domain.withdrawn"]
    assert not Domain.objects.get(id=proven.pk).is_primary


def test_proof_that_comes_back_in_time_is_enough(proven, acme, dns_zone):
    now = timezone.now()
    texts = dict(dns_zone)
    dns_zone.clear()
    recheck(proven, now)
    dns_zone.update(texts)
    assert recheck(proven, now + timedelta(days=1)) == "found"
    dns_zone.clear()
    assert recheck(proven, now + timedelta(days=8)) == "lost", "the week begins anew"
    assert served(acme) == [NAME]


def test_broken_name_server_takes_no_domain_away(proven, acme, dns_zone):
    now = timezone.now()
    dns_zone.is_broken = True
    for days in (0, 10, 20):
        with pytest.raises(dns.DnsUnavailable):
            recheck(proven, now + timedelta(days=days))
    assert served(acme) == [NAME]
    assert Domain.objects.get(id=proven.pk).lost_at is None


def test_beat_asks_for_each_served_domain(proven, acme, monkeypatch):
    add(acme, "waiting.acme.test")
    asked = []
    monkeypatch.setattr(tasks.recheck_domain, "delay", lambda **given: asked.append(given))
    tasks.recheck_domains()
    assert {"domain_id": proven.pk} in asked
    assert len(asked) == Domain.objects.filter(verified_at__isnull=False).count()


# the proxy's question


def ask(name: str, **options):
    return factories.browser(**options).get("/domains/allowed", {"domain": name})


def test_proxy_learns_which_hosts_deserve_a_certificate(proven, acme):
    add(acme, "waiting.acme.test")
    expected = {
        NAME: 200,
        NAME.upper(): 200,
        "127.0.0.1": 200,
        "waiting.acme.test": 404,
        "evil.test": 404,
        "": 404,
    }
    assert {name: ask(name).status_code for name in expected} == expected


def test_question_is_not_redirected_to_https(proven):
    import re

    from django.conf import settings

    assert any(re.search(pattern, "domains/allowed") for pattern in settings.SECURE_REDIRECT_EXEMPT)


def test_strangers_ask_so_often_and_a_proxy_on_this_machine_any_number(proven, monkeypatch):
    from tenants.domains import views

    monkeypatch.setattr(views, "RATE", "3/h")
    client = factories.browser()
    found = [client.get("/domains/allowed", {"domain": NAME}).status_code for _ in range(4)]
    assert found == [200, 200, 200, 429]
    local = [client.get("/domains/allowed", {"domain": NAME}, REMOTE_ADDR="127.0.0.1") for _ in range(5)]
    assert {response.status_code for response in local} == {200}
    headers = {"X-Forwarded-For": "10.1.2.3"}
    handed_on = [
        client.get("/domains/allowed", {"domain": NAME}, REMOTE_ADDR="127.0.0.1", headers=headers).status_code
        for _ in range(5)
    ]
    assert 429 in handed_on

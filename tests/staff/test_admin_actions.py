"""What staff do on their pages: each act goes through a service and into the audit log."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, User
from tenants.models import Domain, Workspace
from tests import factories
from tests.staff.pages import act, latest_entry, page, reference_of, said
from usage import prices
from usage.models import Price, Stop

pytestmark = pytest.mark.django_db


def test_suspending_needs_a_reason(cast, staff):
    workspace = Workspace.objects.get(id=cast.acme.id)
    response = act(staff.browser(), "tenants.workspace", "suspend", [workspace], reason=" ")
    workspace.refresh_from_db()
    assert workspace.state == "active"
    assert "give a reason" in said(response)


def test_suspending_and_resuming_leave_who_and_why_in_the_audit_log(cast, staff):
    workspace = Workspace.objects.get(id=cast.acme.id)
    client = staff.browser()
    for action, verb, was, state in (
        ("suspend", "suspended", "active", "suspended"), ("resume", "resumed", "suspended", "active"),
    ):  # fmt: skip
        act(client, "tenants.workspace", action, [workspace], reason="Unpaid since March")
        workspace.refresh_from_db()
        entry = latest_entry()
        assert workspace.state == state
        assert entry.action == f"workspace.{verb}"
        assert entry.actor_kind == "staff"
        assert entry.actor_ref == reference_of(staff)
        changed = {"before": {"state": was}, "after": {"state": state}}
        assert entry.data == {"reason": "Unpaid since March", **changed}


def test_actions_need_the_right_to_change(cast):
    person = factories.make_user(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_workspace"))
    workspace = Workspace.objects.get(id=cast.acme.id)
    client = factories.sign_in(person)
    assert client.get(page("tenants.workspace")).status_code == 200
    act(client, "tenants.workspace", "suspend", [workspace], reason="Because I can")
    workspace.refresh_from_db()
    assert workspace.state == "active"
    person.user_permissions.set(
        Permission.objects.filter(codename__in=["view_workspace", "change_workspace"])
    )
    act(factories.sign_in(person), "tenants.workspace", "suspend", [workspace], reason="Now I may")
    workspace.refresh_from_db()
    assert workspace.state == "suspended"


def test_a_domain_is_verified(cast, staff):
    domain = Domain.objects.create(domain="chat.acme.test", tenant_id=cast.acme.id)
    act(staff.browser(), "tenants.domain", "mark_verified", [domain])
    domain.refresh_from_db()
    assert domain.verified_at is not None
    assert latest_entry().action == "domain.verified"


def test_a_key_is_revoked(cast, staff, django_capture_on_commit_callbacks):
    text = factories.make_key(cast.owner.member)
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
    assert factories.with_key(text).get("/api/v1/keys").status_code == 200
    with django_capture_on_commit_callbacks() as announced:
        response = act(staff.browser(), "accounts.apikey", "revoke", [key])
    key.refresh_from_db()
    entry = latest_entry()
    assert key.revoked_at is not None
    assert factories.with_key(text).get("/api/v1/keys").status_code == 401
    assert (entry.action, entry.actor_kind, entry.workspace_id) == ("api_key.revoked", "staff", cast.acme.id)
    assert len(announced) == 2, "to its open streams, and to its runs"
    assert "1 revoked" in said(response)
    assert "0 revoked" in said(act(staff.browser(), "accounts.apikey", "revoke", [key]))


def test_a_blocked_person_is_out_everywhere(cast, staff, django_capture_on_commit_callbacks):
    person = factories.make_user()
    member = factories.join(cast.acme, person, "member")
    text, client = factories.make_key(member), factories.sign_in(person)
    assert client.get("/w/acme/").status_code == 200
    with django_capture_on_commit_callbacks() as later:
        act(staff.browser(), "accounts.user", "block", [person], reason="Abuse")
    assert client.get("/w/acme/").status_code == 302
    assert factories.with_key(text).get("/api/v1/keys").status_code == 401
    assert len(later) == 2
    assert latest_entry().action == "person.blocked"
    assert str(person.pk) not in str(latest_entry().__dict__)
    act(staff.browser(), "accounts.user", "allow", [person], reason="Settled")
    assert factories.with_key(text).get("/api/v1/keys").status_code == 200


def test_nobody_blocks_themselves(staff):
    act(staff.browser(), "accounts.user", "block", [staff.user], reason="A slip")
    assert User.objects.get(pk=staff.user.pk).is_active


def test_only_superusers_make_people_staff(cast, staff):
    helper = factories.make_user(is_staff=True)
    helper.user_permissions.set(
        Permission.objects.filter(
            codename__in=["view_user", "change_user"], content_type__app_label="accounts"
        )
    )
    address = page("accounts.user", "change", helper.pk)
    rights = {"is_staff": "on", "is_superuser": "on"}
    assert factories.sign_in(helper).post(address, rights).status_code == 403
    assert factories.sign_in(helper).get(address).status_code == 200
    act(factories.sign_in(helper), "accounts.user", "block", [staff.user], reason="A coup")
    assert User.objects.get(pk=staff.user.pk).is_active
    assert not User.objects.get(pk=helper.pk).is_superuser
    assert staff.browser().post(address, rights).status_code == 302
    assert User.objects.get(pk=helper.pk).is_superuser
    assert latest_entry().action == "person.staff_rights_set"


def test_a_stop_is_set_and_lifted(cast, staff):
    client = staff.browser()
    fields = {"scope": "workspace", "target": "acme", "reason": "Runaway script"}
    assert client.post(page("usage.stop", "add"), fields).status_code == 302
    stop = Stop.objects.get(lifted_at__isnull=True)
    assert (stop.target, stop.reason) == (str(cast.acme.id), "Runaway script")
    assert stop.created_by_ref == reference_of(staff)
    assert (latest_entry().action, latest_entry().workspace_id) == ("stop.set", cast.acme.id)
    assert "set already" in client.post(page("usage.stop", "add"), fields).text
    act(client, "usage.stop", "lift", [stop])
    stop.refresh_from_db()
    assert stop.lifted_at is not None
    assert latest_entry().action == "stop.lifted"


@pytest.mark.parametrize(
    ("scope", "target"),
    [("platform", "acme"), ("workspace", "nobody"), ("workspace", ""), ("assistant", "x"), ("model", " ")],
)
def test_a_stop_of_nothing_is_refused(cast, staff, scope, target):
    fields = {"scope": scope, "target": target, "reason": "A test"}
    assert staff.browser().post(page("usage.stop", "add"), fields).status_code == 200
    assert not Stop.objects.exists()


def test_published_prices_are_loaded_once(cast, staff):
    Price.objects.all().delete()
    client = staff.browser()
    load = reverse("admin:usage_price_load")
    assert client.get(load).status_code == 405
    assert "Load published prices" in client.get(page("usage.price")).text
    client.post(load)
    count = Price.objects.count()
    assert count > 0
    assert (latest_entry().action, latest_entry().data) == ("prices.loaded", {"added": count})
    assert "0 published prices" in said(client.post(load, follow=True))
    assert Price.objects.count() == count


def test_who_may_not_add_prices_does_not_load_them(cast):
    Price.objects.all().delete()
    client = factories.sign_in(factories.make_user(is_staff=True))
    assert client.post(reverse("admin:usage_price_load")).status_code == 403
    assert not Price.objects.exists()


def test_a_price_is_added_with_its_source(cast, staff):
    now = timezone.now()
    fields = {
        "provider": "ollama", "model": "llama3", "meter": "input_tokens", "micro_per_million": "0",
        "effective_at_0": now.date().isoformat(), "effective_at_1": "00:00:00", "source": "Our own machine",
    }  # fmt: skip
    assert staff.browser().post(page("usage.price", "add"), fields).status_code == 302
    price = Price.objects.get(provider="ollama")
    assert price.source == "Our own machine"
    assert price.author_ref == latest_entry().actor_ref is not None
    shown = staff.browser().get(page("usage.price"), {"q": price.model}).text
    assert str(price.author_ref) in shown
    assert (latest_entry().action, latest_entry().target_id) == ("price.added", str(price.pk))
    assert staff.browser().post(page("usage.price", "add"), fields).status_code == 200
    assert Price.objects.filter(provider="ollama").count() == 1


def test_a_price_of_the_same_date_corrects_the_one_before(cast, staff):
    now = timezone.now()
    for amount in ("5", "0", "5"):
        fields = {
            "provider": "ollama", "model": "llama3", "meter": "input_tokens", "micro_per_million": amount,
            "effective_at_0": now.date().isoformat(), "effective_at_1": "00:00:00", "source": "Our own machine",
        }  # fmt: skip
        assert staff.browser().post(page("usage.price", "add"), fields).status_code == 302
        assert prices.rates(provider="ollama", model="llama3", at=now).by_meter == {
            "input_tokens": int(amount)
        }
    assert Price.objects.filter(provider="ollama").count() == 3

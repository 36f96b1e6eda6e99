"""The staff pages: who gets in, what they show, what they refuse, and that they act through services."""

from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, Membership, PersonReference, User
from tenants.models import AuditEntry, Domain, Workspace
from tests import factories
from usage.models import Hold, LedgerEntry, Price, Stop

pytestmark = pytest.mark.django_db

OURS = ("tenants", "accounts", "usage")
SERVICES_ONLY = [
    "tenants.workspace", "tenants.domain", "tenants.auditentry", "accounts.user", "accounts.personreference",
    "accounts.membership", "accounts.apikey", "account.emailaddress", "usage.hold", "usage.ledgerentry",
]  # fmt: skip


def page(name: str, view: str = "changelist", *args) -> str:
    return reverse(f"admin:{name.replace('.', '_')}_{view}", args=args)


def act(client, name: str, action: str, rows, **fields):
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields}
    return client.post(page(name), data, follow=True)


def said(response) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def latest_entry() -> AuditEntry:
    entry = AuditEntry.objects.order_by("-id").first()
    assert entry is not None
    return entry


def reference_of(person):
    return PersonReference.objects.get(user=person.user).ref


def make_entry(workspace_id, **fields) -> LedgerEntry:
    values = {
        "hold_id": uuid4(), "workspace_id": workspace_id, "person_ref": uuid4(), "kind": "settlement",
        "run_kind": "reply", "provider": "openai", "model": "gpt-4o-mini", "cost_micro": 1234,
    } | fields  # fmt: skip
    return LedgerEntry.objects.create(**values)


# Who gets in


def test_every_model_of_the_control_plane_has_a_page():
    registered = {model._meta.label_lower for model in admin.site._registry}
    ours = {model._meta.label_lower for model in _models_of(*OURS)}
    assert ours <= registered
    assert "assistants.message" not in registered
    assert "sessions.session" not in registered


def _models_of(*labels: str):
    from django.apps import apps

    return [model for label in labels for model in apps.get_app_config(label).get_models()]


def test_who_is_not_signed_in_is_sent_to_the_one_sign_in_page():
    response = factories.browser().get("/admin/usage/hold/", follow=True)
    path, query = response.request["PATH_INFO"], response.request["QUERY_STRING"]
    assert path == reverse("account_login")
    assert "next=" in query
    assert "admin/login.html" not in [template.name for template in response.templates]


def test_passwords_are_not_taken_by_the_admins_own_form(staff):
    credentials = {"username": staff.user.email, "password": factories.PASSWORD}
    client = factories.browser()
    response = client.post(reverse("admin:login"), credentials)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("actor", ["owner", "admin", "member", "viewer"])
def test_people_who_are_not_staff_see_nothing(request, cast, actor):
    client = request.getfixturevalue(actor).browser()
    response = client.get(page("tenants.workspace"), follow=True)
    assert response.status_code == 403
    assert b"globex" not in response.content


def test_staff_without_rights_see_no_rows(cast):
    person = factories.make_user(is_staff=True)
    client = factories.sign_in(person)
    assert client.get("/admin/").status_code == 200
    assert client.get(page("usage.ledgerentry")).status_code == 403


# What they show


def _each_with_a_row(cast) -> dict[str, object]:
    factories.make_key(cast.owner.member)
    Domain.objects.create(domain="chat.acme.test", tenant_id=cast.acme.id)
    Hold.objects.filter(id=factories.open_hold(workspace_id=cast.acme.id)).get()
    make_entry(cast.acme.id)
    Stop.objects.create(scope="model", target="gpt-4o", reason="A test")
    names = [model._meta.label_lower for model in _models_of(*OURS)]
    return {name: next(m for m in _models_of(*OURS) if m._meta.label_lower == name) for name in names}


def test_each_list_and_each_row_can_be_opened_and_searched(cast, staff):
    client = staff.browser()
    for name, model in _each_with_a_row(cast).items():
        row = model.objects.order_by("pk").first()
        assert row is not None, name
        assert client.get(page(name)).status_code == 200, name
        assert client.get(page(name), {"q": "acme"}).status_code == 200, name
        assert client.get(page(name), {"q": str(uuid4())}).status_code == 200, name
        assert client.get(page(name, "change", row.pk)).status_code == 200, name


def test_records_are_found_by_slug_and_by_exact_id(cast, staff):
    mine, other = make_entry(cast.acme.id), make_entry(cast.globex.id)
    client = staff.browser()
    for term in ("acme", str(mine.hold_id), str(mine.person_ref), str(cast.acme.id)):
        found = client.get(page("usage.ledgerentry"), {"q": term}).context["cl"].queryset
        assert mine in found, term
        assert other not in found, term
    assert not client.get(page("usage.ledgerentry"), {"q": "acm"}).context["cl"].queryset.exists()


def test_the_cost_is_shown_in_units(cast, staff):
    make_entry(cast.acme.id, cost_micro=-1_234_567)
    assert "-1.234567" in staff.browser().get(page("usage.ledgerentry")).text


def test_a_key_s_hash_and_a_person_s_password_are_never_shown(cast, staff):
    text = factories.make_key(cast.owner.member)
    key = ApiKey.objects.get(prefix=text[4:12])
    client = staff.browser()
    for address in (page("accounts.apikey"), page("accounts.apikey", "change", key.pk)):
        shown = client.get(address).text
        assert key.prefix in shown
        assert text not in shown
        assert "hash" not in shown
        assert bytes(key.key_hash).hex() not in shown
    shown = client.get(page("accounts.user", "change", cast.owner.user.pk)).text
    assert cast.owner.user.password not in shown
    assert "password" not in shown.replace("password_change", "").replace("Change password", "")


def _count(client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def _more(number: int, cast) -> None:
    for _ in range(number):
        person = factories.make_user()
        member = factories.join(cast.acme, person, "member")
        factories.make_key(member)
        make_entry(cast.acme.id)
        factories.open_hold(workspace_id=cast.acme.id)
        Domain.objects.create(domain=f"{uuid4()}.test", tenant_id=cast.acme.id)
        Stop.objects.create(scope="model", target=str(uuid4()), reason="A test")


def test_twenty_rows_cost_as_many_queries_as_two(cast, staff):
    client = staff.browser()
    _more(2, cast)
    names = [*SERVICES_ONLY, "usage.stop", "usage.price"]
    few = {name: _count(client, page(name)) for name in names}
    _more(18, cast)
    assert {name: _count(client, page(name)) for name in names} == few
    assert max(few.values()) <= 12


# What they refuse


@pytest.mark.parametrize("name", SERVICES_ONLY)
def test_rows_that_services_decide_are_not_added_or_deleted(cast, staff, name):
    client = staff.browser()
    _more(1, cast)
    model = next(m for m in admin.site._registry if m._meta.label_lower == name)
    row, count = model.objects.order_by("pk").first(), model.objects.count()
    assert client.get(page(name, "add")).status_code == 403
    assert client.post(page(name, "add"), {}).status_code == 403
    assert client.post(page(name, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(page(name)).text
    assert model.objects.count() == count


@pytest.mark.parametrize("name", [name for name in SERVICES_ONLY if name != "accounts.user"])
def test_rows_that_services_decide_are_not_changed(cast, staff, name):
    _more(1, cast)
    model = next(m for m in admin.site._registry if m._meta.label_lower == name)
    row = model.objects.order_by("pk").first()
    before = model.objects.filter(pk=row.pk).values().get()
    response = staff.browser().post(page(name, "change", row.pk), {"name": "Changed", "state": "settled"})
    assert response.status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before


def test_a_price_and_a_stop_are_not_changed_or_deleted(cast, staff):
    client = staff.browser()
    stop = Stop.objects.create(scope="platform", reason="A test")
    for name, row in (("usage.price", Price.objects.first()), ("usage.stop", stop)):
        assert client.post(page(name, "change", row.pk), {"reason": "Other"}).status_code == 403
        assert client.post(page(name, "delete", row.pk), {"post": "yes"}).status_code == 403


# What they do


def test_suspending_needs_a_reason(cast, staff):
    workspace = Workspace.objects.get(id=cast.acme.id)
    response = act(staff.browser(), "tenants.workspace", "suspend", [workspace], reason=" ")
    workspace.refresh_from_db()
    assert workspace.state == "active"
    assert "give a reason" in said(response)


def test_suspending_and_resuming_leave_who_and_why_in_the_audit_log(cast, staff):
    workspace = Workspace.objects.get(id=cast.acme.id)
    client = staff.browser()
    for action, state in (("suspend", "suspended"), ("resume", "active")):
        act(client, "tenants.workspace", action, [workspace], reason="Unpaid since March")
        workspace.refresh_from_db()
        entry = latest_entry()
        assert workspace.state == state
        assert entry.action == f"workspace.{state}"
        assert entry.actor_kind == "staff"
        assert entry.actor_ref == reference_of(staff)
        assert entry.data == {"reason": "Unpaid since March"}


def test_actions_need_the_right_to_change(cast):
    from django.contrib.auth.models import Permission

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
    key = ApiKey.objects.get(prefix=text[4:12])
    assert factories.with_key(text).get("/api/v1/keys").status_code == 200
    with django_capture_on_commit_callbacks() as announced:
        response = act(staff.browser(), "accounts.apikey", "revoke", [key])
    key.refresh_from_db()
    entry = latest_entry()
    assert key.revoked_at is not None
    assert factories.with_key(text).get("/api/v1/keys").status_code == 401
    assert (entry.action, entry.actor_kind, entry.workspace_id) == ("api_key.revoked", "staff", cast.acme.id)
    assert len(announced) == 1
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
    from django.contrib.auth.models import Permission

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
    assert (latest_entry().action, latest_entry().target_id) == ("price.added", str(price.pk))
    assert staff.browser().post(page("usage.price", "add"), fields).status_code == 200
    assert Price.objects.filter(provider="ollama").count() == 1


def test_a_page_of_staff_obeys_the_content_security_policy(cast, staff):
    """No inline script or style: browsers refuse both."""
    client = staff.browser()
    for address in ("/admin/", page("usage.price"), page("usage.stop", "add"), page("tenants.workspace")):
        response = client.get(address)
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert " style=" not in response.text
        assert "<style" not in response.text
        assert "<script>" not in response.text
        assert not Membership.objects.filter(user=staff.user).exists()

"""The staff pages: who gets in, what they show, and what they refuse."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey
from tenants import audit
from tenants.models import Domain
from tests import factories
from tests.staff import people_rows
from tests.staff.pages import make_entry, page
from tests.usage.books import fold_all
from tests.usage.receipts import making
from usage.limits import services as limits
from usage.models import Counter, Limit, Price, QuotaNotice, Stop
from usage.pace import services as pace
from usage.pace.queries import Rates
from usage.receipts import examination
from usage.receipts import services as receipts
from usage.receipts.models import LogKind, SigningKey
from usage.reconciliation.models import BooksItem
from usage.rerating import services as rerating
from usage.spend import services as spend
from usage.statements import services as statements

pytestmark = pytest.mark.django_db

OURS = ("tenants", "accounts", "usage")
WITHOUT_A_PAGE = {"usage.lognode"}
"""Hashes inside the Merkle trees: append-only, by the million, and Django gives composite keys no page."""
SERVICES_ONLY = [
    "tenants.workspace", "tenants.domain", "tenants.auditentry", "accounts.user", "accounts.personreference",
    "accounts.membership", "accounts.apikey", "account.emailaddress", "usage.hold", "usage.ledgerentry",
]  # fmt: skip


def test_every_model_of_the_control_plane_has_a_page():
    registered = {model._meta.label_lower for model in admin.site._registry}
    ours = {model._meta.label_lower for model in _models_of(*OURS)} - WITHOUT_A_PAGE
    assert ours <= registered
    assert "assistants.message" not in registered
    assert "sessions.session" not in registered


def _models_of(*labels: str):
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


def _each_with_a_row(cast) -> dict[str, object]:
    factories.make_key(cast.owner.member)
    Domain.objects.create(domain="chat.acme.test", tenant_id=cast.acme.id)
    factories.open_hold(workspace_id=cast.acme.id)
    make_entry(cast.acme.id)
    Stop.objects.create(scope="model", target="gpt-4o", reason="A test")
    people_rows.make_rows(cast)
    _what_people_see_of_usage(cast.acme)
    _what_closes_the_books(cast.acme)
    _what_receipts_leave(cast.acme)
    found = {model._meta.label_lower: model for model in _models_of(*OURS)}
    return {name: model for name, model in found.items() if name not in WITHOUT_A_PAGE}


def _what_people_see_of_usage(acme) -> None:
    limit = Limit.objects.filter(workspace_id=acme.id).first()
    today = timezone.now().date()
    actor = audit.SYSTEM
    limits.override(
        limit=limit, amount=9, reason="r", expires_at=timezone.now() + timedelta(days=1), actor=actor
    )
    notice = QuotaNotice.objects.create(
        workspace_id=acme.id, limit=limit, window_start=today, line="warn", used=8, amount=9
    )
    limits.dismiss_notice(notice_id=notice.pk, workspace_id=acme.id, person_ref=uuid4())
    Counter.objects.get_or_create(
        workspace_id=acme.id, subject_kind="workspace", meter="images", window="day", window_start=today
    )
    spend.set_alarm(workspace_id=acme.id, micro_per_hour=5, actor=actor)
    pace.push_rates(workspace_id=acme.id, rates=Rates(1000, 1000, 1000))
    fold_all()


def _what_closes_the_books(acme) -> None:
    now = timezone.now()
    BooksItem.objects.create(kind="counters", workspace_id=acme.id, day=now.date(), subject="tokens")
    rerating.begin(
        correction_id=uuid4(), provider="openai", model="gpt-4o-mini", from_at=now - timedelta(days=1), to_at=now,
        reason="A test", actor=audit.SYSTEM,
    )  # fmt: skip
    statements.write(workspace_id=acme.id, zone="UTC", month=date(2026, 3, 1))


def _what_receipts_leave(acme) -> None:
    making.settle(acme.id)
    for kind in LogKind:
        making.sequence(acme.id, kind)
        receipts.take_checkpoint(acme.id, kind)
        examination.examine_whole(acme.id, kind)
    audit.record("test.waits", actor=audit.SYSTEM, workspace_id=acme.id)


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
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
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


def test_a_signing_key_s_private_part_is_never_shown(cast, staff):
    _what_receipts_leave(cast.acme)
    key = SigningKey.objects.get(retired_at=None)
    client = staff.browser()
    for address in (page("usage.signingkey"), page("usage.signingkey", "change", key.pk)):
        shown = client.get(address).text
        assert str(key.pk) in shown
        assert "sealed" not in shown
        assert bytes(key.sealed_private).hex() not in shown


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

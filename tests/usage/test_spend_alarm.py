"""Too much spent within an hour stops model calls by itself, once, and tells staff."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail

from tenants import audit
from tenants.models import AuditEntry
from tests.staff.pages import page
from tests.usage.books import NOON, write_entry
from usage import stops
from usage.models import Stop
from usage.spend import services
from usage.spend.models import SpendAlarm


@pytest.fixture
def alarm(db, acme):
    return services.set_alarm(workspace_id=acme.id, micro_per_hour=100, actor=audit.SYSTEM)


def watch(now=NOON):
    return services.watch(now=now)


def spend(acme, amount, ago=timedelta(), **fields):
    write_entry(NOON - ago, workspace_id=acme.id, cost_micro=amount, **fields)


def test_up_to_the_line_nothing_happens(alarm, acme):
    spend(acme, 100)
    assert watch() == []
    assert not Stop.objects.exists()


def test_above_the_line_the_workspace_stops_and_staff_are_told(
    alarm, acme, staff, django_capture_on_commit_callbacks
):
    spend(acme, 101)
    with django_capture_on_commit_callbacks(execute=True):
        [raised] = watch()
    assert (raised.workspace_id, raised.spent, raised.line) == (acme.id, 101, 100)
    stop = stops.find(workspace_id=acme.id, assistant_id=None, model="m")
    assert (stop.scope, stop.target, stop.authority) == ("workspace", str(acme.id), "alarm")
    [sent] = mail.outbox
    assert staff.user.email in sent.to
    assert acme.name in sent.subject and "$0.000101" in sent.body and "/admin/usage/stop/" in sent.body
    actions = AuditEntry.objects.filter(workspace_id=acme.id).order_by("-id").values_list("action", flat=True)
    assert list(actions[:2]) == ["spend_alarm.raised", "stop.set"]


def test_raised_once(alarm, acme):
    spend(acme, 500)
    assert len(watch()) == 1
    assert watch() == []
    assert Stop.objects.count() == 1


def test_spend_of_an_hour_ago_is_past(alarm, acme):
    spend(acme, 500, ago=timedelta(minutes=61))
    spend(acme, 60, ago=timedelta(minutes=59))
    assert watch() == []
    spend(acme, 60)
    assert len(watch()) == 1


def test_others_spend_does_not_count_for_a_workspace(alarm, acme, globex):
    spend(globex, 500)
    spend(acme, 500, account="platform", kind="adjustment")
    assert watch() == []


def test_platforms_alarm_counts_everything_and_stops_everybody(db, acme, globex):
    services.set_alarm(workspace_id=None, micro_per_hour=100, actor=audit.SYSTEM)
    spend(acme, 60)
    spend(globex, 30)
    assert watch() == []
    spend(globex, 20, account="platform", kind="adjustment")
    assert len(watch()) == 1
    assert stops.find(workspace_id=uuid4(), assistant_id=None, model="m").scope == "platform"


def test_lifted_stop_is_not_set_again_for_the_same_money(alarm, acme, monkeypatch):
    spend(acme, 500, ago=timedelta(minutes=5))
    watch()
    stop = Stop.objects.get()
    Stop.objects.filter(pk=stop.pk).update(
        created_at=NOON - timedelta(minutes=4), lifted_at=NOON - timedelta(minutes=2)
    )
    assert watch() == []
    spend(acme, 101, ago=timedelta(minutes=1))
    assert len(watch()) == 1


def test_new_alarm_takes_the_place_of_the_old(alarm, acme):
    services.set_alarm(workspace_id=acme.id, micro_per_hour=1000, actor=audit.SYSTEM)
    spend(acme, 500)
    assert watch() == []
    assert SpendAlarm.objects.filter(removed_at__isnull=True).count() == 1


def test_alarm_without_an_amount_is_refused(db):
    with pytest.raises(services.AlarmRefused):
        services.set_alarm(workspace_id=None, micro_per_hour=0, actor=audit.SYSTEM)


def test_staff_set_and_remove_an_alarm(db, acme, staff):
    client = staff.browser()
    add = page("usage.spendalarm", "add")
    assert client.post(add, {"place": "acme", "micro_per_hour": "77"}).status_code == 302
    alarm = SpendAlarm.objects.get()
    assert (alarm.workspace_id, alarm.micro_per_hour) == (acme.id, 77)
    assert client.post(add, {"place": "nowhere", "micro_per_hour": "77"}).status_code == 200
    assert client.post(add, {"place": "acme", "micro_per_hour": "0"}).status_code == 200
    assert SpendAlarm.objects.count() == 1
    data = {"action": "remove", "_selected_action": [str(alarm.pk)]}
    client.post(page("usage.spendalarm"), data, follow=True)
    assert SpendAlarm.objects.get().removed_at is not None


def test_staff_set_a_limit_and_another_amount_for_a_time(db, acme, staff):
    from django.utils import timezone

    from usage.models import Limit, LimitOverride

    client = staff.browser()
    values = {
        "place": "", "subject_kind": "platform", "subject_id": "", "meter": "cost_micro", "window": "day",
        "amount": "900", "warn_percent": "80", "block_percent": "95",
    }  # fmt: skip
    assert client.post(page("usage.limit", "add"), values).status_code == 302
    limit = Limit.objects.get(workspace_id=None)
    assert (limit.amount, limit.source) == (900, "staff")
    assert client.post(page("usage.limit", "add"), values | {"place": "acme"}).status_code == 200
    assert client.post(page("usage.limit", "add"), values | {"subject_kind": "person"}).status_code == 200
    end = timezone.now() + timedelta(days=3)
    override = {
        "limit": str(limit.pk), "amount": "1800", "reason": "Launch", "expires_at_0": f"{end:%Y-%m-%d}",
        "expires_at_1": "10:00:00",
    }  # fmt: skip
    assert client.post(page("usage.limitoverride", "add"), override).status_code == 302
    row = LimitOverride.objects.get()
    assert (row.limit_id, row.amount, row.reason) == (limit.pk, 1800, "Launch")
    assert (
        client.post(page("usage.limit", "add"), values | {"amount": "", "meter": "images"}).status_code == 302
    )
    assert Limit.objects.get(workspace_id=None, meter="images").amount is None, "empty is unlimited"
    past = override | {"expires_at_0": "2020-01-01"}
    assert client.post(page("usage.limitoverride", "add"), past).status_code == 200
    assert LimitOverride.objects.count() == 1
    for name in ("usage.limit", "usage.limitoverride", "usage.counter", "usage.quotanotice", "usage.dailyrollup",
                 "usage.hourlyrollup", "usage.rollupstate", "usage.noticedismissal", "usage.spendalarm"):  # fmt: skip
        assert client.get(page(name)).status_code == 200

"""What the payment service says is applied absolutely, by the number of the look, with each effect once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from billing import effects
from billing.plans.models import Plan, PlanPrice
from billing.stripe import mirror, sync
from billing.stripe.state import CustomerState, assemble
from billing.subscriptions.models import BillingAccount, BillingEvent, Grant
from billing.webhooks.models import Repair
from tenants.models import AuditEntry
from tests.billing import shapes
from tests.billing.shapes import BEGAN, MONTH

pytestmark = pytest.mark.django_db
PRO, TEAM = "price_of_pro", "price_of_team"


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture(autouse=True)
def prices(db) -> None:
    """The two plans have prices at the payment service."""
    for key, price_id in (("pro", PRO), ("team", TEAM)):
        price = PlanPrice.objects.get(
            plan__key=key, plan__catalogue="alin", plan__is_current=True, interval="month"
        )
        price.stripe_price_id = price_id
        price.save(update_fields=["stripe_price_id"])


@pytest.fixture
def account(acme) -> BillingAccount:
    made, _ = BillingAccount.objects.update_or_create(
        workspace_id=acme.id, defaults={"stripe_customer_id": "cus_1"}
    )
    return made


@pytest.fixture
def called(monkeypatch) -> list[tuple[str, str]]:
    """Each effect that ran, and for what."""
    seen: list[tuple[str, str]] = []
    for name in (
        "subscription_started", "subscription_changed", "subscription_ended", "invoice_paid", "invoice_failed",
        "session_completed", "trial_will_end",
    ):  # fmt: skip
        monkeypatch.setattr(effects, name, lambda _, what, name=name: seen.append((name, what.id)))
    return seen


def plan(key: str) -> Plan:
    return Plan.objects.get(catalogue="alin", key=key, is_current=True)


def state_of(*subscriptions, invoices=(), sessions=(), waiting=frozenset(), **customer) -> CustomerState:
    return assemble(shapes.customer(**customer), subscriptions, invoices, sessions, waiting=waiting)


def of_pro(**changes):
    return shapes.subscription("sub_1", shapes.item(PRO), **changes)


def apply(state: CustomerState, look: sync.Look | None = None, **options) -> sync.Applied:
    return sync.apply(look or sync.begin_look("cus_1"), state, **options)


def after(account: BillingAccount) -> BillingAccount:
    return BillingAccount.objects.get(pk=account.pk)


# fields


def test_subscription_is_applied_with_everything_that_belongs_to_it(account, called):
    card = shapes.card(last4="0341")
    applied = apply(state_of(of_pro(default_payment_method=card), invoices=[shapes.invoice()], balance=-300))
    row = after(account)
    assert (row.status, row.plan, row.interval, row.quantity) == ("active", plan("pro"), "month", 1)
    assert (row.period_start, row.period_end) == (at(BEGAN), at(BEGAN + MONTH))
    assert (row.subscription_id, row.balance_minor, row.payment_method["last4"]) == ("sub_1", -300, "0341")
    assert (row.trial_ends_at, row.cancels_at, row.pending_plan, row.past_due_since) == (None,) * 4
    assert row.effective_plan == plan("pro")
    assert (row.sync_token, row.applied_token) == (account.sync_token + 1, account.sync_token + 1)
    assert set(applied.changes) == {
        "subscription_id", "status", "plan", "interval", "period_start", "period_end", "balance_minor",
        "payment_method",
    }  # fmt: skip
    assert applied.changes["plan"] == ("", "pro 1")


def test_same_state_again_changes_nothing(account, called):
    state = state_of(of_pro(), invoices=[shapes.invoice()])
    apply(state)
    entries = BillingEvent.objects.count()
    again = apply(state)
    assert (again.changes, again.effects) == ({}, [])
    assert BillingEvent.objects.count() == entries
    assert after(account).applied_token == account.sync_token + 2


@pytest.mark.parametrize(
    "status", ["trialing", "active", "past_due", "unpaid", "paused", "incomplete", "canceled"]
)
def test_every_status_is_taken_as_it_is(account, called, status):
    apply(state_of(of_pro(status=status)))
    row = after(account)
    assert (row.status, row.plan) == (status, plan("pro"))
    has_plan = status in ("trialing", "active", "past_due")
    assert row.effective_plan == (plan("pro") if has_plan else plan("free"))


def test_without_a_subscription_nothing_of_one_is_left(account, called):
    apply(
        state_of(of_pro(cancel_at_period_end=True, schedule=shapes.schedule((PRO, BEGAN), (TEAM, BEGAN + 5))))
    )
    apply(state_of())
    row = after(account)
    assert (row.status, row.plan, row.interval, row.subscription_id, row.schedule_id) == (
        "none",
        None,
        "",
        "",
        "",
    )
    assert (row.cancels_at, row.period_end, row.pending_plan, row.pending_at) == (None,) * 4
    assert row.effective_plan == plan("free")


def test_scheduled_change_is_pending(account, called):
    apply(state_of(of_pro(schedule=shapes.schedule((PRO, BEGAN), (TEAM, BEGAN + MONTH)))))
    row = after(account)
    assert (row.pending_plan, row.pending_interval, row.pending_at) == (
        plan("team"),
        "month",
        at(BEGAN + MONTH),
    )
    assert (row.plan, row.schedule_id) == (plan("pro"), "sub_sched_1")


def test_schedule_that_goes_on_as_it_is_pends_nothing(account, called):
    apply(state_of(of_pro(schedule=shapes.schedule((PRO, BEGAN), (PRO, BEGAN + MONTH)))))
    assert (after(account).pending_plan, after(account).pending_at) == (None, None)


def test_plan_is_the_licensed_items(account, called):
    metered = shapes.item("price_of_use", usage="metered")
    apply(state_of(shapes.subscription("sub_1", metered, shapes.item(TEAM, quantity=7))))
    row = after(account)
    assert (row.plan, row.quantity) == (plan("team"), 7)


def test_price_of_no_plan_gives_no_plan_and_is_told(account, called, caplog):
    apply(state_of(shapes.subscription("sub_1", shapes.item("price_of_somebody", quantity=3))))
    row = after(account)
    assert (row.status, row.plan, row.quantity) == ("active", None, 3)
    assert row.effective_plan == plan("free")
    assert "a subscription is for no plan of ours" in caplog.messages


# payment


def test_debt_dates_from_the_unpaid_invoice_whenever_it_is_seen(account, called):
    apply(state_of(of_pro(status="past_due"), invoices=[shapes.unpaid()]))
    row = after(account)
    assert row.past_due_since == at(BEGAN + 10)
    assert row.grace_ends_at == at(BEGAN + 10) + timedelta(days=settings.BILLING_GRACE_DAYS)
    assert row.restricted_at is None


def test_grace_is_set_once(account, called):
    apply(state_of(of_pro(status="past_due"), invoices=[shapes.unpaid()]))
    longer = at(BEGAN + MONTH)
    BillingAccount.objects.filter(pk=account.pk).update(grace_ends_at=longer, restricted_at=longer)
    apply(state_of(of_pro(status="unpaid"), invoices=[shapes.unpaid(attempt_count=4)]))
    row = after(account)
    assert (row.past_due_since, row.grace_ends_at, row.restricted_at) == (at(BEGAN + 10), longer, longer)


def test_invoice_by_mail_is_overdue_from_its_day(account, called):
    mailed = shapes.unpaid(collection_method="send_invoice", due_date=BEGAN + 99, attempt_count=0)
    apply(state_of(of_pro(status="past_due"), invoices=[mailed]))
    assert after(account).past_due_since == at(BEGAN + 99)


@pytest.mark.parametrize("status", ["active", "trialing", "canceled"])
def test_recovery_forgets_the_debt(account, called, status):
    apply(state_of(of_pro(status="past_due"), invoices=[shapes.unpaid()]))
    BillingAccount.objects.filter(pk=account.pk).update(restricted_at=at(BEGAN))
    apply(state_of(of_pro(status=status), invoices=[shapes.invoice()]))
    row = after(account)
    assert (row.past_due_since, row.grace_ends_at, row.restricted_at) == (None, None, None)


def test_payment_to_be_confirmed_leads_to_where_it_is(account, called):
    apply(state_of(of_pro(status="incomplete"), invoices=[shapes.unpaid()], waiting=frozenset({"in_1"})))
    assert after(account).action_url == "https://pay.example.com/in_1"
    apply(state_of(of_pro(), invoices=[shapes.invoice()]))
    assert after(account).action_url == ""


def test_deleted_customer_is_let_go(account, called):
    apply(state_of(of_pro()))
    apply(CustomerState(id="cus_1", is_deleted=True))
    row = after(account)
    assert (row.stripe_customer_id, row.status, row.effective_plan) == (None, "none", plan("free"))


# the order of looks


def test_look_with_a_lower_number_is_left_out(account, called):
    early, late = sync.begin_look("cus_1"), sync.begin_look("cus_1")
    apply(state_of(of_pro(status="canceled")), late)
    applied = apply(state_of(of_pro()), early)
    assert (applied.is_stale, applied.changes) == (True, {})
    assert (after(account).status, after(account).applied_token) == ("canceled", late.token)


def test_without_the_numbers_an_old_look_would_win(account, called, monkeypatch):
    """The positive control: whatever arrives last is applied."""
    early, late = sync.begin_look("cus_1"), sync.begin_look("cus_1")
    apply(state_of(of_pro(status="canceled")), late)
    BillingAccount.objects.filter(pk=account.pk).update(applied_token=0)
    apply(state_of(of_pro()), early)
    assert after(account).status == "active"


def test_trial_end_is_told_also_by_a_look_that_came_too_late(account, called, monkeypatch):
    state, first = state_of(of_pro(status="trialing", trial_end=BEGAN + MONTH)), sync.begin_look("cus_1")
    apply(state, sync.begin_look("cus_1"))
    looks, begin = [first], sync.begin_look
    monkeypatch.setattr(sync, "begin_look", lambda customer: looks.pop() if looks else begin(customer))
    monkeypatch.setattr(sync, "fetch", lambda customer: state)
    monkeypatch.setattr(mirror, "copy", lambda *_, **__: 0)
    sync.sync_customer("cus_1", trial_will_end=True)
    assert called == [("subscription_started", "sub_1"), ("trial_will_end", "sub_1")]


def test_numbers_go_up_by_one(account):
    tokens = [sync.begin_look("cus_1").token for _ in range(3)]
    assert tokens == [account.sync_token + 1, account.sync_token + 2, account.sync_token + 3]


def test_nobodys_customer_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(sync, "fetch", lambda customer_id: pytest.fail("asked"))
    with pytest.raises(sync.CustomerUnknown):
        sync.sync_customer("cus_of_nobody")


# effects


def test_each_effect_runs_once(account, called):
    state = state_of(
        of_pro(),
        invoices=[shapes.invoice("in_2", created=BEGAN + 5), shapes.invoice()],
        sessions=[shapes.session()],
    )
    applied = [apply(state) for _ in range(3)]
    assert called == [
        ("subscription_started", "sub_1"), ("invoice_paid", "in_1"), ("invoice_paid", "in_2"),
        ("session_completed", "cs_1"),
    ]  # fmt: skip
    assert [row.effects for row in applied[1:]] == [[], []]
    assert set(Grant.objects.values_list("key", flat=True)) >= {
        "subscription.started:sub_1", "invoice.paid:in_1", "invoice.paid:in_2", "checkout.completed:cs_1",
    }  # fmt: skip


def test_missed_events_cost_no_effect(account, called):
    """Nobody looked before it was all over."""
    apply(state_of(of_pro(status="canceled", ended_at=BEGAN + 50), invoices=[shapes.invoice()]))
    assert called == [
        ("subscription_started", "sub_1"),
        ("invoice_paid", "in_1"),
        ("subscription_ended", "sub_1"),
    ]


def test_change_runs_for_each_look_that_saw_one(account, called):
    for price in (PRO, TEAM, TEAM, PRO):
        apply(state_of(shapes.subscription("sub_1", shapes.item(price))))
    assert called == [
        ("subscription_started", "sub_1"), ("subscription_changed", "sub_1"), ("subscription_changed", "sub_1"),
    ]  # fmt: skip


def test_each_failed_try_is_told(account, called):
    for count in (1, 1, 2):
        apply(state_of(of_pro(status="past_due"), invoices=[shapes.unpaid(attempt_count=count)]))
    assert called == [
        ("subscription_started", "sub_1"),
        ("invoice_failed", "in_1"),
        ("invoice_failed", "in_1"),
    ]


def test_trial_end_is_told_once(account, called):
    state = state_of(of_pro(status="trialing", trial_end=BEGAN + MONTH))
    for _ in range(2):
        apply(state, trial_will_end=True)
    apply(state_of(of_pro()), trial_will_end=True)
    assert called == [("subscription_started", "sub_1"), ("trial_will_end", "sub_1")]


def test_subscription_that_never_began_has_no_effect(account, called):
    apply(state_of(of_pro(status="incomplete"), sessions=[shapes.session(payment_status="unpaid")]))
    assert called == []


def test_effect_that_fails_takes_all_back(account, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    state = state_of(of_pro(), invoices=[shapes.invoice()])
    monkeypatch.setattr(effects, "invoice_paid", fail)
    with pytest.raises(ZeroDivisionError):
        apply(state)
    row = after(account)
    assert (row.status, row.applied_token) == (account.status, account.applied_token)
    assert not Grant.objects.filter(workspace_id=account.workspace_id).exists()
    paid = []
    monkeypatch.setattr(effects, "invoice_paid", lambda _, invoice: paid.append(invoice.id))
    apply(state)
    assert paid == ["in_1"]


# what is kept of it


def test_changes_are_in_the_billing_log_with_their_cause(account, called):
    apply(state_of(of_pro(), invoices=[shapes.invoice()]), cause="evt_1")
    rows = BillingEvent.objects.filter(workspace_id=account.workspace_id, cause="evt_1")
    told = {row.kind: row.data for row in rows}
    assert told["subscription.status_changed"]["changes"] == {
        "subscription_id": ["", "sub_1"], "status": ["none", "active"],
    }  # fmt: skip
    assert told["subscription.plan_changed"]["changes"]["plan"] == ["", "pro 1"]
    assert told["invoice.paid"] == {
        "invoice": "in_1",
        "number": "A-1",
        "currency": "usd",
        "amount_minor": 2000,
    }
    assert {"subscription.started", "subscription.period_changed"} < set(told)


def test_every_field_that_can_change_is_logged():
    logged = {name for names in sync.LOGGED.values() for name in names}
    account = BillingAccount(stripe_customer_id="cus_1")
    from billing.stripe import present

    overdue = state_of(of_pro(status="past_due"), invoices=[shapes.unpaid()])
    fields = present.fields_of(account, overdue, now=at(BEGAN)) | present.fields_of(
        account, state_of(), now=at(BEGAN)
    )
    assert set(fields) == logged


def test_what_decides_over_rights_is_audited(account, called):
    apply(state_of(of_pro()), cause="evt_1")
    apply(state_of(of_pro(), balance=-100), cause="evt_2")
    (entry,) = AuditEntry.objects.filter(action="billing.changed", workspace_id=account.workspace_id)
    assert entry.data["cause"] == "evt_1"
    assert entry.data["changes"]["status"] == ["none", "active"]


def test_repair_is_written_down_field_by_field(account, called):
    apply(state_of(of_pro(), invoices=[shapes.invoice()]), is_repair=True)
    rows = {(row.field, row.was, row.now) for row in Repair.objects.filter(workspace_id=account.workspace_id)}
    assert ("status", "none", "active") in rows
    assert ("effect", "", "invoice.paid:in_1") in rows
    count = Repair.objects.count()
    apply(state_of(of_pro(), invoices=[shapes.invoice()]), is_repair=True)
    assert Repair.objects.count() == count
    assert BillingEvent.objects.filter(kind="billing.repaired").count() == count


# the mirror


class Broken:
    class objects:  # noqa: N801
        @staticmethod
        def filter(**_):
            return Broken

    @staticmethod
    def values_list(*_):
        return []

    @staticmethod
    def sync_from_stripe_data(_):
        raise RuntimeError("a shape with a secret text")


def test_mirror_that_fails_hinders_nobody(account, called, monkeypatch, caplog):
    monkeypatch.setattr(mirror, "MODELS", dict.fromkeys(mirror.MODELS, Broken))
    monkeypatch.setattr(sync, "fetch", lambda customer_id: state_of(of_pro()))
    assert "status" in sync.sync_customer("cus_1")
    assert after(account).status == "active"
    assert caplog.messages.count("the mirror could not take an object") == 2
    assert "secret text" not in caplog.text


def test_old_look_is_not_mirrored(account, called, monkeypatch):
    monkeypatch.setattr(mirror, "copy", lambda *_, **__: pytest.fail("mirrored"))
    monkeypatch.setattr(sync, "fetch", lambda customer_id: state_of(of_pro()))
    early = sync.begin_look("cus_1")
    apply(state_of(), sync.begin_look("cus_1"))
    monkeypatch.setattr(sync, "begin_look", lambda customer_id: early)
    assert sync.sync_customer("cus_1") == []

"""What our own clock does: reminders once each, read-only when grace is over, and back at once when it is paid."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.mails.models import Mail
from billing import dunning, effects, grants, log
from billing.plans.models import Plan
from billing.stripe import sync
from billing.stripe.client import PaymentServiceUnavailable
from billing.subscriptions.models import BillingAccount, BillingEvent
from tests import factories
from tests.billing import lives
from usage import outlets
from usage.features import queries as features

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def mails(account) -> list[str]:
    return [kind for kind, _ in lives.mailed(account.pk)]


def context(account) -> dict:
    ((_, found),) = lives.mailed(account.pk)
    return found


def run(effect, account, *args) -> None:
    with transaction.atomic():
        effect(BillingAccount.objects.select_for_update().get(pk=account.pk), *args)


# trials


def on_trial(**fields) -> BillingAccount:
    return lives.subscribed(**{"status": "trialing", "trial_ends_at": AT + 14 * DAY} | fields)


def test_trial_is_told_of_seven_three_and_one_day_before_once_each(db):
    account = on_trial()
    told = []
    for hour in range(15 * 24):
        now = AT + timedelta(hours=hour)
        if dunning.remind_of_trials(now=now):
            told.append(
                (account.trial_ends_at - now, Mail.objects.order_by("-created_at").first().context["when"])
            )
    assert told == [(7 * DAY, "in 7 days"), (3 * DAY, "in 3 days"), (DAY, "within a day")]
    assert mails(account) == ["trial_ending"] * 3


def test_after_a_pause_of_the_clock_only_the_nearest_line_is_told(db):
    account = on_trial()
    assert dunning.remind_of_trials(now=account.trial_ends_at - 2 * DAY) == 1
    assert context(account) == {
        "plan": account.plan.name, "when": "in 3 days", "ends_at": account.trial_ends_at.isoformat(),
        "has_card": False,
    }  # fmt: skip


def test_trial_with_a_card_says_that_it_goes_on(db):
    account = on_trial(payment_method={"id": "pm_1", "last4": "4242"})
    dunning.remind_of_trials(now=account.trial_ends_at - 2 * DAY)
    assert context(account)["has_card"] is True


@pytest.mark.parametrize("status", ["active", "canceled", "none"])
def test_trial_that_is_over_is_not_told_of(db, status):
    account = on_trial(status=status)
    assert dunning.remind_of_trials(now=account.trial_ends_at - 2 * DAY) == 0
    assert mails(account) == []


def test_what_the_payment_service_says_is_not_said_twice(db):
    account = on_trial()
    told = lives.subscription(account, trial_ends_at=account.trial_ends_at)
    run(effects.trial_will_end, account, told)
    dunning.remind_of_trials(now=account.trial_ends_at - 3 * DAY)
    assert mails(account) == ["trial_ending"]


def test_eight_clocks_at_once_tell_once(committed):
    account = on_trial()
    now = account.trial_ends_at - 2 * DAY
    results = factories.at_once(8, lambda _: dunning._remind_of_trial(account.pk, now))
    assert sorted(results) == [False] * 7 + [True]
    BillingAccount.objects.filter(pk=account.pk).update(status="none")


# payments that stay away


def overdue(**fields) -> BillingAccount:
    values = {"status": "past_due", "past_due_since": AT, "grace_ends_at": AT + 7 * DAY} | fields
    return lives.subscribed(**values)


@pytest.fixture
def looked(monkeypatch):
    """Who was looked at before they were restricted; `pays` makes them pay meanwhile."""
    seen = SimpleNamespace(customers=[], pays=False, failure=None)

    def look(customer_id, *, cause=""):
        seen.customers.append((customer_id, cause))
        if seen.failure:
            raise seen.failure
        if seen.pays:
            rows = BillingAccount.objects.filter(stripe_customer_id=customer_id)
            rows.update(status="active", past_due_since=None, grace_ends_at=None)

    monkeypatch.setattr(sync, "sync_customer", look)
    return seen


def test_failure_is_told_with_the_end_of_grace_once_for_each_try(db):
    account = overdue()
    failed = {"status": "open", "amount_paid_minor": 0, "amount_remaining_minor": 2000, "id": "in_f"}
    for attempt in (1, 1, 2):
        run(effects.invoice_failed, account, lives.invoice(**failed, attempt_count=attempt))
    assert mails(account) == ["payment_failed"] * 2
    assert lives.mailed(account.pk)[0][1] == {
        "plan": account.plan.name, "amount_minor": 2000, "currency": "usd",
        "grace_ends_at": account.grace_ends_at.isoformat(), "action_url": "",
    }  # fmt: skip


def test_failure_that_waits_for_the_bank_leads_there(db):
    account = overdue()
    run(effects.invoice_failed, account, lives.invoice(status="open", needs_action=True))
    assert context(account)["action_url"] == "https://pay.test/i/1"


def test_purchase_that_was_never_completed_is_not_dunned(db):
    account = lives.subscribed(status="incomplete")
    run(effects.invoice_failed, account, lives.invoice(status="open"))
    assert mails(account) == []


def test_grace_is_told_of_three_days_and_one_day_before_its_end(db):
    account = overdue()
    told = [hour for hour in range(8 * 24) if dunning.remind_of_grace(now=AT + timedelta(hours=hour))]
    assert told == [4 * 24, 6 * 24]
    assert mails(account) == ["payment_failed"] * 2


def test_grace_of_a_day_is_told_by_the_failure_alone(db):
    account = overdue(grace_ends_at=AT + DAY)
    assert dunning.remind_of_grace(now=AT + timedelta(hours=1)) == 0
    assert mails(account) == []


def test_workspace_is_read_only_when_grace_is_over_and_not_before(db, looked):
    account = overdue()
    assert dunning.restrict_due(now=account.grace_ends_at - timedelta(seconds=1)) == 0
    assert looked.customers == []
    assert dunning.restrict_due(now=account.grace_ends_at) == 1
    account.refresh_from_db()
    assert account.restricted_at == account.grace_ends_at
    assert features.read(account.pk).restricted_reason == "payment_overdue"
    assert looked.customers == [(account.stripe_customer_id, "grace.over")]
    assert lives.mailed(account.pk) == [("restricted", {"plan": account.plan.name})]
    kinds = BillingEvent.objects.filter(workspace_id=account.pk).values_list("kind", flat=True)
    assert "workspace.restricted" in kinds
    assert dunning.restrict_due(now=account.grace_ends_at + DAY) == 0


def test_who_paid_without_our_knowing_is_not_restricted(db, looked):
    looked.pays = True
    account = overdue()
    assert dunning.restrict_due(now=account.grace_ends_at) == 0
    account.refresh_from_db()
    assert (account.restricted_at, mails(account)) == (None, [])


def test_nobody_is_restricted_while_the_payment_service_is_away(db, looked):
    looked.failure = PaymentServiceUnavailable()
    account, other = overdue(), overdue()
    assert dunning.restrict_due(now=account.grace_ends_at) == 0
    assert len(looked.customers) == 2, "one that cannot be looked at hinders no other"
    looked.failure = None
    assert dunning.restrict_due(now=account.grace_ends_at) == 2
    assert mails(other) == ["restricted"]


def test_payment_that_arrives_lifts_the_restriction_and_is_told(db, looked):
    account = overdue()
    dunning.restrict_due(now=account.grace_ends_at)
    paid = lives.invoice(id="in_late", subscription_id=account.subscription_id)
    with transaction.atomic():
        grants.claim("invoice.failed:in_late:1", workspace_id=account.pk, kind="invoice.failed")
        # What the look at the payment service writes, before it calls the effects.
        BillingAccount.objects.filter(pk=account.pk).update(
            status="active", past_due_since=None, grace_ends_at=None, restricted_at=None
        )
    run(effects.invoice_paid, account, paid)
    assert sorted(mails(account)) == ["receipt", "recovered", "restricted", "welcome"]


def test_other_invoices_being_paid_is_no_recovery(db):
    account = overdue()
    with transaction.atomic():
        grants.claim("invoice.failed:in_1:1", workspace_id=account.pk, kind="invoice.failed")
    run(effects.invoice_paid, account, lives.invoice(id="in_1"))
    assert "recovered" not in mails(account), "something else is unpaid still"
    fresh = lives.subscribed()
    run(effects.invoice_paid, fresh, lives.invoice(id="in_2"))
    assert "recovered" not in mails(fresh)


# receipts, welcome, changes, ends


def test_paid_invoice_has_one_receipt_and_the_first_a_welcome(db):
    account = lives.subscribed()
    first, second = (
        lives.invoice(number=number, subscription_id=account.subscription_id) for number in ("AC-1", "AC-2")
    )
    for invoice in (first, first, second):
        run(effects.invoice_paid, account, invoice)
    assert [
        (kind, found.get("number", found.get("plan"))) for kind, found in lives.mailed(account.pk)
    ] == [("receipt", "AC-1"), ("welcome", account.plan.name), ("receipt", "AC-2")]  # fmt: skip


def test_invoice_over_nothing_has_no_receipt(db):
    account = lives.subscribed()
    run(effects.invoice_paid, account, lives.invoice(amount_paid_minor=0))
    assert mails(account) == []


def test_old_invoices_that_are_seen_for_the_first_time_have_no_receipt(db):
    account = lives.subscribed()
    run(effects.invoice_paid, account, lives.invoice(paid_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert mails(account) == []


def changed(account, kind: str, **changes) -> None:
    """As the look at the payment service does it: the log first, then the effect."""
    with transaction.atomic():
        log.record(kind, workspace_id=account.pk, changes=changes)
        effects.subscription_changed(account, lives.subscription(account))


def test_changed_plan_is_told_with_what_was(db):
    pro, team = lives.plan("pro"), lives.plan("team", rank=2)
    account = lives.subscribed(plan=team)
    changed(account, "subscription.plan_changed", plan=[f"pro {pro.version}", f"team {team.version}"])
    assert lives.mailed(account.pk) == [
        ("plan_changed", {"was": pro.name, "plan": team.name, "is_scheduled": False, "changes_at": ""})
    ]
    changed(account, "subscription.plan_changed", quantity=["1", "2"])
    assert len(mails(account)) == 1, "another number of seats is no other plan"


def test_first_plan_is_no_change(db):
    account = lives.subscribed()
    changed(account, "subscription.plan_changed", plan=["", "pro 1"])
    assert mails(account) == []


def test_scheduled_change_is_told_with_its_day(db):
    account = lives.subscribed(
        plan=lives.plan("team", rank=2), pending_plan=lives.plan("pro"), pending_at=AT + 20 * DAY
    )
    changed(account, "subscription.schedule_changed", pending_plan=["", "pro 1"])
    assert lives.mailed(account.pk) == [
        (
            "plan_changed",
            {
                "was": account.plan.name,
                "plan": account.pending_plan.name,
                "is_scheduled": True,
                "changes_at": (AT + 20 * DAY).isoformat(),
            },
        )
    ]


def test_cancellation_is_told_and_resuming_it_is_not(db):
    account = lives.subscribed(cancels_at=AT + 9 * DAY)
    changed(account, "subscription.end_changed", cancels_at=["", (AT + 9 * DAY).isoformat()])
    expected = {"plan": account.plan.name, "is_over": False, "ends_at": (AT + 9 * DAY).isoformat()}
    assert lives.mailed(account.pk) == [("cancelled", expected)]
    account.cancels_at = None
    account.save()
    changed(account, "subscription.end_changed", cancels_at=[(AT + 9 * DAY).isoformat(), ""])
    assert len(mails(account)) == 1


def test_end_is_told_once_and_only_where_it_is_the_end(db):
    account = lives.subscribed(status="canceled")
    for _ in range(2):
        run(effects.subscription_ended, account, lives.subscription(account))
    assert lives.mailed(account.pk) == [
        ("cancelled", {"plan": account.plan.name, "is_over": True, "ends_at": ""})
    ]
    for keeps in (
        lives.subscribed(),
        lives.subscribed(status="canceled", lifetime_plan=lives.plan("pro")),
        lives.subscribed(status="canceled", custom_plan=lives.plan("pro")),
    ):
        run(effects.subscription_ended, keeps, lives.subscription(keeps, status="canceled"))
        assert mails(keeps) == []


# cards


@pytest.mark.parametrize(
    ("now", "is_told"),
    [
        (datetime(2026, 3, 1, 23, tzinfo=UTC), False),
        (datetime(2026, 3, 2, tzinfo=UTC), True),
        (datetime(2026, 3, 31, 23, tzinfo=UTC), True),
        (datetime(2026, 4, 1, tzinfo=UTC), False),
    ],
)
def test_card_is_told_of_in_its_last_thirty_days(db, now, is_told):
    card = {"id": "pm_1", "type": "card", "brand": "visa", "last4": "4242", "exp_year": 2026, "exp_month": 3}
    account = lives.subscribed(payment_method=card)
    assert [dunning.remind_of_cards(now=now) for _ in range(2)] == [int(is_told), 0]
    if is_told:
        assert context(account) == {"brand": "Visa", "last4": "4242", "expires": "March 2026"}


def test_card_that_expires_in_december_is_told_of_in_december(db):
    card = {"id": "pm_1", "brand": "visa", "last4": "4242", "exp_year": 2026, "exp_month": 12}
    lives.subscribed(payment_method=card)
    assert dunning.remind_of_cards(now=datetime(2026, 12, 20, tzinfo=UTC)) == 1


def test_card_of_what_ends_anyway_is_not_told_of(db):
    card = {"id": "pm_1", "brand": "visa", "last4": "4242", "exp_year": 2026, "exp_month": 3}
    lives.subscribed(payment_method=card, cancels_at=AT)
    lives.subscribed(payment_method=card, status="canceled")
    assert dunning.remind_of_cards(now=datetime(2026, 3, 20, tzinfo=UTC)) == 0


# more room


@pytest.fixture
def ladder(db, monkeypatch):
    """A plan of 100 messages, one of 500 and one without a limit."""
    from billing.plans import queries as plans

    made = []
    for rank, (name, amount) in enumerate([("Small", 100), ("Medium", 500), ("Large", None)]):
        limit = {"meter": "messages", "window": "month", "amount": amount}
        made.append(
            Plan.objects.create(
                catalogue="alin", key=f"{name.lower()}-{uuid4().hex[:6]}", name=name, sale="paid", rank=rank,
                limits=[limit], fingerprint=name,
            )
        )  # fmt: skip
    monkeypatch.setattr(plans, "list_offered", lambda: made)
    monkeypatch.setattr(plans, "list_features", lambda plan: [])
    return made


def reach(account, **fields) -> None:
    data = {
        "line": "warn", "meter": "messages", "subject": "workspace", "subject_id": "", "window": "month",
        "window_start": "2026-03-01", "used": 80, "limit": 100, "text": "80 of 100 messages are used this month.",
    } | fields  # fmt: skip
    outlets.tell(workspace_id=account.pk, event=outlets.LIMIT_REACHED, data=data)


def test_next_plan_with_more_room_is_offered_once_for_each_window(ladder):
    small, medium, _ = ladder
    account = lives.customer(effective_plan=small)
    for line in ("warn", "block"):
        reach(account, line=line)
    ((kind, found),) = lives.mailed(account.pk)
    assert (kind, found["text"], found["plan"]) == (
        "quota_upgrade", "80 of 100 messages are used this month.", "Medium",
    )  # fmt: skip
    assert "500" in found["offer"]
    reach(account, window_start="2026-04-01")
    assert mails(account) == ["quota_upgrade"] * 2


def test_who_has_the_most_is_offered_nothing(ladder):
    account = lives.customer(effective_plan=ladder[2])
    reach(account)
    assert mails(account) == []


def test_limit_that_no_plan_gives_is_no_reason_for_another(ladder):
    account = lives.customer(effective_plan=ladder[0])
    reach(account, subject="person", subject_id=str(uuid4()))
    reach(account, meter="images")
    assert mails(account) == []


def test_workspace_with_its_own_plan_is_offered_nothing(ladder):
    account = lives.customer(effective_plan=ladder[0], custom_plan=ladder[0])
    reach(account)
    assert mails(account) == []

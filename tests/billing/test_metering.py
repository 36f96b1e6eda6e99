"""Usage that is charged: each ledger entry told once, invoice = ledger to the cent, and what is unclear is not lost."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
import stripe
from django.db import transaction

from billing import effects
from billing.metering import books, carries, outbox, rates, sending, spans, summaries
from billing.metering.models import Carry, MeteredSpan, MeterReport
from billing.stripe import client as stripe_client
from billing.subscriptions.models import BillingAccount, BillingEvent
from tenants import audit
from tests import factories
from tests.billing import lives
from tests.usage.books import write_entry
from usage.models import LedgerEntry
from usage.reconciliation import billed
from usage.reconciliation import services as closing
from usage.reconciliation.models import BooksItem

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EVENT = "steward_cost_micro"


class Meters:
    """The payment service's meters: it refuses identifiers of the last day, what is too old, and customers it lacks."""

    def __init__(self) -> None:
        self.now = NOW
        self.events: list[tuple[str, str, int, int]] = []
        self.known: dict[str, datetime] = {}
        self.items: list[dict] = []
        self.gone: set[str] = set()
        self.is_away = False
        self.dies_after_next = False
        self.calls = 0
        meter = SimpleNamespace(id="mtr_1", event_name=EVENT)
        self.v1 = SimpleNamespace(
            billing=SimpleNamespace(
                meter_events=SimpleNamespace(create=self.record),
                meters=SimpleNamespace(
                    list=lambda params: pages([meter]), event_summaries=SimpleNamespace(list=self.sum)
                ),
            ),
            invoice_items=SimpleNamespace(create=self.add_item, list=self.list_items),
        )

    def record(self, params) -> None:
        self.calls += 1
        if self.is_away:
            raise stripe.APIConnectionError("away")
        identifier, at = params["identifier"], params["timestamp"]
        if self.now - self.known.get(identifier, datetime.min.replace(tzinfo=UTC)) <= DAY:
            raise refusal(f"An event already exists with identifier {identifier}.")
        if at < (self.now - timedelta(days=35)).timestamp():
            raise refusal("Timestamp must be within the past 35 calendar days.", "timestamp_too_far_in_past")
        customer = params["payload"]["stripe_customer_id"]
        if customer in self.gone:
            raise refusal(f"No such customer: {customer}", "resource_missing")
        self.known[identifier] = self.now
        self.events.append((customer, params["event_name"], int(params["payload"]["value"]), at))
        if self.dies_after_next:
            self.dies_after_next = False
            raise Died

    def sum(self, meter_id, params):
        if self.is_away:
            raise stripe.APIConnectionError("away")
        total = sum(
            value
            for customer, _, value, at in self.events
            if customer == params["customer"] and params["start_time"] <= at < params["end_time"]
        )
        return pages([SimpleNamespace(aggregated_value=total)])

    def add_item(self, params, options):
        item = params | {"id": f"ii_{len(self.items) + 1}", "key": options["idempotency_key"]}
        if not any(known["key"] == item["key"] for known in self.items):
            self.items.append(item)
        if self.dies_after_next:
            self.dies_after_next = False
            raise Died
        return SimpleNamespace(id=item["id"])

    def list_items(self, params):
        return pages([Item(item) for item in self.items if item["customer"] == params["customer"]])

    def invoiced(self, customer: str, begins_at: datetime, ends_at: datetime) -> int:
        """The line of a period's invoice, in cents, as the payment service makes it."""
        span = (begins_at.timestamp(), ends_at.timestamp())
        total = sum(
            value for whose, _, value, at in self.events if whose == customer and span[0] <= at < span[1]
        )
        return max(0, total + 5_000) // 10_000


class Item:
    def __init__(self, data: dict) -> None:
        self.data, self.id = data, data["id"]

    def __str__(self) -> str:
        return json.dumps(self.data)


class Died(BaseException):
    """The process is gone."""


def refusal(text: str, code: str | None = None) -> stripe.InvalidRequestError:
    return stripe.InvalidRequestError(text, "identifier", code=code, http_status=400)


def pages(rows: list):
    return SimpleNamespace(data=rows, auto_paging_iter=lambda: iter(rows))


@pytest.fixture
def meters(monkeypatch):
    made = Meters()
    for module in (sending, summaries, carries):
        monkeypatch.setattr(module, "get_client", lambda: made)
    return made


def metered(**fields) -> BillingAccount:
    """A workspace on a plan that passes the cost on, metered since the first of March."""
    values = {"plan": lives.metered_plan(), "interval": "month", "period_start": START, "period_end": END}
    account = lives.subscribed(**values | fields)
    note(account, now=START)
    return account


def note(account, effect=None, now=NOW, **fields) -> None:
    with transaction.atomic():
        locked = BillingAccount.objects.select_for_update().get(pk=account.pk)
        (effect or spans.note_subscription)(locked, lives.subscription(locked, **fields), now=now)


def use(account, cost: int, at: datetime = NOW, **fields) -> LedgerEntry:
    return write_entry(at, workspace_id=account.pk, cost_micro=cost, **fields)


def tell(now=NOW, **options) -> sending.Progress:
    outbox.collect(now=now, **options)
    return sending.send_due(now=now)


def reports(account) -> list[tuple[int, str, str]]:
    rows = MeterReport.objects.filter(workspace_id=account.pk).order_by("entry_id")
    return list(rows.values_list("value", "state", "flag"))


def values(meters) -> list[int]:
    return [value for _, _, value, _ in meters.events]


# which workspaces


def test_subscription_to_a_metered_plan_is_metered_from_its_beginning(db):
    account = metered()
    (span,) = MeteredSpan.objects.filter(workspace_id=account.pk)
    assert (span.begins_at, span.ends_at, span.customer_id) == (START, None, account.stripe_customer_id)
    assert span.meters == {"cost_micro": {"event": EVENT, "per_million": 100}}
    note(account)
    assert MeteredSpan.objects.filter(workspace_id=account.pk).count() == 1


def test_other_plans_are_not_metered(db):
    account = lives.subscribed(interval="month", period_start=START)
    with transaction.atomic():
        effects.subscription_started(account, lives.subscription(account))
    assert not MeteredSpan.objects.filter(workspace_id=account.pk).exists()


def test_plan_that_changes_ends_one_stretch_and_begins_the_next_without_a_gap(db, meters):
    account = metered()
    use(account, 10)
    BillingAccount.objects.filter(pk=account.pk).update(plan=lives.plan("pro"))
    note(account, now=NOW + DAY)
    use(account, 100, NOW + 2 * DAY)
    BillingAccount.objects.filter(pk=account.pk).update(plan=lives.metered_plan())
    note(account, now=NOW + 3 * DAY)
    use(account, 1000, NOW + 4 * DAY)
    meters.now = NOW + 5 * DAY
    tell(NOW + 5 * DAY)
    assert values(meters) == [10, 1000]


def test_subscription_that_ended_is_told_up_to_its_end(db, meters):
    account = metered()
    ended_at = NOW - timedelta(hours=1)
    note(account, spans.note_ended, ended_at=ended_at)
    use(account, 10, ended_at - timedelta(seconds=1))
    use(account, 100, ended_at)
    tell()
    assert values(meters) == [10]


# what is told


def test_entry_is_told_once_with_its_own_time_and_identifier(db, meters):
    account = metered()
    entry = use(account, 1234, NOW - timedelta(hours=3))
    assert vars(tell()) == {"sent": 1, "flagged": 0, "failed": 0}
    assert vars(tell()) == {"sent": 0, "flagged": 0, "failed": 0}
    at = int((NOW - timedelta(hours=3)).timestamp())
    assert meters.events == [(account.stripe_customer_id, EVENT, 1234, at)]
    assert list(meters.known) == [f"ledger-{entry.pk}-cost_micro-{entry.hold_id.hex[:12]}"]


def test_corrections_are_told_as_the_ledger_has_them(db, meters):
    account = metered()
    use(account, 1000)
    use(account, -1000, kind="reversal")
    use(account, 800, kind="re-rating")
    use(account, -50, kind="adjustment")
    tell()
    assert values(meters) == [1000, -1000, 800, -50]


def test_what_is_not_charged_is_not_told(db, meters):
    account = metered()
    write_entry(NOW, workspace_id=account.pk, cost_micro=100, account="platform")
    use(account, 0)
    use(account, 100, START - timedelta(seconds=1))
    write_entry(NOW, workspace_id=uuid4(), cost_micro=100)
    tell()
    assert meters.events == []


def test_every_metered_price_of_a_plan_is_told(db, meters):
    plan = lives.metered_plan()
    from billing.plans.models import PlanPrice

    for meter in ("messages", "tokens"):
        PlanPrice.objects.create(
            plan=plan, interval="month", kind="metered", meter=meter, amount_minor=5, lookup_key=uuid4().hex
        )
    account = metered(plan=plan)
    use(account, 7, messages=1, input_tokens=10, output_tokens=5)
    tell()
    assert sorted((event, value) for _, event, value, _ in meters.events) == [
        ("steward_cost_micro", 7), ("steward_messages", 1), ("steward_tokens", 15),
    ]  # fmt: skip


def test_entry_that_was_committed_late_is_found(db, meters):
    account = metered()
    outbox.collect(now=NOW)
    use(account, 5, NOW - timedelta(minutes=59))
    use(account, 70, NOW - timedelta(hours=5))
    assert vars(tell())["sent"] == 1
    assert values(meters) == [5]
    tell(whole=True)
    assert sorted(values(meters)) == [5, 70]


def test_many_are_told_in_batches(db, meters, monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 3)
    account = metered()
    for _ in range(10):
        use(account, 1)
    outbox.collect(now=NOW)
    assert [sending.send_due(now=NOW, most=4).sent for _ in range(4)] == [4, 4, 2, 0]


# trying again


def test_payment_service_that_is_away_is_tried_again_later(db, meters):
    account = metered()
    for _ in range(5):
        use(account, 10)
    meters.is_away = True
    assert vars(tell()) == {"sent": 0, "flagged": 0, "failed": 3}, "after three the rest waits"
    meters.is_away = False
    assert tell(NOW).sent == 2, "those that were not tried"
    assert tell(NOW + timedelta(minutes=1)).sent == 3
    assert values(meters) == [10] * 5


def test_death_after_the_call_tells_nothing_twice(db, meters):
    account = metered()
    use(account, 10)
    outbox.collect(now=NOW)
    meters.dies_after_next = True
    with pytest.raises(Died):
        sending.send_due(now=NOW)
    assert reports(account) == [(10, "pending", "")]
    assert tell(NOW).sent == 0, "leased to the one who died"
    assert tell(NOW + sending.LEASE).sent == 1
    assert (values(meters), reports(account)) == ([10], [(10, "sent", "")])


def test_eight_senders_at_once_tell_each_entry_once(committed, meters):
    account = metered()
    for _ in range(6):
        use(account, 10)

    def work(_: int) -> None:
        outbox.collect(now=NOW)
        sending.send_due(now=NOW)

    assert factories.at_once(8, work) == [None] * 8
    assert (values(meters), reports(account)) == ([10] * 6, [(10, "sent", "")] * 6)
    assert meters.calls == 6, "each was claimed by one"
    close(account)


def test_without_identifiers_of_our_own_eight_senders_would_charge_many_times(committed, meters, monkeypatch):
    """The control: no claim, and a new identifier for each try."""
    import threading

    account = metered()
    use(account, 10)
    outbox.collect(now=NOW)
    barrier = threading.Barrier(8)

    def tell_anew(_: int) -> None:
        row = MeterReport.objects.get(workspace_id=account.pk)
        barrier.wait(timeout=30)
        row.identifier = uuid4().hex
        sending._tell(row)

    factories.at_once(8, tell_anew)
    assert values(meters) == [10] * 8
    MeterReport.objects.filter(workspace_id=account.pk).update(state="sent")
    close(account)


def close(account) -> None:
    """What committed tests leave must not be due in others."""
    MeteredSpan.objects.filter(workspace_id=account.pk).update(
        ends_at=NOW, period_start=NOW, collected_at=NOW + 365 * DAY
    )
    BillingAccount.objects.filter(pk=account.pk).update(status="none")


# flagged, not lost


def test_what_is_too_old_is_flagged_and_goes_on_an_invoice_when_staff_say_so(db, meters):
    account = metered()
    use(account, 20_000, NOW - timedelta(days=9))
    use(account, 5_000, NOW)
    later = NOW + timedelta(days=27)
    meters.now = later
    assert vars(tell(later)) == {"sent": 1, "flagged": 1, "failed": 0}
    assert reports(account) == [(20_000, "flagged", "too_old"), (5_000, "sent", "")]
    carry = carries.settle_flagged(
        workspace_id=account.pk, reason="The outbox stood still", actor=audit.SYSTEM, now=later
    )
    assert (carry.amount_minor, carry.state) == (2, "pending")
    assert [carries.invoice_due(now=later) for _ in range(2)] == [1, 0]
    ((amount, customer),) = [(item["amount"], item["customer"]) for item in meters.items]
    assert (amount, customer) == (2, account.stripe_customer_id)
    assert reports(account)[0] == (20_000, "settled", "too_old")


def test_what_is_refused_is_flagged(db, meters):
    account = metered()
    use(account, 10)
    meters.gone.add(account.stripe_customer_id)
    assert vars(tell()) == {"sent": 0, "flagged": 1, "failed": 0}
    assert reports(account) == [(10, "flagged", "refused")]


def unclear(account, meters, *, was_counted: bool):
    """A try a day ago whose end nobody knows."""
    use(account, 10)
    use(account, 7, NOW + timedelta(seconds=5))
    outbox.collect(now=NOW + timedelta(seconds=5))
    first = MeterReport.objects.get(workspace_id=account.pk, value=10)
    second = MeterReport.objects.get(workspace_id=account.pk, value=7)
    sending._send(second, NOW)
    if was_counted:
        sending._tell(first)
    MeterReport.objects.filter(identifier=first.identifier).update(
        attempts=3, first_attempt_at=NOW, next_attempt_at=NOW
    )
    later = NOW + timedelta(hours=25)
    meters.now = later
    assert vars(sending.send_due(now=later))["flagged"] == 1
    assert reports(account) == [(10, "flagged", "unclear"), (7, "sent", "")]


@pytest.mark.parametrize("was_counted", [True, False])
def test_what_is_unclear_after_a_day_is_cleared_by_what_was_counted(db, meters, was_counted):
    account = metered()
    unclear(account, meters, was_counted=was_counted)
    assert sending.clear_unclear() == 1
    tell(meters.now)
    assert reports(account) == [(10, "sent", ""), (7, "sent", "")]
    assert sorted(values(meters)) == [7, 10]


def test_trying_again_after_a_day_without_asking_would_charge_twice(db, meters):
    """The control: the payment service has forgotten the identifier by then."""
    account = metered()
    unclear(account, meters, was_counted=True)
    sending._tell(MeterReport.objects.get(workspace_id=account.pk, value=10))
    assert sorted(values(meters)) == [7, 10, 10]


def test_what_stays_unclear_stays_flagged(db, meters):
    account = metered()
    unclear(account, meters, was_counted=True)
    meters.events.append((account.stripe_customer_id, EVENT, 3, int(NOW.timestamp())))
    assert sending.clear_unclear() == 0
    meters.is_away = True
    assert sending.clear_unclear() == 0
    assert reports(account)[0] == (10, "flagged", "unclear")


# the books


@pytest.mark.parametrize(
    ("micro", "cents"),
    [(0, 0), (4_999, 0), (5_000, 1), (10_000, 1), (14_999, 1), (15_000, 2), (123_456_789, 12346),
     (-4_999, 0), (-5_000, -1), (-15_000, -2)],
)  # fmt: skip
def test_cost_is_passed_on_to_the_cent(micro, cents):
    assert rates.minor_of(micro, 100) == cents


def test_invoice_equals_ledger_equals_what_was_told(db, meters):
    account = metered()
    costs = [secrets.randbelow(900_000) + 1 for _ in range(40)]
    for number, cost in enumerate(costs):
        use(account, cost, START + timedelta(hours=5 * number))
    use(account, -costs[3], START + 9 * DAY, kind="reversal")
    use(account, costs[3] // 2, START + 9 * DAY, kind="re-rating")
    use(account, 999_999, END)
    meters.now = END
    for _ in range(3):
        tell(END + DAY)
    total = sum(costs) - costs[3] + costs[3] // 2
    ledger = sum(
        LedgerEntry.objects.filter(workspace_id=account.pk, created_at__lt=END).values_list(
            "cost_micro", flat=True
        )
    )
    told = MeterReport.objects.filter(workspace_id=account.pk, state="sent", used_at__lt=END)
    (charge,) = books.charges(workspace_id=account.pk, begins_at=START, ends_at=END)
    assert total == ledger == sum(told.values_list("value", flat=True)) == charge.units
    assert charge.amount_minor == meters.invoiced(account.stripe_customer_id, START, END)
    assert charge.amount_minor == (total + 5_000) // 10_000


def test_closing_finds_told_equal_to_the_ledger_and_names_what_is_missing(db, meters, monkeypatch):
    monkeypatch.setattr(billed, "_biller", books.told)
    account = metered()
    for cost in (10, 20, 30):
        use(account, cost)
    day = NOW.date()

    def items() -> list[tuple[str, int, int]]:
        closing.close(day=day, workspace_ids=[account.pk])
        rows = BooksItem.objects.filter(workspace_id=account.pk, kind="billed", state="open")
        return list(rows.values_list("subject", "expected", "found"))

    assert items() == [("cost_micro", 60, 0)]
    tell()
    assert items() == []
    meters.events.pop()
    assert items() == [("cost_micro", 60, 30)]


def test_day_on_which_a_plan_began_is_compared_too(db, meters):
    account = metered(period_start=NOW)
    MeteredSpan.objects.filter(workspace_id=account.pk).update(begins_at=NOW)
    use(account, 500, NOW - timedelta(hours=1))
    use(account, 60, NOW + timedelta(hours=1))
    tell(NOW + timedelta(hours=2))
    midnight = NOW.replace(hour=0)
    assert books.told(workspace_id=account.pk, begins_at=midnight, ends_at=midnight + DAY) == {
        "cost_micro": 560
    }
    assert values(meters) == [60]


def test_biller_says_nothing_of_others_and_when_it_cannot_be_asked(db, meters):
    assert books.told(workspace_id=uuid4(), begins_at=START, ends_at=END) is None
    account = metered()
    meters.is_away = True
    with pytest.raises(billed.BillerUnavailable):
        books.told(workspace_id=account.pk, begins_at=START, ends_at=END)


def test_biller_is_in_its_place():
    assert billed._biller is books.told


# below zero


def end_period(account, now) -> int:
    BillingAccount.objects.filter(pk=account.pk).update(period_start=END, period_end=END + 30 * DAY)
    made = carries.look_at_periods(now=now)
    carries.invoice_due(now=now)
    return made


def test_period_below_zero_is_credited_on_the_next_invoice_once(db, meters):
    account = metered()
    use(account, 10_000)
    use(account, -250_000, NOW + timedelta(minutes=1), kind="reversal")
    tell(NOW + timedelta(minutes=1))
    assert meters.invoiced(account.stripe_customer_id, START, END) == 0
    assert end_period(account, END + timedelta(hours=1)) == 0, "reports of the last minutes are awaited"
    assert [end_period(account, END + timedelta(hours=2)) for _ in range(3)] == [1, 0, 0]
    assert [item["amount"] for item in meters.items] == [-24]
    (charge,) = books.charges(workspace_id=account.pk, begins_at=START, ends_at=END)
    assert charge.amount_minor == -24
    assert BillingEvent.objects.filter(workspace_id=account.pk, kind="usage.carried").count() == 1


def test_period_above_zero_is_not_touched(db, meters):
    account = metered()
    use(account, 10_000)
    use(account, -9_000, kind="reversal")
    tell()
    assert end_period(account, END + timedelta(hours=2)) == 0
    assert meters.items == []


def test_period_with_two_plans_is_one_period(db, meters):
    """What the second corrects was used under the first: the payment service adds both, and so do we."""
    account = metered()
    use(account, 500_000)
    BillingAccount.objects.filter(pk=account.pk).update(plan=lives.metered_plan())
    note(account, now=NOW + DAY)
    use(account, -300_000, NOW + 2 * DAY, kind="reversal")
    meters.now = NOW + 3 * DAY
    tell(NOW + 3 * DAY)
    assert sorted(values(meters)) == [-300_000, 500_000]
    assert end_period(account, END + timedelta(hours=2)) == 0
    assert meters.items == []


def test_credit_whose_note_was_lost_is_not_made_again(db, meters):
    account = metered()
    use(account, -250_000, kind="reversal")
    tell()
    BillingAccount.objects.filter(pk=account.pk).update(period_start=END)
    later = END + timedelta(hours=3)
    carries.look_at_periods(now=later)
    meters.dies_after_next = True
    with pytest.raises(Died):
        carries.invoice_due(now=later)
    for item in meters.items:
        item["key"] = "forgotten after a day"
    assert carries.invoice_due(now=later + 2 * DAY) == 1
    assert len(meters.items) == 1
    assert Carry.objects.get(workspace_id=account.pk).state == "invoiced"


def test_only_the_known_refusal_counts_as_told():
    assert sending._is_known(refusal("An event already exists with identifier x."))
    assert sending._is_known(refusal("Anything", "duplicate_meter_event"))
    assert not sending._is_known(refusal("No active meter found for event name: x."))
    assert stripe_client.from_sdk(refusal("x", "no_meter")).data["reason"] == "no_meter"

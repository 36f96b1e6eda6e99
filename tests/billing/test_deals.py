"""One-off deals: exactly as many are sold as there are, whoever comes at once, late, or twice."""

import secrets
import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from billing import effects
from billing.deals import queries, refunds, services
from billing.deals.models import DealReservation
from billing.stripe.client import PaymentRequestRefused, PaymentServiceUnavailable
from billing.subscriptions.models import BillingAccount, BillingEvent, Checkout
from tests import factories
from tests.billing import lives
from tests.usage import crowds

AT = lives.NOW


@pytest.fixture
def deal(monkeypatch):
    """A deal of its own, five in all."""
    one = queries.Deal(f"beta-{secrets.token_hex(4)}", "Lifetime Pro", "pro", 9900, "usd", 5)
    monkeypatch.setattr(queries, "list_deals", lambda: [one])
    return one


def reserve(deal, workspace_id=None, now=AT):
    return services.reserve(workspace_id=workspace_id or uuid4(), deal_key=deal.key, now=now)


def pay(account, reservation_id, session_id="", now=AT) -> bool:
    with transaction.atomic():
        locked = BillingAccount.objects.select_for_update().get(pk=account.pk)
        return services.sell(
            locked, session_id=session_id or f"cs_{uuid4().hex}", reservation_id=reservation_id, now=now
        )


def states(deal) -> list[str]:
    return sorted(DealReservation.objects.filter(deal_key=deal.stock_key).values_list("state", flat=True))


def lifetime(account) -> str | None:
    account.refresh_from_db()
    return account.lifetime_plan.key if account.lifetime_plan else None


@pytest.fixture
def pro(db):
    return lives.plan("pro")


# taking a place


def test_catalogue_says_what_is_sold(db):
    (beta,) = queries.list_deals()
    assert (beta.key, beta.plan_key, beta.amount_minor, beta.currency, beta.limit) == (
        "beta", "pro", 9900, "usd", 100,
    )  # fmt: skip
    assert beta.stock_key == "alin:beta"


def test_place_is_held_for_half_an_hour_and_counted(pro, deal, assert_queries):
    held = reserve(deal)
    assert (held.plan_id, held.name, held.amount_minor) == (pro.id, "Lifetime Pro", 9900)
    assert held.expires_at - AT == timedelta(minutes=31), "a checkout may not end in less than 30 minutes"
    with assert_queries(1):
        assert queries.count_remaining(deal.key, now=AT) == 4
    late = held.expires_at + queries.ON_ITS_WAY
    assert queries.count_remaining(deal.key, now=late) == 5


def test_who_holds_a_place_gets_the_same_again(pro, deal, acme):
    first, second = reserve(deal, acme.id), reserve(deal, acme.id, now=AT + timedelta(minutes=5))
    assert first.id == second.id
    assert second.expires_at - first.expires_at == timedelta(minutes=5), "no checkout is open for it yet"
    Checkout.objects.create(
        session_id="cs_open", workspace_id=acme.id, person_ref=uuid4(), plan=pro, deal_key=deal.key, fingerprint="x"
    )  # fmt: skip
    third = reserve(deal, acme.id, now=AT + timedelta(minutes=9))
    assert (third.id, third.expires_at) == (first.id, second.expires_at), (
        "the open checkout ends when it ends"
    )
    assert queries.count_remaining(deal.key, now=AT) == 4


def test_nobody_gets_a_place_beyond_the_last(pro, deal):
    for _ in range(5):
        reserve(deal)
    with pytest.raises(services.DealSoldOut) as refused:
        reserve(deal)
    assert (refused.value.code, refused.value.status) == ("deal_sold_out", 409)
    assert states(deal) == ["held"] * 5


def test_place_that_was_left_is_free_again(pro, deal):
    held = [reserve(deal) for _ in range(5)]
    assert services.release(reservation_id=held[0].id)
    assert not services.release(reservation_id=held[0].id)
    reserve(deal)
    assert states(deal) == ["held"] * 5 + ["released"]


def test_beat_gives_back_what_was_not_paid(pro, deal):
    early, late = reserve(deal), reserve(deal, now=AT + timedelta(minutes=10))
    assert services.release_due(now=early.expires_at + timedelta(minutes=4)) == 0, (
        "a payment may be on its way"
    )
    assert services.release_due(now=early.expires_at + timedelta(minutes=5)) == 1
    assert states(deal) == ["held", "released"]
    assert DealReservation.objects.get(id=late.id).state == "held"


def test_who_has_it_gets_no_second_one(pro, deal):
    account = lives.customer()
    assert pay(account, reserve(deal, account.pk).id)
    with pytest.raises(services.DealOwned):
        reserve(deal, account.pk)
    given = lives.customer(lifetime_plan=pro)
    with pytest.raises(services.DealOwned):
        reserve(deal, given.pk)
    assert states(deal) == ["sold"]


def test_unknown_deal_is_refused(db):
    with pytest.raises(queries.DealNotFound):
        services.reserve(workspace_id=uuid4(), deal_key="nothing")


def reserved_by(people: int, deal) -> int:
    """How many of so many at once got a place; everybody else was told that it is sold out."""
    lives.plan("pro")

    def try_it(_: int) -> bool:
        try:
            reserve(deal)
        except services.DealSoldOut:
            return False
        return True

    got = sum(crowds.crowd(people, try_it))
    assert states(deal) == ["held"] * got
    return got


def test_forty_at_once_get_the_five_places_there_are(committed, deal):
    assert reserved_by(40, deal) == 5


def test_without_the_lock_those_at_once_get_more_than_there_are(committed, deal, monkeypatch):
    """The control: who counts first and writes then, without standing in line."""
    counted = threading.Barrier(12)
    count = queries.count_taken

    def count_and_wait(*args, **kwargs):
        taken = count(*args, **kwargs)
        counted.wait(timeout=60)
        return taken

    monkeypatch.setattr(services, "_lock", lambda key: None)
    monkeypatch.setattr(queries, "count_taken", count_and_wait)
    assert reserved_by(12, deal) == 12


# paying


def test_paid_checkout_gives_the_plan_for_good_once(pro, deal):
    account = lives.customer()
    held = reserve(deal, account.pk)
    session = lives.session(metadata={"reservation_id": str(held.id), "deal": deal.key})
    for _ in range(3):
        with transaction.atomic():
            effects.session_completed(BillingAccount.objects.select_for_update().get(pk=account.pk), session)
    assert (lifetime(account), states(deal)) == ("pro", ["sold"])
    assert (account.effective_plan, account.status) == (pro, "none")
    assert lives.mailed(account.pk) == [("welcome", {"plan": pro.name, "is_lifetime": True})]
    events = BillingEvent.objects.filter(workspace_id=account.pk, kind__startswith="deal.")
    assert list(events.order_by("created_at").values_list("kind", "cause")) == [
        ("deal.reserved", ""),
        ("deal.sold", session.id),
    ]


def test_checkout_that_is_no_deal_gives_nothing(pro, deal):
    account = lives.customer()
    with transaction.atomic():
        effects.session_completed(account, lives.session())
    assert lifetime(account) is None


def test_metadata_of_another_workspaces_place_gives_nothing(pro, deal):
    thief, owner_of_it = lives.customer(), lives.customer()
    held = reserve(deal, owner_of_it.pk)
    assert not pay(thief, held.id)
    assert (lifetime(thief), lifetime(owner_of_it), states(deal)) == (None, None, ["held"])


def test_late_payment_is_honoured_while_one_is_left(pro, deal):
    account = lives.customer()
    held = reserve(deal, account.pk)
    services.release_due(now=AT + timedelta(hours=1))
    assert pay(account, held.id, now=AT + timedelta(hours=2))
    assert (lifetime(account), states(deal)) == ("pro", ["sold"])


def test_late_payment_counts_the_place_the_same_workspace_took_again_as_its_own(pro, deal):
    account = lives.customer()
    first = reserve(deal, account.pk)
    later = AT + timedelta(hours=1)
    again = reserve(deal, account.pk, now=later)
    assert again.id != first.id
    for _ in range(4):
        reserve(deal, now=later)
    assert pay(account, first.id, now=later)
    assert states(deal) == ["held"] * 4 + ["released", "sold"]


def test_late_payment_for_what_is_not_left_is_given_back(pro, deal, stripe_calls):
    account = lives.customer()
    held = reserve(deal, account.pk)
    services.release_due(now=AT + timedelta(hours=1))
    for _ in range(5):
        reserve(deal, now=AT + timedelta(hours=1))
    assert not pay(account, held.id, "cs_late", now=AT + timedelta(hours=1))
    assert (lifetime(account), states(deal)) == (None, ["held"] * 5 + ["refund_due"])
    assert refunds.refund_due(now=AT + timedelta(hours=1)) == 1
    assert stripe_calls == [("pi_of_cs_late", f"deal-refund-{held.id}")]
    assert states(deal) == ["held"] * 5 + ["refunded"]
    row = DealReservation.objects.get(id=held.id)
    assert (row.refund_reason, row.refund_id) == ("sold_out", "re_1")
    logged = BillingEvent.objects.filter(workspace_id=account.pk, kind__startswith="deal.")
    assert list(logged.order_by("created_at").values_list("kind", flat=True)) == [
        "deal.reserved",
        "deal.refund_due",
        "deal.refunded",
    ]
    assert refunds.refund_due(now=AT + timedelta(days=1)) == 0


def test_second_payment_is_given_back_and_the_first_stays(pro, deal, stripe_calls):
    account = lives.customer()
    held = reserve(deal, account.pk)
    assert pay(account, held.id, "cs_first")
    assert not pay(account, held.id, "cs_second")
    assert not pay(account, held.id, "cs_second"), "told twice"
    assert (lifetime(account), states(deal)) == ("pro", ["refund_due", "sold"])
    refunds.refund_due(now=AT)
    assert [intent for intent, _ in stripe_calls] == ["pi_of_cs_second"]
    assert states(deal) == ["refunded", "sold"]


def test_payment_told_by_eight_at_once_sells_once(committed, deal, stripe_calls):
    account = lives.customer()
    lives.plan("pro")
    held = reserve(deal, account.pk, now=timezone.now())
    results = factories.at_once(8, lambda _: pay(account, held.id, f"cs_{held.id}", now=timezone.now()))
    assert sorted(results) == [False] * 7 + [True]
    assert states(deal) == ["sold"]


def test_five_last_payments_and_five_new_buyers_at_once_never_oversell(committed, deal):
    """Late payers and new checkouts stand in the same line."""
    lives.plan("pro")
    accounts = [lives.customer() for _ in range(8)]
    held = [reserve(deal, account.pk) for account in accounts[:5]]
    services.release_due(now=AT + timedelta(hours=1))
    later = AT + timedelta(hours=1)

    def work(number: int):
        if number < 5:
            return pay(accounts[number], held[number].id, now=later)
        return reserve(deal, uuid4(), now=later)

    results = factories.at_once(12, work)
    sold = DealReservation.objects.filter(deal_key=deal.stock_key, state="sold").count()
    taken = queries.count_taken(deal.stock_key, now=later)
    assert taken == 5
    assert sold + DealReservation.objects.filter(deal_key=deal.stock_key, state="refund_due").count() == 5
    assert sum(row is True for row in results) == sold
    DealReservation.objects.filter(deal_key=deal.stock_key, state="refund_due").update(state="refunded")


# giving money back


@pytest.fixture
def stripe_calls(monkeypatch):
    """Each refund that was asked for: (payment, idempotency key)."""
    calls: list[tuple[str, str]] = []

    class Sessions:
        def retrieve(self, session_id):
            return type("Session", (), {"payment_intent": f"pi_of_{session_id}"})

    class Refunds:
        failure: Exception | None = None

        def create(self, params, options):
            if self.failure:
                raise self.failure
            calls.append((params["payment_intent"], options["idempotency_key"]))
            return type("Refund", (), {"id": f"re_{len(calls)}"})

    class Client:
        v1 = type("V1", (), {"checkout": type("C", (), {"sessions": Sessions()}), "refunds": Refunds()})

    monkeypatch.setattr(refunds, "get_client", Client)
    return calls


@pytest.fixture
def owed(pro, deal):
    account = lives.customer()
    held = reserve(deal, account.pk)
    pay(account, held.id, "cs_first")
    pay(account, held.id, "cs_second")
    return DealReservation.objects.get(deal_key=deal.stock_key, state="refund_due")


def test_refund_is_tried_again_later_and_later(owed, stripe_calls, monkeypatch):
    client = refunds.get_client()
    client.v1.refunds.failure = PaymentServiceUnavailable()
    assert refunds.refund_due(now=AT) == 0
    owed.refresh_from_db()
    assert (owed.attempts, owed.next_attempt_at) == (1, AT + timedelta(minutes=1))
    assert refunds.refund_due(now=AT + timedelta(minutes=1)) == 0
    owed.refresh_from_db()
    assert (owed.attempts, owed.next_attempt_at) == (2, AT + timedelta(minutes=3))
    client.v1.refunds.failure = None
    assert refunds.refund_due(now=AT + timedelta(minutes=2)) == 0, "not due yet"
    assert refunds.refund_due(now=AT + timedelta(minutes=3)) == 1
    assert len(stripe_calls) == 1


def test_refund_that_was_made_and_not_noted_is_no_second_one(owed, stripe_calls):
    refused = PaymentRequestRefused(data={"reason": "charge_already_refunded", "param": ""})
    refunds.get_client().v1.refunds.failure = refused
    assert refunds.refund_due(now=AT) == 1
    owed.refresh_from_db()
    assert (owed.state, stripe_calls) == ("refunded", [])


def test_refund_that_is_refused_stays_due_and_is_logged(owed, stripe_calls, caplog):
    refunds.get_client().v1.refunds.failure = PaymentRequestRefused(data={"reason": "other", "param": ""})
    assert refunds.refund_due(now=AT) == 0
    owed.refresh_from_db()
    assert owed.state == "refund_due"
    assert "a refund failed" in caplog.text


def test_deal_rows_know_one_sale_per_workspace(pro, deal):
    from django.db import IntegrityError

    account = lives.customer()
    pay(account, reserve(deal, account.pk).id)
    with pytest.raises(IntegrityError, match="deal_once_per_workspace"), transaction.atomic():
        DealReservation.objects.create(
            deal_key=deal.stock_key, workspace_id=account.pk, plan_key="pro", amount_minor=1, expires_at=AT
        )
    assert connection.in_atomic_block

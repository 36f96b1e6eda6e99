"""What is wanted, when it takes effect and what it is refused for: decided before the payment service is asked."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core import signing

from billing.plans.models import PlanPrice
from billing.plans.queries import PlanNotFound, PlanNotSold
from billing.subscriptions import moves, previews, queries, refusals, services, trials, wanted
from billing.subscriptions.models import TrialUse
from billing.subscriptions.wanted import Wanted
from config.errors import NotFound
from tests import factories
from tests.billing import lives

pytestmark = pytest.mark.django_db


def priced(key: str, *, month: int = 1000, year: int = 10_000, **fields):
    """A plan with prices that the payment service knows."""
    made = lives.plan(key, **fields)
    if not made.prices.exists():
        for interval, amount in (("month", month), ("year", year)):
            PlanPrice.objects.create(
                plan=made, interval=interval, amount_minor=amount, lookup_key=f"{key}-{interval}-{made.id}",
                stripe_price_id=f"price_{key}_{interval}",
            )  # fmt: skip
    return made


def choice(plan, interval: str = "month", quantity: int = 1) -> Wanted:
    return Wanted(plan, plan.prices.get(interval=interval, kind="licensed"), quantity)


def item(identity: str, price: str, *, usage: str = "licensed"):
    recurring = SimpleNamespace(usage_type=usage)
    return SimpleNamespace(id=identity, price=SimpleNamespace(id=price, recurring=recurring))


# what is wanted


def test_a_plan_that_is_not_per_seat_is_bought_once(acme):
    chosen = wanted.resolve(acme.id, plan_key="pro", interval="year", seats=7)
    assert (chosen.plan.key, chosen.interval, chosen.quantity, chosen.amount_minor) == (
        "pro",
        "year",
        1,
        20_000,
    )


@pytest.mark.parametrize(
    ("key", "interval", "error"),
    [
        ("no-such-plan", "month", PlanNotFound), ("enterprise", "month", PlanNotSold), ("free", "month", PlanNotSold),
        ("pro", "week", PlanNotSold),
    ],
)  # fmt: skip
def test_what_is_not_sold_cannot_be_wanted(acme, key, interval, error):
    with pytest.raises(error):
        wanted.resolve(acme.id, plan_key=key, interval=interval)


def test_seats_are_as_many_as_are_taken_and_never_fewer(acme):
    plan = priced("studio", is_per_seat=True)
    assert wanted.of_plan(acme.id, plan, interval="month", seats=None).quantity == 4
    assert wanted.of_plan(acme.id, plan, interval="month", seats=9).amount_minor == 9_000
    for seats in (3, 0, -1, wanted.MOST_SEATS + 1):
        with pytest.raises(refusals.SeatsTooFew) as caught:
            wanted.of_plan(acme.id, plan, interval="month", seats=seats)
        assert caught.value.data == {"taken": 4, "wanted": seats}


def test_seats_can_be_added_on_the_checkout_page_of_a_plan_that_is_sold_by_them(acme):
    per_seat, flat = choice(priced("studio", is_per_seat=True), quantity=5), choice(priced("solo"))
    assert wanted.line_items(per_seat, least=4) == [
        {
            "price": "price_studio_month", "quantity": 5,
            "adjustable_quantity": {"enabled": True, "minimum": 4, "maximum": 10_000},
        }
    ]  # fmt: skip
    assert wanted.line_items(flat, least=4) == [{"price": "price_solo_month", "quantity": 1}]


def test_what_is_used_is_charged_beside_a_plan_that_passes_it_on(acme):
    plan = lives.metered_plan()
    chosen = wanted.of_plan(acme.id, plan, interval="month", seats=None)
    licensed, metered = f"price_{plan.key}_licensed", f"price_{plan.key}_metered"
    assert wanted.line_items(chosen, least=1) == [{"price": licensed, "quantity": 1}, {"price": metered}]
    assert wanted.changed_items(chosen, [item("si_1", "price_old")]) == [
        {"price": licensed, "quantity": 1, "id": "si_1"},
        {"price": metered},
    ]
    kept = [item("si_1", "price_old"), item("si_2", metered, usage="metered")]
    assert wanted.changed_items(chosen, kept) == [{"price": licensed, "quantity": 1, "id": "si_1"}]


def test_what_a_plan_does_not_charge_for_leaves_the_subscription(acme):
    present = [item("si_1", "price_a"), item("si_2", "price_m", usage="metered"), item("si_3", "price_b")]
    assert wanted.changed_items(choice(priced("solo")), present) == [
        {"price": "price_solo_month", "quantity": 1, "id": "si_1"},
        {"id": "si_3", "deleted": True},
        {"id": "si_2", "deleted": True},
    ]


# when it takes effect


@pytest.mark.parametrize(
    ("present", "wished", "at_once"),
    [
        (("small", "month", 1), ("large", "month", 1), True),
        (("large", "month", 1), ("small", "month", 1), False),
        (("small", "year", 1), ("large", "month", 1), True),
        (("large", "month", 1), ("small", "year", 1), False),
        (("small", "month", 1), ("small", "year", 1), True),
        (("small", "year", 1), ("small", "month", 1), False),
        (("studio", "month", 2), ("studio", "month", 5), True),
        (("studio", "month", 5), ("studio", "month", 2), True),
    ],
)
def test_more_is_given_at_once_and_less_when_the_paid_time_is_over(acme, present, wished, at_once):
    made = {
        "small": priced("small", rank=10), "large": priced("large", rank=20, month=3000),
        "studio": priced("studio", rank=15, is_per_seat=True),
    }  # fmt: skip
    (key, interval, quantity), (wished_key, wished_interval, wished_quantity) = present, wished
    account = lives.subscribed(acme, plan=made[key], interval=interval, quantity=quantity)
    chosen = choice(made[wished_key], wished_interval, wished_quantity)
    assert moves.is_at_once(account, chosen) is at_once
    account.status = "trialing"
    assert moves.is_at_once(account, chosen) is True, "in a trial nothing was paid for"


def test_a_newer_version_of_the_same_plan_comes_at_once_unless_it_is_cheaper(acme):
    old, new = priced("solo"), priced("solo-2", rank=1, month=1500)
    new.key = old.key
    account = lives.subscribed(acme, plan=old, interval="month")
    assert moves.is_at_once(account, choice(new)) is True
    account.plan = new
    assert moves.is_at_once(account, choice(old)) is False


def test_fewer_seats_are_credited_and_everything_else_is_paid_at_once(acme):
    plan = priced("studio", is_per_seat=True)
    account = lives.subscribed(acme, plan=plan, interval="month", quantity=5)
    present = [item("si_1", "price_studio_month")]
    behaviours = {
        quantity: moves.update_of(account, choice(plan, quantity=quantity), present)["proration_behavior"]
        for quantity in (4, 6)
    }
    assert behaviours == {4: "create_prorations", 6: "always_invoice"}
    account.status = "trialing"
    assert moves.update_of(account, choice(plan, quantity=6), present)["proration_behavior"] == "none"


# quotes


def test_a_quote_holds_for_the_change_that_it_was_made_for(acme):
    plan = priced("studio", is_per_seat=True)
    account = lives.subscribed(acme, plan=plan, interval="month")
    invoice = {"parent": {"subscription_details": {"subscription_proration_date": 1_790_000_000}}}
    quote = previews._quote(account, choice(plan, quantity=6), invoice)
    assert previews.read_quote(account, choice(plan, quantity=6), quote) == 1_790_000_000
    assert previews.read_quote(account, choice(plan, quantity=6), "") is None
    for other in (choice(plan, quantity=7), choice(plan, "year", 6)):
        with pytest.raises(refusals.QuoteOutdated):
            previews.read_quote(account, other, quote)


def test_nobody_chooses_the_moment_that_a_change_is_reckoned_at(acme, globex):
    plan = priced("studio", is_per_seat=True)
    account = lives.subscribed(acme, plan=plan, interval="month")
    subject = previews._subject(acme.id, account, choice(plan)) | {"at": 1_790_000_000}
    assert (
        previews.read_quote(account, choice(plan), signing.dumps(subject, salt=previews.SALT))
        == 1_790_000_000
    )
    others = previews._subject(globex.id, account, choice(plan)) | {"at": 1_790_000_000}
    for forged in (
        signing.dumps(subject, salt="another"), signing.dumps(subject, salt=previews.SALT)[:-1], "nonsense",
        signing.dumps(others, salt=previews.SALT),
    ):  # fmt: skip
        with pytest.raises(refusals.QuoteOutdated):
            previews.read_quote(account, choice(plan), forged)


def test_a_quote_ages(acme, monkeypatch):
    plan = priced("studio", is_per_seat=True)
    account = lives.subscribed(acme, plan=plan, interval="month")
    quote = signing.dumps(previews._subject(acme.id, account, choice(plan)) | {"at": 1}, salt=previews.SALT)
    assert previews.read_quote(account, choice(plan), quote) == 1
    monkeypatch.setattr(previews, "QUOTE_LASTS", timedelta(seconds=-1))
    with pytest.raises(refusals.QuoteOutdated):
        previews.read_quote(account, choice(plan), quote)


# refusals, before anything is asked


@pytest.fixture
def unreachable(monkeypatch):
    """Whoever asks the payment service fails the test."""

    def refuse():
        raise AssertionError("the payment service was asked")

    for module in ("moves", "previews", "services", "checkouts", "customers", "charges", "returns"):
        monkeypatch.setattr(f"billing.subscriptions.{module}.get_client", refuse)


def buy(member):
    return services.start_checkout(member=member, plan_key="pro", interval="month")


def change(member, key: str = "team"):
    return services.change_plan(member=member, plan_key=key, interval="month")


@pytest.mark.parametrize("status", sorted(queries.RUNNING))
def test_a_second_subscription_is_not_sold(acme, owner, unreachable, status):
    lives.subscribed(acme, status=status)
    with pytest.raises(refusals.AlreadySubscribed) as caught:
        buy(owner.member)
    assert caught.value.data["action_url"].endswith("/w/acme/billing/plans/")
    with pytest.raises(refusals.AlreadySubscribed):
        services.start_trial(member=owner.member, plan_key="pro")


def test_without_a_subscription_nothing_can_be_changed(acme, owner, unreachable):
    lives.customer(acme, status="canceled", subscription_id="sub_1")
    for attempt in (change, lambda who: services.cancel(member=who), lambda who: services.resume(member=who),
                    lambda who: services.set_seats(member=who, seats=9),
                    lambda who: services.open_portal(member=who, flow="cancel"),
                    lambda who: services.cancel_scheduled(member=who)):  # fmt: skip
        with pytest.raises(refusals.NotSubscribed):
            attempt(owner.member)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"status": "past_due"}, refusals.PaymentOutstanding),
        ({"status": "unpaid"}, refusals.PaymentOutstanding),
        ({"cancels_at": lives.NOW}, refusals.PlanEnding),
    ],
)
def test_a_plan_is_not_changed_while_it_owes_or_ends(acme, owner, unreachable, fields, error):
    lives.subscribed(acme, interval="month", **fields)
    with pytest.raises(error):
        change(owner.member)
    with pytest.raises(error):
        services.preview_change(member=owner.member, plan_key="team", interval="month")


def test_the_same_again_is_refused(acme, owner, unreachable):
    lives.subscribed(acme, interval="month")
    with pytest.raises(refusals.PlanUnchanged):
        change(owner.member, "pro")
    lives.subscribed(acme, interval="month", pending_plan=lives.plan("team"), pending_at=lives.NOW)
    with pytest.raises(refusals.PlanUnchanged) as caught:
        change(owner.member, "pro")
    assert caught.value.data["action_label"] == "Undo the scheduled change"


def test_an_arranged_plan_is_not_bought_over(acme, owner, unreachable):
    account = lives.customer(acme, custom_plan=lives.plan("enterprise"))
    with pytest.raises(refusals.PlanArranged):
        buy(owner.member)
    lives.subscribed(acme, custom_plan=account.custom_plan)
    with pytest.raises(refusals.PlanArranged):
        change(owner.member)


def test_seats_that_come_with_a_plan_are_not_bought_singly(acme, owner, unreachable):
    lives.subscribed(acme, interval="month")
    with pytest.raises(refusals.SeatsFixed):
        services.set_seats(member=owner.member, seats=9)


def test_ending_twice_and_resuming_what_does_not_end_are_refused(acme, owner, unreachable):
    lives.subscribed(acme)
    with pytest.raises(refusals.NothingToResume):
        services.resume(member=owner.member)
    with pytest.raises(refusals.NothingScheduled):
        services.cancel_scheduled(member=owner.member)
    lives.subscribed(acme, cancels_at=lives.NOW)
    with pytest.raises(refusals.PlanEnding):
        services.cancel(member=owner.member)


# trials


def test_a_trial_is_refused_with_its_reason(acme, globex, owner, admin, globex_owner):
    pro, free = lives.plan("pro"), lives.plan("free")
    assert trials.refusal(owner.member, pro) == ""
    assert trials.refusal(owner.member, free) == "trial_not_offered"
    TrialUse.objects.create(workspace_id=acme.id, person_ref=owner.member.person_ref, plan_key="pro")
    assert trials.refusal(owner.member, pro) == trials.refusal(admin.member, pro) == "trial_used_here"
    assert trials.refusal(globex_owner.member, pro) == ""
    elsewhere = factories.join(globex, owner.user, "admin")
    assert trials.refusal(elsewhere, pro) == "trial_used_by_you"
    with pytest.raises(refusals.TrialRefused) as caught:
        trials.require(elsewhere, pro)
    assert (caught.value.code, caught.value.message) == (
        "trial_used_by_you",
        "You have had a trial in another workspace. You can buy the plan right away.",
    )


def test_a_trial_that_begins_elsewhere_is_theirs_once(acme, globex, owner, globex_owner):
    begin = {"person_ref": owner.member.person_ref, "plan_key": "pro"}
    assert trials.note_begun(workspace_id=acme.id, **begin) is True
    assert trials.note_begun(workspace_id=acme.id, **begin) is True, "told of twice"
    assert trials.note_begun(workspace_id=globex.id, **begin) is False
    theirs = globex_owner.member.person_ref
    assert trials.note_begun(workspace_id=acme.id, person_ref=theirs, plan_key="pro") is False
    assert list(TrialUse.objects.values_list("workspace_id", "person_ref")) == [
        (acme.id, owner.member.person_ref)
    ]


def test_a_trial_without_a_card_needs_no_address_for_taxes(acme, owner, unreachable, settings):
    settings.STRIPE_AUTOMATIC_TAX = True
    with pytest.raises(refusals.TrialRefused) as caught:
        services.start_trial(member=owner.member, plan_key="pro")
    assert caught.value.code == "trial_needs_address"
    assert not TrialUse.objects.exists()


# invoices


def test_a_checkout_of_another_workspace_is_not_there(acme, globex):
    from billing.subscriptions.models import Checkout

    Checkout.objects.create(
        session_id="cs_1", workspace_id=acme.id, person_ref=acme.id, plan=lives.plan("pro"), fingerprint="x"
    )
    assert queries.access_checkout(acme.id, "cs_1").plan.key == "pro"
    for workspace_id, session_id in ((globex.id, "cs_1"), (acme.id, "cs_2"), (acme.id, "")):
        with pytest.raises(NotFound):
            queries.access_checkout(workspace_id, session_id)


def test_times_of_the_payment_service_are_seconds():
    assert queries.moment(None) is None
    assert queries.moment(0) == datetime(1970, 1, 1, tzinfo=UTC)

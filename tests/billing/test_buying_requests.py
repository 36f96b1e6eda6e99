"""What the payment service is asked for when a plan changes, to the letter, and what its answers mean."""

from datetime import UTC, datetime

import pytest

from billing.plans.models import PlanPrice
from billing.stripe import state
from billing.stripe.client import PaymentRefused, PaymentRequestRefused
from billing.subscriptions import checkouts, customers, moves, previews, refusals, services
from billing.subscriptions.models import BillingAccount, BillingEvent, Checkout, TrialUse
from tenants.models import AuditEntry
from tests import factories
from tests.billing import lives, scripted, shapes

pytestmark = pytest.mark.django_db
SUB, SCHEDULE = "subscriptions/sub_1", "subscription_schedules/sub_sched_1"
BEGAN, END = shapes.BEGAN, shapes.BEGAN + shapes.MONTH
MIDDLE = shapes.BEGAN + shapes.MONTH // 2


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def till(monkeypatch):
    """Everything of billing that asks, asks here; the mirror is left alone."""
    made = scripted.Transport()
    client = scripted.client(made)
    for module in (services, moves, previews, checkouts, customers, state):
        monkeypatch.setattr(module, "get_client", lambda: client)
    monkeypatch.setattr(services.sync.mirror, "copy", lambda *_, **__: 0)
    return made


@pytest.fixture
def plans():
    """Prices that the payment service knows."""
    for key in ("pro", "team"):
        for price in lives.plan(key).prices.all():
            PlanPrice.objects.filter(pk=price.pk).update(stripe_price_id=f"price_{key}_{price.interval}")
    return lives.plan


@pytest.fixture
def runs(till, plans, acme):
    """Acme pays for a plan; `now_is` says what a look finds from then on."""

    def begin(key: str = "pro", interval: str = "month", **fields) -> BillingAccount:
        account = lives.subscribed(
            acme, plan=plans(key), interval=interval, stripe_customer_id="cus_1", subscription_id="sub_1",
            period_start=moment(BEGAN), period_end=moment(END), **fields,
        )  # fmt: skip
        now_is(till, key, interval)
        return account

    return begin


def now_is(till, key: str, interval: str = "month", *, invoices=(), sessions=(), **changes) -> None:
    subscription = shapes.subscription(
        "sub_1", shapes.item(f"price_{key}_{interval}", interval=interval), discounts=[], pending_update=None,
        latest_invoice="in_2", customer="cus_1", **changes,
    )  # fmt: skip
    till.answer(f"GET {SUB}", subscription)
    till.answer("GET customers/cus_1", shapes.customer())
    till.answer("GET subscriptions", scripted.listing(subscription))
    till.answer("GET invoices", scripted.listing(*invoices))
    till.answer("GET checkout/sessions", scripted.listing(*sessions))


def changed_to(key: str, interval: str = "month", **changes) -> dict:
    return shapes.subscription(
        "sub_1", shapes.item(f"price_{key}_{interval}", interval=interval), pending_update=None,
        latest_invoice="in_2", customer="cus_1", **changes,
    )  # fmt: skip


def change(owner, key: str = "team", interval: str = "month", **fields):
    return services.change_plan(member=owner.member, plan_key=key, interval=interval, **fields)


def account_of(acme) -> BillingAccount:
    return BillingAccount.objects.select_related("plan", "pending_plan").get(pk=acme.id)


def events(acme) -> list[str]:
    """What people did, in order."""
    rows = BillingEvent.objects.filter(workspace_id=acme.id, actor_ref__isnull=False)
    return list(rows.order_by("created_at").values_list("kind", flat=True))


# at once


def test_an_upgrade_waits_for_its_payment_and_shows_at_once(till, runs, owner, acme):
    runs("pro")
    till.answer(f"POST {SUB}", changed_to("team"))
    till.answers["GET subscriptions"] = [(200, scripted.listing(changed_to("team")))]
    assert change(owner) == services.Changed("now")
    assert till.sent(f"POST {SUB}") == [
        {
            "items[0][id]": "si_price_pro_month", "items[0][price]": "price_team_month", "items[0][quantity]": "1",
            "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete",
        }
    ]  # fmt: skip
    account = account_of(acme)
    assert (account.plan.key, account.interval) == ("team", "month")
    assert events(acme) == ["plan.changed"]
    [entry] = AuditEntry.objects.filter(workspace_id=acme.id, action="plan.changed")
    assert (entry.actor_ref, entry.target_id) == (owner.member.person_ref, "sub_1")
    assert entry.data == {
        "plan": "team", "interval": "month", "quantity": 1, "was": "pro", "was_interval": "month",
    }  # fmt: skip


def unpaid_answer(till, status: str, **intent) -> None:
    """The change waits for its payment, which stands like this."""
    till.answer(f"POST {SUB}", changed_to("pro") | {"pending_update": {"expires_at": END}})
    payment = {"type": "payment_intent", "payment_intent": {"id": "pi_1", "status": status, **intent}}
    till.answer("GET invoice_payments", scripted.listing({"id": "inpay_1", "payment": payment}))
    till.answer("GET invoices/in_2", shapes.unpaid("in_2", hosted_invoice_url="https://pay.test/confirm"))
    till.answer("POST invoices/in_2/void", shapes.invoice("in_2", status="void"))


def test_a_declined_payment_is_given_up_and_the_old_plan_stays(till, runs, owner, acme):
    runs("pro")
    unpaid_answer(
        till, "requires_payment_method",
        last_payment_error={"code": "card_declined", "decline_code": "insufficient_funds"},
    )  # fmt: skip
    with pytest.raises(PaymentRefused) as caught:
        change(owner)
    assert caught.value.data == {"decline_code": "insufficient_funds"}
    assert caught.value.message == "The card has not enough funds. Use another card."
    assert till.writes == [f"POST {SUB}", "POST invoices/in_2/void"]
    assert account_of(acme).plan.key == "pro"
    assert events(acme) == ["plan.change_declined"]


def test_a_payment_to_be_confirmed_is_not_given_up(till, runs, owner, acme):
    runs("pro")
    unpaid_answer(till, "requires_action")
    open_invoice = shapes.unpaid("in_2", hosted_invoice_url="https://pay.test/confirm")
    till.answer("GET invoices", scripted.listing(open_invoice))
    assert change(owner) == services.Changed("unconfirmed", "https://pay.test/confirm")
    assert till.writes == [f"POST {SUB}"]
    account = account_of(acme)
    assert (account.plan.key, account.status) == ("pro", "active")
    assert account.action_url == "https://pay.test/confirm"
    assert events(acme) == ["plan.change_unconfirmed"]


def test_what_was_done_stays_done_when_the_look_after_it_fails(till, runs, owner, acme):
    runs("pro")
    till.answer(f"POST {SUB}", changed_to("team"))
    till.answer("GET customers/cus_1", {"error": {"type": "api_error", "message": "down"}}, status=503)
    assert change(owner).outcome == "now"
    assert events(acme) == ["plan.changed"]
    assert account_of(acme).plan.key == "pro", "the webhook brings it"


def test_in_a_trial_nothing_is_charged(till, runs, owner):
    runs("pro", status="trialing", trial_ends_at=moment(END))
    till.answer(f"POST {SUB}", changed_to("team"))
    assert change(owner).outcome == "now"
    [sent] = till.sent(f"POST {SUB}")
    assert sent["proration_behavior"] == "none"
    assert "payment_behavior" not in sent


# when the paid time is over


def test_a_downgrade_is_a_schedule_of_what_is_and_what_comes(till, runs, owner, acme):
    runs("team")
    subscription = shapes.subscription(
        "sub_1", shapes.item("price_team_month"), discounts=["di_1"], pending_update=None
    )
    till.answer(f"GET {SUB}", subscription)
    made = shapes.schedule(("price_team_month", BEGAN)) | {"object": "subscription_schedule"}
    till.answer("POST subscription_schedules", made)
    till.answer(f"POST {SCHEDULE}", made)
    later = shapes.schedule(("price_team_month", BEGAN), ("price_pro_month", END))
    till.answer("GET subscriptions", scripted.listing(changed_to("team", schedule=later)))
    assert change(owner, "pro") == services.Changed("period_end")
    assert till.sent("POST subscription_schedules") == [{"from_subscription": "sub_1"}]
    assert till.sent(f"POST {SCHEDULE}") == [
        {
            "end_behavior": "release", "proration_behavior": "none",
            "phases[0][items][0][price]": "price_team_month", "phases[0][items][0][quantity]": "1",
            "phases[0][start_date]": str(BEGAN), "phases[0][end_date]": str(END),
            "phases[0][discounts][0][discount]": "di_1",
            "phases[1][items][0][price]": "price_pro_month", "phases[1][items][0][quantity]": "1",
            "phases[1][duration][interval]": "month", "phases[1][duration][interval_count]": "1",
            "phases[1][proration_behavior]": "none", "phases[1][discounts][0][discount]": "di_1",
        }
    ]  # fmt: skip
    account = account_of(acme)
    assert (account.plan.key, account.pending_plan.key, account.pending_at) == ("team", "pro", moment(END))
    assert account.schedule_id == "sub_sched_1"


def test_a_new_choice_releases_what_was_scheduled(till, runs, owner):
    runs("pro", schedule_id="sub_sched_1", pending_plan=lives.plan("free"), pending_at=moment(END))
    till.answer(f"POST {SCHEDULE}/release", {"id": "sub_sched_1", "object": "subscription_schedule"})
    till.answer(f"POST {SUB}", changed_to("team"))
    change(owner)
    assert till.writes == [f"POST {SCHEDULE}/release", f"POST {SUB}"]


def test_a_scheduled_change_is_withdrawn(till, runs, owner, acme):
    runs("team", schedule_id="sub_sched_1", pending_plan=lives.plan("pro"), pending_at=moment(END))
    till.answer(f"POST {SCHEDULE}/release", {"id": "sub_sched_1", "object": "subscription_schedule"})
    services.cancel_scheduled(member=owner.member)
    account = account_of(acme)
    assert (account.schedule_id, account.pending_plan) == ("", None)
    assert events(acme) == ["plan.change_withdrawn"]


# the end


def test_ending_a_plan_says_why_and_resuming_takes_it_back(till, runs, owner, acme):
    runs("pro")
    ending = {"cancel_at_period_end": True, "cancel_at": END}
    till.answer(f"POST {SUB}", changed_to("pro", **ending))
    till.answer(
        "GET subscriptions",
        scripted.listing(changed_to("pro", **ending)),
        scripted.listing(changed_to("pro")),
    )
    services.cancel(member=owner.member, reason="too_expensive", comment="Maybe next year")
    assert account_of(acme).cancels_at == moment(END)
    services.resume(member=owner.member)
    assert account_of(acme).cancels_at is None
    assert till.sent(f"POST {SUB}") == [
        {
            "cancel_at_period_end": "true", "cancellation_details[feedback]": "too_expensive",
            "cancellation_details[comment]": "Maybe next year",
        },
        {"cancel_at_period_end": "false"},
    ]  # fmt: skip
    assert events(acme) == ["plan.cancelled", "plan.resumed"]
    texts = [str(row.data) for row in AuditEntry.objects.filter(workspace_id=acme.id)]
    assert not any("Maybe" in text for text in texts), "what people write is not kept in our logs"


def test_a_reason_that_nobody_offered_is_another_reason(till, runs, owner):
    runs("pro")
    till.answer(f"POST {SUB}", changed_to("pro"))
    services.cancel(member=owner.member, reason="'; DROP TABLE")
    assert till.sent(f"POST {SUB}")[0]["cancellation_details[feedback]"] == "other"


# previews


def line(amount: int, text: str, *, proration: bool, end: int = END, off: int = 0) -> dict:
    details = {"proration": proration, "subscription": "sub_1"}
    return {
        "id": f"il_{text}", "object": "line_item", "amount": amount, "description": text,
        "discount_amounts": [{"amount": off, "discount": "di_1"}] if off else [],
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "period": {"start": BEGAN, "end": end},
    }  # fmt: skip


def drafted(*lines: dict, due: int | None = None) -> dict:
    total = sum(row["amount"] - sum(part["amount"] for part in row["discount_amounts"]) for row in lines)
    parent = {"subscription_details": {"subscription": "sub_1", "subscription_proration_date": MIDDLE}}
    return shapes.invoice(
        "upcoming_in_1", total=total, amount_due=max(0, total) if due is None else due,
        lines=scripted.listing(*lines), parent=parent,
    )  # fmt: skip


def look_at(owner, key: str = "team", interval: str = "month", **fields):
    return services.preview_change(member=owner.member, plan_key=key, interval=interval, **fields)


def test_a_preview_of_an_upgrade_has_the_services_own_figures(till, runs, owner, acme):
    runs("pro")
    till.answer(
        "POST invoices/create_preview",
        drafted(
            line(-1000, "Unused time on Pro", proration=True),
            line(2500, "Remaining time on Team", proration=True),
        ),
        drafted(line(5000, "Team", proration=False)),
    )
    seen = look_at(owner)
    assert [(row.text, row.amount_minor, row.is_proration) for row in seen.lines] == [
        ("Unused time on Pro", -1000, True), ("Remaining time on Team", 2500, True),
    ]  # fmt: skip
    assert (seen.when, seen.due_now_minor, seen.credit_minor) == ("now", 1500, 0)
    assert (seen.next_minor, seen.next_at, seen.currency) == (5000, moment(END), "usd")
    assert till.writes == ["POST invoices/create_preview"] * 2, "nothing is changed"
    first, second = till.sent("POST invoices/create_preview")
    assert first == {
        "customer": "cus_1", "subscription": "sub_1",
        "subscription_details[items][0][id]": "si_price_pro_month",
        "subscription_details[items][0][price]": "price_team_month",
        "subscription_details[items][0][quantity]": "1",
        "subscription_details[proration_behavior]": "always_invoice",
    }  # fmt: skip
    assert second == first | {"subscription_details[proration_behavior]": "none"}
    till.answer(f"POST {SUB}", changed_to("team"))
    change(owner, quote=seen.quote)
    assert till.sent(f"POST {SUB}")[0]["proration_date"] == str(MIDDLE), (
        "the charge is the one that was shown"
    )


def test_what_a_change_leaves_over_is_credit_for_the_next_charges(till, runs, owner, acme):
    runs("pro", "year")
    till.answer(
        "POST invoices/create_preview",
        drafted(
            line(-18_000, "Unused time", proration=True), line(5000, "Team", proration=False, end=END + 5)
        ),
    )
    seen = look_at(owner, "team", "month")
    assert (seen.due_now_minor, seen.credit_minor, seen.next_minor) == (0, 13_000, 0)
    assert seen.next_at == moment(END + 5)
    assert len(till.writes) == 1, "another interval begins at once, and the same draft says what follows"


def test_discounts_are_taken_off_each_line(till, runs, owner):
    runs("pro")
    till.answer(
        "POST invoices/create_preview", drafted(line(20_000, "Pro", proration=False, off=5000), due=14_000)
    )
    seen = look_at(owner, "pro", "year")
    assert [row.amount_minor for row in seen.lines] == [15_000]
    assert (seen.due_now_minor, seen.next_minor) == (14_000, 15_000), "a credit is used up once"


def test_a_downgrade_costs_nothing_now(till, runs, owner):
    runs("team")
    seen = look_at(owner, "pro")
    assert (seen.when, seen.lines, seen.due_now_minor) == ("period_end", [], 0)
    assert (seen.next_minor, seen.next_at, seen.changes_at) == (2000, moment(END), moment(END))
    assert "seats" in [row.kind for row in seen.misfits], "four people are in acme"
    assert till.requests == []


def test_where_nothing_runs_the_list_price_is_shown(till, plans, owner, acme):
    lives.customer(acme)
    seen = look_at(owner, "team", "year")
    assert (seen.when, seen.due_now_minor, seen.next_minor, seen.next_at) == (
        "checkout",
        50_000,
        50_000,
        None,
    )
    assert till.requests == []


# trials and customers


def test_a_trial_without_a_card_is_asked_for_and_noted(till, plans, owner, acme):
    lives.customer(acme, stripe_customer_id="cus_1")
    facts = {"has_trial": "1", "plan": "pro", "person_ref": str(owner.member.person_ref)}
    now_is(till, "pro", status="trialing", trial_end=END, metadata=facts)
    till.answer("POST subscriptions", changed_to("pro", status="trialing", trial_end=END))
    services.start_trial(member=owner.member, plan_key="pro")
    assert till.sent("POST subscriptions") == [
        {
            "customer": "cus_1", "items[0][price]": "price_pro_month", "items[0][quantity]": "1",
            "trial_period_days": "14", "trial_settings[end_behavior][missing_payment_method]": "cancel",
            "payment_settings[save_default_payment_method]": "on_subscription",
            "metadata[workspace_id]": str(acme.id), "metadata[person_ref]": str(owner.member.person_ref),
            "metadata[plan]": "pro", "metadata[plan_id]": str(lives.plan("pro").id), "metadata[has_trial]": "1",
        }
    ]  # fmt: skip
    account = account_of(acme)
    assert (account.status, account.trial_ends_at) == ("trialing", moment(END))
    assert TrialUse.objects.filter(workspace_id=acme.id, person_ref=owner.member.person_ref).count() == 1
    assert events(acme) == ["trial.started"]


def test_a_trial_that_begins_after_another_is_ended_once(
    till, plans, acme, globex, owner, monkeypatch, django_capture_on_commit_callbacks
):
    """On a checkout page that was opened before the other one began."""
    from billing.subscriptions import tasks

    monkeypatch.setattr(tasks.end_second_trial, "delay", tasks.end_second_trial)
    TrialUse.objects.create(workspace_id=globex.id, person_ref=owner.member.person_ref, plan_key="pro")
    lives.customer(acme, stripe_customer_id="cus_1")
    facts = {"has_trial": "1", "plan": "pro", "person_ref": str(owner.member.person_ref)}
    now_is(till, "pro", status="trialing", trial_end=END, metadata=facts)
    till.answer(f"DELETE {SUB}", changed_to("pro", status="canceled"))
    with django_capture_on_commit_callbacks(execute=True):
        services.sync.sync_customer("cus_1")
    assert till.writes == [f"DELETE {SUB}"]
    assert "trial.refused" in BillingEvent.objects.filter(workspace_id=acme.id).values_list("kind", flat=True)
    now_is(till, "pro", status="canceled")
    services.end_second_trial(subscription_id="sub_1")
    assert till.writes == [f"DELETE {SUB}"], "what is over is left as it is"


def test_a_trial_that_is_theirs_goes_on(
    till, plans, acme, owner, monkeypatch, django_capture_on_commit_callbacks
):
    """The control of the one before."""
    from billing.subscriptions import tasks

    monkeypatch.setattr(tasks.end_second_trial, "delay", tasks.end_second_trial)
    lives.customer(acme, stripe_customer_id="cus_1")
    facts = {"has_trial": "1", "plan": "pro", "person_ref": str(owner.member.person_ref)}
    now_is(till, "pro", status="trialing", trial_end=END, metadata=facts)
    with django_capture_on_commit_callbacks(execute=True):
        services.sync.sync_customer("cus_1")
        services.sync.sync_customer("cus_1")
    assert till.writes == []
    assert TrialUse.objects.get(workspace_id=acme.id).person_ref == owner.member.person_ref


def test_the_portal_leads_back_and_to_what_was_meant(till, runs, owner, settings):
    runs("pro")
    till.answer("POST billing_portal/sessions", {"id": "bps_1", "url": "https://pay.test/portal"})
    for flow in ("", "card", "cancel"):
        assert services.open_portal(member=owner.member, flow=flow) == "https://pay.test/portal"
    back = {"customer": "cus_1", "return_url": f"{settings.BASE_URL}/w/acme/billing/"}
    assert till.sent("POST billing_portal/sessions") == [
        back,
        back | {"flow_data[type]": "payment_method_update"},
        back | {
            "flow_data[type]": "subscription_cancel", "flow_data[subscription_cancel][subscription]": "sub_1",
        },
    ]  # fmt: skip


# codes and deals


def test_a_code_is_looked_up_and_an_unknown_one_refused(till, plans, owner, acme):
    lives.customer(acme, stripe_customer_id="cus_1")
    till.answer(
        "GET promotion_codes",
        scripted.listing(),
        scripted.listing({"id": "promo_1", "object": "promotion_code"}),
    )
    till.answer(
        "POST checkout/sessions", {"id": "cs_1", "object": "checkout.session", "url": "https://pay.test/cs_1"}
    )
    ask = {"member": owner.member, "plan_key": "pro", "promotion_code": "SPRING"}
    with pytest.raises(refusals.PromotionCodeUnknown):
        services.start_checkout(**ask)
    assert (till.writes, Checkout.objects.count()) == ([], 0)
    assert services.start_checkout(**ask) == "https://pay.test/cs_1"
    [sent] = till.sent("POST checkout/sessions")
    assert sent["discounts[0][promotion_code]"] == "promo_1"
    assert "allow_promotion_codes" not in sent, "the service takes one or the other"
    assert till.sent("GET promotion_codes")[0] == {"code": "SPRING", "active": "true", "limit": "1"}


def test_a_deal_is_paid_once_and_ends_with_its_reservation(till, plans, owner, acme):
    lives.customer(acme, stripe_customer_id="cus_1")
    till.answer(
        "POST checkout/sessions", {"id": "cs_1", "object": "checkout.session", "url": "https://pay.test/cs_1"}
    )
    assert services.start_checkout(member=owner.member, deal="beta") == "https://pay.test/cs_1"
    [sent] = till.sent("POST checkout/sessions")
    price = {key: value for key, value in sent.items() if key.startswith("line_items")}
    assert price == {
        "line_items[0][price_data][currency]": "usd", "line_items[0][price_data][unit_amount]": "9900",
        "line_items[0][price_data][product_data][name]": "Lifetime Pro for beta users",
        "line_items[0][quantity]": "1",
    }  # fmt: skip
    assert (sent["mode"], sent["invoice_creation[enabled]"]) == ("payment", "true")
    assert sent["metadata[reservation_id]"] and int(sent["expires_at"]) > 0
    assert Checkout.objects.get(session_id="cs_1").deal_key == "beta"


def test_a_reservation_that_is_too_short_for_a_page_gets_one_without_an_end(till, plans, owner, acme):
    lives.customer(acme, stripe_customer_id="cus_1")
    error = {"error": {"type": "invalid_request_error", "param": "expires_at", "message": "too soon"}}
    made = {"id": "cs_1", "object": "checkout.session", "url": "https://pay.test/cs_1"}
    till.answers["POST checkout/sessions"] = [(400, error), (200, made)]
    assert services.start_checkout(member=owner.member, deal="beta") == "https://pay.test/cs_1"
    first, second = till.sent("POST checkout/sessions")
    assert second == {key: value for key, value in first.items() if key != "expires_at"}
    till.refuse("POST checkout/sessions", "line_items")
    with pytest.raises(PaymentRequestRefused):
        services.start_checkout(member=owner.member, plan_key="pro")


def test_an_owners_address_and_the_workspaces_name_make_the_customer(till, plans, owner, acme):
    BillingAccount.objects.filter(pk=acme.id).update(stripe_customer_id=None)
    till.answer("POST customers", {"id": "cus_9", "object": "customer"})
    till.answer("POST billing_portal/sessions", {"id": "bps_1", "url": "https://pay.test/portal"})
    services.open_portal(member=owner.member)
    assert till.sent("POST customers") == [
        {
            "name": factories.get_ref(id=acme.id).name,
            "email": "owner@acme.test",
            "metadata[workspace_id]": str(acme.id),
        }
    ]
    assert account_of(acme).stripe_customer_id == "cus_9"

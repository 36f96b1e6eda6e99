"""Subscribers of older versions move only when they are told to."""

from dataclasses import replace

import pytest

from billing.catalogues import catalogue as catalogues
from billing.plans import moving, queries, versions
from billing.subscriptions.models import BillingAccount, BillingEvent
from usage.models import Limit

pytestmark = pytest.mark.django_db


def change(key: str, **changes) -> None:
    catalogue = catalogues.load("alin")
    plans = tuple(replace(plan, **changes) if plan.key == key else plan for plan in catalogue.plans)
    versions.write(replace(catalogue, plans=plans))


def account_of(workspace, **fields) -> BillingAccount:
    account, _ = BillingAccount.objects.update_or_create(workspace_id=workspace.id, defaults=fields)
    return account


def messages_of(workspace) -> int | None:
    return Limit.objects.get(workspace_id=workspace.id, meter="messages", source="plan").amount


def move(**options) -> list[str]:
    return [str(row) for row in moving.move_subscribers("alin", write=lambda text: None, **options)]


def test_a_free_workspace_keeps_its_version_until_it_is_moved(globex):
    from billing.entitlements import services as entitlements

    account_of(globex, status="none", plan=None, lifetime_plan=None, custom_plan=None)
    entitlements.refresh(globex.id)
    old = BillingAccount.objects.get(workspace_id=globex.id).effective_plan
    assert old is not None
    assert (old.key, messages_of(globex)) == ("free", 50)
    change("free", limits=(catalogues.LimitOfPlan("messages", "month", 20),))
    entitlements.refresh(globex.id)
    assert messages_of(globex) == 50
    assert f"subscriber {globex.id}: moved (free version 1 to 2)" in move(is_dry=True)
    assert messages_of(globex) == 50
    assert f"subscriber {globex.id}: moved (free version 1 to 2)" in move()
    assert messages_of(globex) == 20
    assert BillingEvent.objects.filter(workspace_id=globex.id, kind="plan.moved").count() == 1
    assert f"{globex.id}" not in " ".join(move()), "a second run moves nobody"


def test_a_lifetime_plan_is_moved_when_told(globex):
    account = account_of(globex, lifetime_plan=queries.get_plan("pro"))
    change("pro", tagline="Other")
    account.refresh_from_db()
    assert account.lifetime_plan.version == 1
    move()
    account.refresh_from_db()
    assert account.lifetime_plan == queries.get_plan("pro")
    assert account.lifetime_plan.version == 2


def test_who_has_a_plan_that_is_sold_no_more_stays(globex):
    account = account_of(globex, lifetime_plan=queries.get_plan("team"))
    catalogue = catalogues.load("alin")
    versions.write(replace(catalogue, plans=tuple(plan for plan in catalogue.plans if plan.key != "team")))
    assert f"{globex.id}" not in " ".join(move())
    account.refresh_from_db()
    assert account.lifetime_plan.key == "team"


def test_a_trial_without_a_subscription_is_moved_here(globex):
    account = account_of(globex, plan=queries.get_plan("pro"), status="trialing", subscription_id="")
    change("pro", tagline="Other")
    assert f"subscriber {globex.id}: moved (pro version 1 to 2)" in move()
    account.refresh_from_db()
    assert account.plan == queries.get_plan("pro")


@pytest.mark.parametrize(
    ("fields", "changes", "why"),
    [
        ({"schedule_id": "sub_sched_1"}, {"tagline": "Other"}, "another change is scheduled"),
        ({}, {"prices": {"month": 2000}}, "version 2 is not sold by the year"),
    ],
)
def test_who_cannot_be_moved_is_kept_and_said(globex, fields, changes, why):
    old = queries.get_plan("pro")
    account = account_of(
        globex,
        plan=old,
        status="active",
        subscription_id="sub_1",
        interval="year",
        **({"schedule_id": ""} | fields),
    )
    change("pro", **changes)
    assert f"subscriber {globex.id}: kept ({why})" in move()
    account.refresh_from_db()
    assert account.plan == old


def test_one_that_is_refused_hinders_nobody_else(globex, acme, monkeypatch):
    from billing.stripe.client import PaymentServiceUnavailable

    for workspace, name in ((globex, "sub_1"), (acme, "sub_2")):
        account_of(
            workspace, plan=queries.get_plan("pro"), status="active", subscription_id=name, interval="month",
            schedule_id="",
        )  # fmt: skip
    change("pro", tagline="Other")
    done = []

    def exchange(account, plan):
        if account.subscription_id == "sub_1":
            raise PaymentServiceUnavailable()
        done.append(account.subscription_id)

    monkeypatch.setattr(moving, "_change_prices", exchange)
    found = move()
    assert f"subscriber {globex.id}: failed (payment_service_unavailable)" in found
    assert f"subscriber {acme.id}: moved (pro version 1 to 2)" in found
    assert done == ["sub_2"]


def test_a_subscription_gets_the_new_price_with_its_next_period(globex, stripe_sim, monkeypatch):
    from billing.plans import services
    from billing.stripe import sync
    from billing.stripe.client import get_client
    from billing.subscriptions import customers

    services.sync_plans(write=lambda text: None)
    customer = customers.ensure(account_of(globex))
    price = queries.price_of(queries.get_plan("pro"), "month")
    made = get_client().v1.subscriptions.create(
        params={
            "customer": customer, "items": [{"price": price.stripe_price_id}], "collection_method": "send_invoice",
            "days_until_due": 7,
        }
    )  # fmt: skip
    sync.sync_customer(customer, cause="test")
    assert BillingAccount.objects.get(workspace_id=globex.id).plan == price.plan
    catalogue = catalogues.load("alin")
    plans = tuple(
        replace(row, prices={"month": 3000}) if row.key == "pro" else row for row in catalogue.plans
    )
    changed = replace(catalogue, plans=plans)
    monkeypatch.setattr(catalogues, "load", lambda name: changed)
    services.sync_plans(write=lambda text: None)
    sync.sync_customer(customer, cause="test")
    assert BillingAccount.objects.get(workspace_id=globex.id).plan == price.plan, "kept until moved"
    services.sync_plans(write=lambda text: None, move_existing=True)
    (item,) = get_client().v1.subscriptions.retrieve(made.id)["items"].data
    assert item.price.unit_amount == 3000
    account = BillingAccount.objects.select_related("plan").get(workspace_id=globex.id)
    assert account.plan == queries.get_plan("pro")
    invoices = get_client().v1.invoices.list(params={"customer": customer}).data
    assert [invoice.total for invoice in invoices] == [2000], "no proration"

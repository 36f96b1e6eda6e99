"""The payment service's half of `sync_plans`, against the simulated one."""

from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from billing.catalogues import catalogue as catalogues
from billing.plans import queries, services
from billing.plans.models import Plan, PlanPrice
from billing.stripe.client import PaymentServiceUnavailable, get_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stripe_sim")]


def sync(name: str = "alin", **options) -> list[str]:
    return [str(row) for row in services.sync_plans(catalogue=name, write=lambda text: None, **options)]


def change(monkeypatch, key: str, name: str = "alin", **changes) -> None:
    """The catalogue's file says something else now."""
    catalogue = catalogues.load(name)
    plans = tuple(replace(plan, **changes) if plan.key == key else plan for plan in catalogue.plans)
    changed = replace(catalogue, plans=plans)
    monkeypatch.setattr(catalogues, "load", lambda wanted: changed)


def prices_there() -> dict[str, tuple[int | None, bool]]:
    rows = get_client().v1.prices.list(params={"limit": 100}).data
    return {row.lookup_key: (row.unit_amount, row.active) for row in rows if row.lookup_key}


def ours() -> dict[str, str]:
    return dict(PlanPrice.objects.exclude(stripe_price_id="").values_list("lookup_key", "stripe_price_id"))


def test_a_catalogue_is_published_with_products_prices_and_features():
    changes = sync()
    assert prices_there() == {
        "steward_alin_pro_month_v1": (2000, True),
        "steward_alin_pro_year_v1": (20000, True),
        "steward_alin_team_month_v1": (5000, True),
        "steward_alin_team_year_v1": (50000, True),
    }
    product = get_client().v1.products.retrieve("steward_alin_team_v1")
    assert product.name == "ALIN Team"
    assert product.metadata.to_dict() == {
        "catalogue": "alin", "plan": "team", "version": "1", "fingerprint": queries.get_plan("team").fingerprint,
    }  # fmt: skip
    attached = get_client().v1.products.features.list("steward_alin_team_v1", params={"limit": 100}).data
    assert {row.entitlement_feature.lookup_key for row in attached} == {
        f"steward_{key}" for key in queries.get_plan("team").features
    }
    assert "product steward_alin_pro_v1: created" in changes
    assert "price steward_alin_pro_month_v1: created (20.00 usd per month)" in changes
    for key, price_id in ours().items():
        found = queries.plan_of_stripe_price(price_id)
        assert found is not None
        assert found[1].lookup_key == key
    assert queries.get_plan("pro").stripe_product_id == "steward_alin_pro_v1"
    assert (
        queries.get_plan("free").stripe_product_id == queries.get_plan("enterprise").stripe_product_id == ""
    )


def test_a_second_run_changes_nothing_and_asks_once(monkeypatch):
    sync()
    before, rows = prices_there(), list(PlanPrice.objects.order_by("pk").values())
    asked = count_calls(monkeypatch)
    said: list[str] = []
    assert services.sync_plans(write=said.append) == []
    assert said[-1] == "alin: nothing changed."
    assert asked == ["get /v1/prices"]
    assert prices_there() == before
    assert list(PlanPrice.objects.order_by("pk").values()) == rows


def count_calls(monkeypatch) -> list[str]:
    """Every request to the payment service from now on."""
    from urllib.parse import urlsplit

    transport = type(get_client()._requestor._get_http_client())
    request, seen = transport.request, []

    def watched(self, method, url, *args, **kwargs):
        seen.append(f"{method} {urlsplit(url).path}")
        return request(self, method, url, *args, **kwargs)

    monkeypatch.setattr(transport, "request", watched)
    return seen


def test_a_new_version_is_sold_and_the_old_one_only_kept(monkeypatch):
    sync()
    change(monkeypatch, "pro", prices={"month": 2500, "year": 25000})
    changes = sync()
    there = prices_there()
    assert there["steward_alin_pro_month_v2"] == (2500, True)
    assert there["steward_alin_pro_month_v1"] == (2000, False)
    assert there["steward_alin_team_month_v1"] == (5000, True)
    order = [line.split(":")[0] for line in changes]
    assert order.index("price steward_alin_pro_month_v2") < order.index("price steward_alin_pro_month_v1")
    assert "price steward_alin_pro_month_v1: archived (existing subscriptions keep it)" in changes
    old = Plan.objects.get(catalogue="alin", key="pro", version=1)
    assert queries.plan_of_stripe_price(ours()["steward_alin_pro_month_v1"]) == (
        old,
        old.prices.get(interval="month"),
    )
    assert sync() == []


def test_a_withdrawn_plan_is_not_sold_any_more(monkeypatch):
    sync()
    catalogue = catalogues.load("alin")
    fewer = replace(catalogue, plans=tuple(plan for plan in catalogue.plans if plan.key != "team"))
    monkeypatch.setattr(catalogues, "load", lambda name: fewer)
    sync()
    assert prices_there()["steward_alin_team_year_v1"] == (50000, False)
    assert sync() == []


def test_an_emptied_account_is_filled_again(stripe_sim):
    sync()
    before = ours()
    empty(stripe_sim)
    changes = sync()
    assert "product steward_alin_pro_v1: created" in changes
    assert len(prices_there()) == 4
    assert set(ours()) == set(before)
    assert not set(ours().values()) & set(before.values())


def empty(stripe_sim) -> None:
    stripe_sim.store.clear()


def test_a_younger_database_finds_what_is_there():
    sync()
    before = ours()
    PlanPrice.objects.update(stripe_price_id="")
    Plan.objects.update(stripe_product_id="")
    assert sync() == []
    assert ours() == before
    assert queries.get_plan("pro").stripe_product_id == "steward_alin_pro_v1"


def test_an_amount_that_somebody_changed_there_is_set_right():
    """A price cannot be changed: one with another amount under our name is put aside."""
    sync()
    wrong = get_client().v1.prices.create(
        params={
            "product": "steward_alin_pro_v1", "currency": "usd", "unit_amount": 1, "recurring": {"interval": "month"},
            "lookup_key": "steward_alin_pro_month_v1", "transfer_lookup_key": True,
        }
    )  # fmt: skip
    changes = sync()
    assert [line for line in changes if line.startswith("price")] == [
        "price steward_alin_pro_month_v1: archived (existing subscriptions keep it)",
        "price steward_alin_pro_month_v1: created (20.00 usd per month)",
    ]
    assert prices_there()["steward_alin_pro_month_v1"] == (2000, True)
    assert not get_client().v1.prices.retrieve(wrong.id).active
    assert sync() == []


def test_a_price_that_was_closed_there_is_opened_again():
    sync()
    price_id = ours()["steward_alin_pro_month_v1"]
    get_client().v1.prices.update(price_id, params={"active": False})
    assert sync() == ["price steward_alin_pro_month_v1: reopened"]
    assert ours()["steward_alin_pro_month_v1"] == price_id


def test_what_was_half_done_is_finished(monkeypatch):
    """The product's mark comes last: without it, features are looked at again."""
    from billing.plans import publishing

    attach = publishing.Publisher._ensure_features

    def break_off(self, plan, product):
        if plan.key == "team":
            raise PaymentServiceUnavailable()
        attach(self, plan, product)

    with monkeypatch.context() as broken:
        broken.setattr(publishing.Publisher, "_ensure_features", break_off)
        with pytest.raises(PaymentServiceUnavailable):
            sync()
    assert queries.get_plan("pro").stripe_product_id == "steward_alin_pro_v1"
    sync()
    attached = get_client().v1.products.features.list("steward_alin_team_v1", params={"limit": 100}).data
    assert len(attached) == len(queries.get_plan("team").features)
    assert sync() == []


def test_cost_that_is_passed_on_has_a_meter_and_a_price_without_a_mark_up():
    sync("teach-charlie")
    (meter,) = get_client().v1.billing.meters.list(params={"status": "active"}).data
    assert (meter.event_name, meter.default_aggregation.formula) == ("steward_cost_micro", "sum")
    team = queries.get_plan("team", catalogue="teach-charlie")
    (metered,) = queries.metered_prices(team, "month")
    there = get_client().v1.prices.retrieve(metered.stripe_price_id)
    assert (there.recurring.usage_type, there.recurring.meter) == ("metered", meter.id)
    assert str(there.unit_amount_decimal) == "0.0001"
    assert sync("teach-charlie") == []


def test_a_dry_run_looks_and_writes_nothing(monkeypatch):
    changes = sync("teach-charlie", dry_run=True)
    assert "price steward_teach-charlie_team_month_v1: created (79.00 usd per month)" in changes
    assert prices_there() == {}
    assert not Plan.objects.filter(catalogue="teach-charlie").exists()
    sync("teach-charlie")
    change(monkeypatch, "team", "teach-charlie", prices={"month": 8900})
    changes = sync("teach-charlie", dry_run=True)
    assert "price steward_teach-charlie_team_month_v1: archived (existing subscriptions keep it)" in changes
    assert "steward_teach-charlie_team_month_v2" not in prices_there()
    assert prices_there()["steward_teach-charlie_team_month_v1"] == (7900, True)


@pytest.mark.parametrize("name", catalogues.list_names())
def test_every_catalogue_can_be_published(name):
    sync(name)
    sold = PlanPrice.objects.filter(plan__catalogue=name, plan__is_current=True)
    assert not sold.filter(stripe_price_id="").exists()
    assert sync(name) == []


def test_without_a_payment_service_our_rows_are_written_all_the_same(monkeypatch, capsys):
    from billing.plans import publishing

    def away(*args, **kwargs):
        raise PaymentServiceUnavailable()

    monkeypatch.setattr(publishing.Publisher, "_find", away)
    with pytest.raises(CommandError, match="ai-la: our rows are written"):
        call_command("sync_plans", "--catalogue", "ai-la")
    assert len(queries.list_offered("ai-la")) == 3
    call_command("sync_plans", "--catalogue", "ai-la", "--if-reachable")
    assert "Then run sync_plans again" in capsys.readouterr().err
    call_command("sync_plans", "--catalogue", "ai-la", "--local")
    monkeypatch.undo()
    call_command("sync_plans", "--catalogue", "ai-la")
    assert "price steward_ai-la_pro_month_v1: created" in capsys.readouterr().out


def test_without_a_key_the_payment_service_is_left_alone(settings):
    settings.STRIPE_SECRET_KEY = ""
    said: list[str] = []
    services.sync_plans(catalogue="ai-la", write=said.append)
    assert "The payment service was left alone: STRIPE_SECRET_KEY is not set." in said

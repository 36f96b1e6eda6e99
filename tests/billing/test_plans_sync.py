"""Our half of `sync_plans`: versions, and a second run that changes nothing."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.catalogues import catalogue as catalogues
from billing.plans import margin, queries, services, versions
from billing.plans.models import Plan, PlanPrice
from billing.subscriptions.models import BillingAccount
from tenants.models import AuditEntry
from usage.models import Price

pytestmark = pytest.mark.django_db


def sync(name: str = "alin", **options) -> tuple[list[str], list[str]]:
    """(changes, everything that was said)."""
    said: list[str] = []
    changes = services.sync_plans(catalogue=name, local=True, write=said.append, **options)
    return [str(change) for change in changes], said


def dearer(name: str = "alin", key: str = "pro", **changes) -> catalogues.Catalogue:
    """The catalogue with another plan `key`."""
    catalogue = catalogues.load(name)
    plans = tuple(replace(plan, **changes) if plan.key == key else plan for plan in catalogue.plans)
    return replace(catalogue, plans=plans)


def test_the_test_database_has_the_plans_of_the_default_catalogue():
    assert [plan.key for plan in queries.list_offered()] == ["free", "pro", "team", "enterprise"]


def test_a_second_run_changes_nothing_and_says_so(assert_queries):
    sync()
    before = list(Plan.objects.order_by("pk").values())
    entries = AuditEntry.objects.count()
    assert sync()[0] == []
    assert sync()[1][-1] == "alin: nothing changed."
    assert list(Plan.objects.order_by("pk").values()) == before
    assert AuditEntry.objects.count() == entries
    with assert_queries(2):
        versions.write(catalogues.load("alin"))


def test_a_first_run_makes_every_plan_and_says_each():
    changes, said = sync("ai-la")
    assert changes == [
        "plan ai-la/free version 1: created (free)",
        "plan ai-la/pro version 1: created (1000 usd per month, 10000 usd per year)",
        "plan ai-la/enterprise version 1: created (5000 usd per month)",
    ]
    assert said[1] == f"[2/3] {changes[1]}"
    assert said[-1] == "ai-la: 3 changes."
    pro = queries.get_plan("pro", catalogue="ai-la")
    assert [(price.interval, price.amount_minor, price.lookup_key) for price in pro.prices.all()] == [
        ("month", 1000, "steward_ai-la_pro_month_v1"),
        ("year", 10000, "steward_ai-la_pro_year_v1"),
    ]
    assert pro.features == [
        "receipts_export", "usage_history", "statements", "custom_assistants", "cloud_models", "api_access",
        "admin_controls", "own_keys", "shared_workspace", "embed",
    ]  # fmt: skip
    assert AuditEntry.objects.filter(action="plans.synced", target_id="ai-la").count() == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"prices": {"month": 2500, "year": 20000}}, "prices"),
        ({"limits": (catalogues.LimitOfPlan("messages", "month", 10),)}, "limits"),
        ({"seats": 2}, "seats_included"),
        ({"features": ("statements",)}, "features"),
        ({"support": "email"}, "support"),
        ({"trial_days": 7}, "trial_days"),
        ({"tagline": "Other words"}, "tagline"),
    ],
)
def test_a_change_is_a_new_version_and_the_old_row_stays_as_it_was(change, named):
    old = Plan.objects.filter(catalogue="alin", key="pro", is_current=True).values().get()
    prices = list(PlanPrice.objects.filter(plan_id=old["id"]).order_by("pk").values())
    found = versions.write(dearer(**change))
    assert [str(row) for row in found.changes] == [f"plan alin/pro version 2: versioned (changed: {named})"]
    assert Plan.objects.filter(pk=old["id"]).values().get() == old | {"is_current": False}
    assert list(PlanPrice.objects.filter(plan_id=old["id"]).order_by("pk").values()) == prices
    assert queries.get_plan("pro").version == 2
    assert {price.lookup_key for price in queries.get_plan("pro").prices.all()} == {
        "steward_alin_pro_month_v2",
        "steward_alin_pro_year_v2",
    }


def test_subscribers_keep_the_version_they_bought():
    workspace_id = uuid4()
    old = queries.get_plan("pro")
    BillingAccount.objects.update_or_create(workspace_id=workspace_id, defaults={"plan": old})
    versions.write(dearer(prices={"month": 9900}))
    account = BillingAccount.objects.select_related("plan").get(workspace_id=workspace_id)
    assert account.plan == old
    assert queries.price_of(account.plan, "month").amount_minor == 2000


def test_back_to_the_former_content_is_a_third_version():
    versions.write(dearer(tagline="Other"))
    versions.write(catalogues.load("alin"))
    rows = Plan.objects.filter(catalogue="alin", key="pro").order_by("version")
    assert [(row.version, row.is_current) for row in rows] == [(1, False), (2, False), (3, True)]
    assert rows[0].fingerprint == rows[2].fingerprint


def test_a_plan_that_left_the_catalogue_is_not_offered_and_not_deleted():
    catalogue = catalogues.load("alin")
    fewer = replace(catalogue, plans=tuple(plan for plan in catalogue.plans if plan.key != "team"))
    found = versions.write(fewer)
    assert "plan alin/team: withdrawn (subscribers keep it)" in [str(change) for change in found.changes]
    assert [plan.key for plan in queries.list_offered()] == ["free", "pro", "enterprise"]
    assert Plan.objects.get(catalogue="alin", key="team").is_current is False


def test_another_catalogue_and_a_workspace_s_own_plan_are_left_alone():
    sync("ai-la")
    own = Plan.objects.create(
        catalogue="alin", key="own", workspace_id=uuid4(), name="Own",
        sale="paid", fingerprint="x",
    )  # fmt: skip
    versions.write(dearer(tagline="Other"))
    own.refresh_from_db()
    assert own.is_current
    assert len(queries.list_offered("ai-la")) == 3
    assert "own" not in [plan.key for plan in queries.list_offered()]


def test_a_dry_run_says_what_would_change_and_writes_nothing():
    before = Plan.objects.count()
    changes, said = sync("ai-mentor", dry_run=True)
    assert len(changes) == 3
    assert said[-1] == "ai-mentor: 3 changes, none of them made."
    assert Plan.objects.count() == before


def test_the_command_says_what_is_wrong_with_a_file(tmp_path, monkeypatch):
    text = (catalogues.DIRECTORY / "alin.yaml").read_text().replace("support: priority", "support: psychic")
    (tmp_path / "alin.yaml").write_text(text)
    monkeypatch.setattr(catalogues, "DIRECTORY", tmp_path)
    with pytest.raises(CommandError, match=r"alin\.yaml:\d+: plans\[1\]\.support: is 'psychic'"):
        call_command("sync_plans", "--local")


# margin


def test_margin_warns_of_exactly_these_tiers():
    found = {
        (finding.catalogue, finding.plan): finding.verdict
        for name in catalogues.list_names()
        for finding in margin.check(catalogues.load(name), at=timezone.now())
    }
    assert found == {
        ("alin", "pro"): "unbounded",
        ("alin", "team"): "unbounded",
        ("ai-la", "pro"): "unbounded",
        ("ai-la", "enterprise"): "unbounded",
        ("teach-charlie", "pro"): "passed_on",
        ("teach-charlie", "team"): "passed_on",
        ("ai-mentor", "pro"): "loses",
        ("ai-mentor", "enterprise"): "unbounded",
    }


def words(name: str, key: str, catalogue: catalogues.Catalogue | None = None) -> str:
    rows = margin.check(catalogue or catalogues.load(name), at=timezone.now())
    return str(next(finding for finding in rows if finding.plan == key))


def test_ai_mentor_s_arithmetic_is_the_document_s():
    assert words("ai-mentor", "pro") == (
        "WARNING: margin of ai-mentor/pro: loses: earns $19.99 a month, sold by the month; "
        "500 messages × $0.05 = $25.00; $25.00 > $19.99"
    )
    first = dearer("ai-mentor", prices={"month": 999})
    assert "$25.00 > $9.99" in words("ai-mentor", "pro", first)


def test_at_a_price_above_its_cost_there_is_no_warning():
    enough = dearer("ai-mentor", prices={"month": 2500})
    assert words("ai-mentor", "pro", enough) == (
        "margin of ai-mentor/pro: covered: earns $25.00 a month, sold by the month; "
        "500 messages × $0.05 = $25.00; $25.00 ≤ $25.00"
    )


def test_what_is_unlimited_says_how_many_the_price_pays_for():
    assert words("alin", "pro") == (
        "WARNING: margin of alin/pro: unbounded: earns $16.66 a month, sold by the year; "
        "messages without a limit × $0.0075; 100 images × $0.08 = $8.00; 5 websites × $0.225 = $1.125; "
        "what is left, $7.535, pays for 1,004 at $0.0075 each"
    )


def test_a_limit_of_cost_ends_what_is_unlimited():
    limits = (
        catalogues.LimitOfPlan("messages", "month", None),
        catalogues.LimitOfPlan("cost_micro", "month", 15_000_000),
    )
    capped = dearer("ai-mentor", limits=limits)
    assert words("ai-mentor", "pro", capped).startswith("margin of ai-mentor/pro: covered: ")
    assert "its limit of cost ends it at $15.00; $15.00 ≤ $19.99" in words("ai-mentor", "pro", capped)
    daily = dearer("ai-mentor", limits=(catalogues.LimitOfPlan("cost_micro", "day", 1_000_000),))
    assert "ends it at $31.00; $31.00 > $19.99" in words("ai-mentor", "pro", daily)


def test_a_model_that_the_price_book_does_not_know_is_a_warning(monkeypatch):
    Price.objects.filter(model="gpt-4o").delete()
    from usage import prices

    prices.forget()
    try:
        assert "has no price to reckon messages, websites with" in words("alin", "pro")
    finally:
        prices.forget()


def test_the_run_says_its_warnings():
    said = sync("ai-mentor")[1]
    assert len([line for line in said if line.startswith("WARNING: margin of ai-mentor/")]) == 2
    assert [line for line in sync("alwrity")[1] if "margin" in line] == []

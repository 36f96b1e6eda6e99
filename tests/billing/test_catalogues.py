"""The five catalogues against tables typed from the documents. Money in cents, cost in micro-units."""

from dataclasses import dataclass, field

import pytest

from billing.catalogues import catalogue as catalogues

MONTH, DAY, TOTAL = "month", "day", "total"
UNLIMITED = None
EVERY_TIER = {"custom_assistants", "statements", "receipts_export"}
"""What no document keeps for some of its tiers."""


@dataclass(frozen=True)
class Tier:
    """`seats` None: unlimited. `gives`: what the product has beside EVERY_TIER; `planned`: what it has not yet."""

    name: str
    sale: str
    support: str
    seats: int | None
    limits: dict[tuple[str, str], int | None]
    gives: set[str]
    planned: set[str]
    month: int | None = None
    year: int | None = None
    trial_days: int = 0
    from_minor: int | None = None
    is_per_seat: bool = False
    is_passthrough: bool = False
    lines: tuple[int, int] | None = None
    everywhere: set[str] = field(default_factory=lambda: EVERY_TIER)


OF_EVERYBODY = {"cloud_models", "api_access", "usage_history", "embed"}
# The documents say nothing of own keys but Teach Charlie's: where people work together, a workspace may bring its own.
TOGETHER = OF_EVERYBODY | {"shared_workspace", "admin_controls", "own_keys"}
MEMORY = {"basic_memory", "advanced_memory"}
VOICE = {"images", "voice"}
ALIN_PRO = {"voice_conversations", "website_sprint"}

ALIN = {
    "free": Tier(
        "Free", "free", "community", 1,
        {("messages", MONTH): 50, ("images", MONTH): 10, ("websites", MONTH): 0},
        OF_EVERYBODY | {"basic_memory", "images"}, set(),
    ),
    "pro": Tier(
        "Pro", "paid", "priority", 1,
        {("messages", MONTH): UNLIMITED, ("images", MONTH): 100, ("websites", MONTH): 5},
        OF_EVERYBODY | MEMORY | VOICE, ALIN_PRO, month=2000, year=20000, trial_days=14,
    ),
    "team": Tier(
        "Team", "paid", "priority", 5,
        {("messages", MONTH): UNLIMITED, ("images", MONTH): 500, ("websites", MONTH): UNLIMITED},
        TOGETHER | MEMORY | VOICE, ALIN_PRO, month=5000, year=50000, trial_days=14,
    ),
    "enterprise": Tier(
        "Enterprise", "contact", "dedicated", None,
        {("messages", MONTH): UNLIMITED, ("images", MONTH): UNLIMITED, ("websites", MONTH): UNLIMITED},
        TOGETHER | MEMORY | VOICE,
        ALIN_PRO | {"custom_deployment", "on_premise", "sla", "custom_integrations", "white_label"},
        from_minor=50000,
    ),
}  # fmt: skip

ENDLESS = {("generations", MONTH): UNLIMITED, ("messages", MONTH): UNLIMITED}
AI_LA_PRO = {"code_generation", "custom_models"}
AI_LA = {
    "free": Tier(
        "Free", "free", "community", 1, {("generations", MONTH): 100, ("messages", MONTH): 100},
        {"usage_history", "embed"}, {"code_generation"},
    ),
    "pro": Tier(
        "Pro", "paid", "priority", 5, ENDLESS, TOGETHER, AI_LA_PRO, month=1000, year=10000, trial_days=14,
    ),
    "enterprise": Tier(
        "Enterprise", "paid", "dedicated", 1, ENDLESS, TOGETHER,
        AI_LA_PRO
        | {"on_premise", "sso", "sla", "custom_integrations", "training", "air_gapped", "custom_model_training",
           "dedicated_infrastructure", "support_24_7"},
        month=5000, trial_days=14, is_per_seat=True,
    ),
}  # fmt: skip

CHARLIE = {"cloud_models", "usage_history", "admin_controls", "own_keys"}
CHARLIE_PRO = {"custom_components", "canvas", "export"}
TEACH_CHARLIE = {
    "free": Tier(
        "Free", "free", "community", 1,
        {("assistants", TOTAL): 3, ("messages", DAY): 100, ("projects", TOTAL): 1}, CHARLIE, set(),
    ),
    "pro": Tier(
        "Pro", "paid", "email", 1,
        {("assistants", TOTAL): 10, ("messages", DAY): 1000, ("projects", TOTAL): 5},
        CHARLIE | {"embed"}, CHARLIE_PRO, month=2900, trial_days=14, is_passthrough=True,
    ),
    "team": Tier(
        "Team", "paid", "priority", None,
        {("assistants", TOTAL): UNLIMITED, ("messages", DAY): 5000, ("projects", TOTAL): UNLIMITED},
        CHARLIE | {"embed", "shared_workspace", "api_access"}, CHARLIE_PRO | {"white_label"},
        month=7900, trial_days=14, is_passthrough=True,
    ),
}  # fmt: skip


def alpha(tokens: int, images: int, dollars: int) -> dict[tuple[str, str], int | None]:
    return {
        ("tokens", DAY): tokens,
        ("images", DAY): images,
        ("cost_micro", DAY): 5_000_000,
        ("cost_micro", MONTH): dollars * 1_000_000,
    }


ALPHA = {"cloud_models", "api_access", "admin_controls", "embed", "images"}
ALWRITY = {
    "free": Tier(
        "Free Alpha", "free", "community", 1, alpha(1_000, 5, 10), ALPHA, {"blog_writer", "basic_seo"},
        lines=(80, 95),
    ),
    "basic": Tier(
        "Basic Alpha", "unpriced", "community", 1, alpha(10_000, 50, 100), ALPHA,
        {"blog_writer", "seo_analysis", "content_planning"}, lines=(80, 95),
    ),
    "pro": Tier(
        "Pro Alpha", "unpriced", "community", 1, alpha(50_000, 200, 500), ALPHA | {"usage_history"},
        {"blog_writer", "basic_seo", "seo_analysis", "content_planning"}, lines=(80, 95),
    ),
}  # fmt: skip

MENTOR = OF_EVERYBODY | {"admin_controls"}
EXTENSION = {"browser_extension", "resume"}
AI_MENTOR = {
    "free": Tier("Free", "free", "community", 1, {("messages", MONTH): 10}, MENTOR, EXTENSION),
    "pro": Tier("Pro", "paid", "email", 1, {("messages", MONTH): 500}, MENTOR, EXTENSION, month=1999),
    "enterprise": Tier(
        "Enterprise", "paid", "priority", 1, {("messages", MONTH): UNLIMITED}, MENTOR, EXTENSION, month=2999
    ),
}

DOCUMENTS = {
    "alin": ALIN,
    "ai-la": AI_LA,
    "teach-charlie": TEACH_CHARLIE,
    "alwrity": ALWRITY,
    "ai-mentor": AI_MENTOR,
}


def as_tier(catalogue: catalogues.Catalogue, plan: catalogues.PlanSpec) -> Tier:
    offered = {key for key in plan.features if catalogue.features[key].is_offered}
    lines = {(limit.warn_percent, limit.block_percent) for limit in plan.limits} - {(None, None)}
    return Tier(
        name=plan.name,
        sale=plan.sale,
        support=plan.support,
        seats=plan.seats,
        limits={(limit.meter, limit.window): limit.amount for limit in plan.limits},
        gives=offered - EVERY_TIER,
        planned=set(plan.features) - offered,
        month=plan.prices.get("month"),
        year=plan.prices.get("year"),
        trial_days=plan.trial_days,
        from_minor=plan.price_from_minor,
        is_per_seat=plan.is_per_seat,
        is_passthrough=plan.is_passthrough,
        lines=lines.pop() if lines else None,
        everywhere=offered & EVERY_TIER,
    )


def test_there_are_the_five_catalogues_of_the_documents():
    assert catalogues.list_names() == sorted(DOCUMENTS)


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name, tiers in DOCUMENTS.items() for key in tiers], ids="/".join
)
def test_a_tier_is_what_the_document_says(name, key):
    catalogue = catalogues.load(name)
    plan = next(plan for plan in catalogue.plans if plan.key == key)
    assert as_tier(catalogue, plan) == DOCUMENTS[name][key]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_tiers_stand_in_the_documents_order_and_there_are_no_others(name):
    assert [plan.key for plan in catalogues.load(name).plans] == list(DOCUMENTS[name])


def test_the_yearly_prices_save_what_the_document_says():
    pro, team = (plan for plan in catalogues.load("alin").plans if plan.sale == "paid")
    assert 12 * pro.prices["month"] - pro.prices["year"] == 4000
    assert 12 * team.prices["month"] - team.prices["year"] == 10000
    (pro, _) = (plan for plan in catalogues.load("ai-la").plans if plan.sale == "paid")
    assert 12 * pro.prices["month"] - pro.prices["year"] == 2 * pro.prices["month"], "two months free"


def test_alin_gives_ten_dollars_and_sells_a_hundred_lifetimes():
    alin = catalogues.load("alin")
    assert alin.referral == catalogues.ReferralSpec(credit_minor=1000)
    assert [(deal.key, deal.plan, deal.amount_minor, deal.limit) for deal in alin.deals] == [
        ("beta", "pro", 9900, 100)
    ]
    assert alin.planned_deals == ()


def test_ai_la_promises_its_first_hundred_and_sells_nothing_of_it():
    ai_la = catalogues.load("ai-la")
    assert ai_la.deals == ()
    assert [(deal.plan, deal.amount_minor, deal.limit) for deal in ai_la.planned_deals] == [("pro", 0, 100)]


def test_only_alin_has_a_referral():
    assert [name for name in DOCUMENTS if catalogues.load(name).referral] == ["alin"]


def test_alwrity_pays_by_outcome_in_four_equal_milestones():
    outcomes = catalogues.load("alwrity").outcomes
    assert outcomes is not None
    assert outcomes.goals == ("traffic", "conversion", "engagement", "leads")
    assert [(milestone.percent, milestone.share_bp) for milestone in outcomes.milestones] == [
        (25, 2500),
        (50, 2500),
        (75, 2500),
        (100, 2500),
    ]


def test_days_of_trial_are_those_of_the_catalogue():
    assert {name: catalogues.load(name).trial_days for name in DOCUMENTS} == {
        "alin": 14,
        "ai-la": 14,
        "teach-charlie": 14,
        "alwrity": 0,
        "ai-mentor": 0,
    }


def test_meters_of_planned_features_are_known_as_planned():
    assert catalogues.load("alin").planned_meters == {"websites"}
    assert catalogues.load("ai-la").planned_meters == {"generations"}
    assert catalogues.load("ai-mentor").planned_meters == frozenset()

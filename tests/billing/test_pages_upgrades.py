"""A refusal leads on: the smallest plan that lifts it, its price and what it gives, or whom to ask."""

from datetime import UTC, datetime

import pytest

from billing import offers
from billing.entitlements import services as entitlements
from billing.offers import Refused
from billing.plans import queries as plans
from billing.plans.models import Plan
from billing.presenters.plans import Words
from tests import factories
from tests.billing.entitled import make_plan, set_account
from usage.features.keys import Feature
from usage.limits import windows
from usage.models import Counter, Limit

pytestmark = pytest.mark.django_db
CHAT = "/w/acme/chat/"
HTMX = {"HX-Request": "true"}


def text(response) -> str:
    return " ".join(response.content.decode().split())


def line(meter: str = "messages", window: str = "month", subject: str = "workspace") -> dict[str, str]:
    return {"meter": meter, "window": window, "subject": subject}


def limit(amount: int | None, meter: str = "messages", window: str = "month") -> dict[str, object]:
    return {"meter": meter, "window": window, "amount": amount}


def ladder() -> list[Plan]:
    """Each with more; the middle one does not help with images."""
    return [
        make_plan("free", rank=0, sale="free", seats_included=1, limits=[limit(50), limit(10, "images")]),
        make_plan("solo", rank=1, seats_included=1, limits=[limit(500), limit(10, "images")]),
        make_plan("team", rank=2, limits=[limit(None), limit(100, "images")], features=["api_access"]),
        make_plan("firm", rank=3, sale="contact", seats_included=None, limits=[limit(None), limit(None, "images")]),
    ]  # fmt: skip


def find(refused: Refused, *, at: int = 0) -> str:
    steps = ladder()
    words = Words({step.id: () for step in steps})
    offer = offers.find(refused, current=steps[at], offered=steps, words_of=words)
    return offer.plan.key if offer else ""


@pytest.mark.parametrize(
    ("limits", "at", "key"),
    [
        ([line()], 0, "solo"), ([line("images")], 0, "team"), ([line(), line("images")], 0, "team"),
        ([line()], 1, "team"), ([line("images")], 2, "firm"), ([line()], 3, ""),
        # Not of the plan: set by the workspace, or of one person.
        ([line(window="day")], 0, ""), ([line(subject="person")], 0, ""), ([], 0, ""),
    ],
)  # fmt: skip
def test_smallest_plan_that_lifts_every_limit(limits, at, key):
    assert find(Refused("quota_exceeded", limits), at=at) == key


@pytest.mark.parametrize(
    ("refused", "at", "key"),
    [
        (Refused("feature_not_included", feature="api_access"), 0, "team"),
        (Refused("feature_not_included", feature="sso"), 0, ""),
        (Refused("seats_full"), 1, "team"), (Refused("seats_full"), 2, "firm"),
    ],
)  # fmt: skip
def test_plan_that_has_the_feature_and_plan_with_more_seats(refused, at, key):
    assert find(refused, at=at) == key


def test_gains_are_told_with_what_there_is_now(settings):
    offered = plans.list_offered()
    words = Words.of(offered)
    free, pro, team = offered[:3]
    assert offers.gains(free, pro, words) == [
        "Unlimited messages a month, instead of 50",
        "100 images a month, instead of 10",
        "Advanced memory",
        "Voice: speech and transcription over the API",
    ]
    assert offers.gains(pro, team, words) == [
        "5 people", "500 images a month, instead of 100", "Shared workspace",
        "Admin controls: own limits, stops, spend alarms", "Your own API keys of providers",
    ]  # fmt: skip
    planned = offers.gains(None, team, words)
    assert "Unlimited websites a month" not in planned and "Voice conversations" not in planned


# pages


@pytest.fixture
def used_up(acme):
    """Acme on the free plan, with all of its messages used; more than one person may write all the same."""
    set_account(acme.id)
    entitlements.refresh(acme.id)
    row = Limit.objects.get(workspace_id=acme.id, source="plan", meter="messages")
    start = windows.starts(zone="UTC", at=datetime.now(UTC), anchor_day=acme.billing_day)[row.window]
    Counter.objects.update_or_create(
        workspace_id=acme.id, subject_kind="workspace", subject_id="", meter="messages", window=row.window,
        window_start=start, defaults={"used": row.amount, "held": 0},
    )  # fmt: skip
    factories.give_rights(acme.id)
    return row


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_owner_is_offered_the_plan_with_price_and_gain(used_up, owner, headers):
    response = owner.browser().post(CHAT, {"text": "Hello"}, headers=headers)
    page = text(response)
    assert response.status_code == 402
    assert ("<dialog" in page) == bool(headers)
    assert '<strong>Pro</strong> <span class="muted">$20 a month</span>' in page
    assert "Unlimited messages a month, instead of 50" in page
    assert 'href="/w/acme/billing/plans/?plan=pro&amp;interval=month"' in page and "Upgrade to Pro" in page
    assert "Only an owner" not in page


@pytest.mark.parametrize("role", ["member", "admin"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "dialog"])
def test_others_are_told_whom_to_ask(request, used_up, role, headers):
    person = request.getfixturevalue(role)
    page = text(person.browser().post(CHAT, {"text": "Hello"}, headers=headers))
    assert "<strong>Pro</strong>" in page
    assert "Only an owner changes the plan: ask owner." in page
    assert "/billing/plans/" not in page and "Upgrade to" not in page


def test_chosen_plan_of_the_offer_is_chosen_on_the_page_it_leads_to(used_up, owner):
    page = text(owner.browser().get("/w/acme/billing/plans/?plan=pro&interval=month"))
    assert 'name="plan" value="pro" checked' in page


def test_api_keeps_its_address_for_people(used_up, acme, member):
    factories.give_rights(acme.id, *Feature.values)
    client = factories.with_key(factories.make_key(member.member))
    body = client.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json").json()
    assert (body["code"], body["title"]) == ("quota_exceeded", "A limit is reached")
    assert body["upgrade_url"] == "http://127.0.0.1:8000/w/acme/billing/"


LIMIT = {"meter": "messages", "window": "day", "amount": "5"}


def test_missing_feature_has_the_same_way_up(acme, owner, member):
    set_account(acme.id)
    entitlements.refresh(acme.id)
    data = LIMIT | {"subject": f"person:{member.member.person_ref}"}
    response = owner.browser().post("/w/acme/usage/limits/", data)
    page = text(response)
    assert response.status_code == 402 and "<h1>Not part of the plan</h1>" in page
    assert 'href="/w/acme/billing/plans/?plan=team&amp;interval=month"' in page


def test_dialog_of_a_missing_feature_offers_the_plan_too(rf, acme, owner):
    from config import errors
    from usage.features.queries import FeatureNotIncluded

    set_account(acme.id)
    request = rf.post(CHAT)
    request.htmx, request.workspace, request.member = True, acme, owner.member
    error = FeatureNotIncluded("API access: not part of the plan.", data={"feature": "shared_workspace"})
    page = text(errors.render(request, error))
    assert "<dialog" in page and "Upgrade to Team" in page and "API access: not part of the plan." in page
    assert "What you typed" not in page and "Back to what I typed" not in page


def test_plan_that_is_asked_for_leads_to_the_form(acme, owner):
    team = plans.get_plan("team")
    set_account(acme.id, plan=team, status="active", subscription_id="sub_1", interval="month")
    refused = Refused("seats_full")
    up = offers.way_up(owner.member, acme, refused, on_own_domain=False)
    assert up is not None
    assert (up.offer.plan.key, up.url, up.label) == (
        "enterprise", "/enquiry/?plan=enterprise", "Ask us about Enterprise",
    )  # fmt: skip


def test_yearly_subscriber_is_shown_yearly_prices(acme, owner):
    pro = plans.get_plan("pro")
    set_account(acme.id, plan=pro, status="active", subscription_id="sub_1", interval="year")
    up = offers.way_up(owner.member, acme, Refused("seats_full"), on_own_domain=False)
    assert up is not None and up.url == "/w/acme/billing/plans/?plan=team&interval=year"
    assert (up.offer.card.price, up.offer.card.per) == ("$500", "a year")


@pytest.mark.parametrize(
    "code", ["quota_busy", "stopped", "workspace_restricted", "not_found", "model_unpriced"]
)
def test_what_no_plan_lifts_offers_none(acme, owner, code, assert_queries):
    with assert_queries(0):
        assert offers.way_up(owner.member, acme, Refused(code, [line()]), on_own_domain=False) is None


@pytest.mark.parametrize(("role", "leads"), [("owner", True), ("admin", True), ("member", False)])
def test_read_only_workspace_leads_to_billing_who_may_see_it(request, acme, role, leads):
    person = request.getfixturevalue(role)
    factories.give_rights(acme.id, restricted="payment_overdue")
    response = person.browser().post(CHAT, {"text": "Hello"})
    page = text(response)
    assert response.status_code == 402 and "<h1>This workspace is read-only</h1>" in page
    assert ('href="/w/acme/billing/" class="button button-primary"' in page) == leads

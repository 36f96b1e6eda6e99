"""What every page tells about the plan, to whom, and with which way out."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import banners
from billing.subscriptions import charges
from tenants import audit
from tests import factories
from tests.billing import lives
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Limit, QuotaNotice

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
GRACE = datetime(2026, 3, 17, tzinfo=UTC)
CARD = {"id": "pm_1", "type": "card", "last4": "4242"}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(charges, "_ask", lambda account: None)


def told(person, acme) -> list[tuple[str, str, str]]:
    found = banners.list_banners(person.member, acme, now=NOW)
    return [
        (banner.title, banner.label, banner.posts_to or banner.url or banner.leads_to) for banner in found
    ]


def text(response) -> str:
    return " ".join(response.content.decode().split())


STATES = [
    ({"status": "active"}, []),
    ({"status": "past_due", "grace_ends_at": GRACE}, [("A payment failed", "Update card", "billing-portal")]),
    ({"status": "past_due", "action_url": "https://pay.test/3ds"},
     [("A payment has to be confirmed", "Confirm payment", "https://pay.test/3ds")]),
    ({"status": "past_due", "restricted_at": NOW},
     [("This workspace is read-only", "Update card", "billing-portal")]),
    ({"status": "past_due", "restricted_at": NOW, "action_url": "https://pay.test/3ds"},
     [("This workspace is read-only", "Confirm payment", "https://pay.test/3ds")]),
    ({"status": "active", "action_url": "https://pay.test/3ds"},
     [("A payment has to be confirmed", "Confirm payment", "https://pay.test/3ds")]),
    ({"status": "active", "cancels_at": GRACE}, [("Pro ends on 17 March 2026", "Resume", "billing-resume")]),
    ({"status": "canceled", "cancels_at": GRACE}, []),
    ({"status": "trialing", "trial_ends_at": NOW + timedelta(days=8)}, []),
    ({"status": "trialing", "trial_ends_at": NOW + timedelta(days=7)},
     [("The trial ends in 7 days", "Add a card", "billing-portal")]),
    ({"status": "trialing", "trial_ends_at": NOW + timedelta(hours=2), "payment_method": CARD},
     [("The trial ends in 1 day", "See billing", "billing")]),
    ({"status": "trialing", "trial_ends_at": NOW - timedelta(hours=2)}, []),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected"), STATES)
def test_owner_is_told_with_a_way_out(acme, owner, fields, expected):
    lives.subscribed(acme, **fields)
    assert told(owner, acme) == expected


@pytest.mark.parametrize("fields", [fields for fields, expected in STATES if expected])
def test_admin_is_told_and_led_to_what_they_may_see(acme, admin, fields):
    lives.subscribed(acme, **fields)
    ((_, label, leads_to),) = told(admin, acme)
    assert (label, leads_to) in [("See billing", "billing"), ("", "")]


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_others_are_told_only_that_they_cannot_write(request, acme, role):
    person = request.getfixturevalue(role)
    lives.subscribed(acme, status="past_due", grace_ends_at=GRACE)
    assert told(person, acme) == []
    lives.subscribed(acme, status="past_due", restricted_at=NOW)
    assert told(person, acme) == [("This workspace is read-only", "", "")]


def test_who_is_beyond_the_seats_is_told_and_so_is_the_owner(acme, owner, viewer):
    factories.give_rights(acme.id, seats=3)
    assert told(viewer, acme) == [("You can only read here at the moment", "", "")]
    assert told(owner, acme) == [("More people than the plan has room for", "Change plan", "billing-plans")]


def test_grace_date_and_button_stand_on_every_page(acme, owner):
    lives.subscribed(acme, status="past_due", grace_ends_at=GRACE)
    client = owner.browser()
    for path in ("", "chat/", "usage/", "billing/"):
        page = text(client.get(f"/w/acme/{path}"))
        assert "Everything works until 17 March 2026; then the workspace is read-only." in page, path
        form = page.split('class="alert-actions"')[1].split("</form>")[0]
        assert 'action="/w/acme/billing/portal/"' in form and 'name="flow" value="card"' in form


def test_banners_cost_one_query_beside_the_rights(acme, owner, assert_queries):
    lives.subscribed(acme, status="past_due")
    banners.list_banners(owner.member, acme, now=NOW)
    with assert_queries(1):
        banners.list_banners(owner.member, acme, now=NOW)


@pytest.mark.parametrize(
    ("changed", "override", "is_told"),
    [(10, None, True), (11, None, False), (None, None, False), (11, 10, True), (10, 11, False)],
)
def test_notice_of_a_limit_that_was_raised_since_is_told_no_more(acme, owner, changed, override, is_told):
    row = limits.set_limit(
        workspace_id=acme.id,
        spec=LimitSpec("messages", "day", 10),
        source=Limit.Source.PLAN,
        actor=audit.SYSTEM,
    )
    start = datetime.now(UTC).date()
    QuotaNotice.objects.create(
        workspace_id=acme.id, limit=row, window_start=start, line="block", used=10, amount=10
    )
    Limit.objects.filter(pk=row.pk).update(amount=changed)
    if override:
        limits.override(
            limit=row, amount=override, reason="A test", expires_at=datetime.now(UTC) + timedelta(days=1),
            actor=audit.SYSTEM,
        )  # fmt: skip
    page = text(owner.browser().get("/w/acme/"))
    assert ("Messages used up" in page) == is_told
    assert ('<a href="/w/acme/billing/plans/">see larger plans</a>' in page) == is_told


def test_account_of_another_workspace_tells_nothing_here(acme, globex, owner):
    lives.subscribed(globex, status="past_due")
    assert told(owner, acme) == []

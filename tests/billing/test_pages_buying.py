"""Choosing, paying, changing and ending by pages: what is handed to the services, and what people are told."""

from datetime import UTC, datetime

import pytest

from billing.entitlements.services import Misfit
from billing.plans.models import Plan
from billing.presenters import preview as presenters
from billing.subscriptions import charges, previews, refusals, returns, services, trials
from billing.subscriptions.models import Checkout
from billing.subscriptions.services import Changed
from tests.billing import lives

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/billing/"
LATER = datetime(2026, 4, 1, tzinfo=UTC)
CHOICE = {"plan": "pro", "interval": "year", "seats": "3", "quote": "signed"}


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(charges, "_ask", lambda account: None)


@pytest.fixture
def asked(monkeypatch):
    """What the services were asked for; each answers as if all went well."""
    calls: dict[str, dict] = {}

    def answer(name: str, value: object = None):
        def call(*, member, **wish):
            assert member.role == "owner"
            calls[name] = wish
            return value

        monkeypatch.setattr(services, name, call)

    answer("start_checkout", "https://checkout.stripe.com/c/pay/cs_1")
    answer("open_portal", "https://billing.stripe.com/p/session_1")
    answer("change_plan", Changed("now"))
    for name in ("start_trial", "cancel", "resume", "cancel_scheduled"):
        answer(name)
    return calls


# to the payment service


def test_checkout_goes_to_the_payment_service_with_the_choice(asked, owner):
    response = owner.browser().post(f"{PAGE}checkout/", CHOICE | {"trial": "1", "promotion_code": " SPRING "})
    assert (response.status_code, response["Location"]) == (303, "https://checkout.stripe.com/c/pay/cs_1")
    assert asked == {
        "start_checkout": {
            "plan_key": "pro", "interval": "year", "seats": 3, "trial": True, "promotion_code": "SPRING", "deal": "",
        }
    }  # fmt: skip


def test_deal_is_bought_by_the_same_form(asked, owner):
    owner.browser().post(f"{PAGE}checkout/", {"plan": "pro", "deal": "beta"})
    assert asked["start_checkout"] == {
        "plan_key": "pro", "interval": "month", "seats": None, "trial": False, "promotion_code": "", "deal": "beta",
    }  # fmt: skip


def test_policy_of_the_browser_lets_the_form_lead_to_payment(settings):
    allowed = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"]
    assert {"'self'", settings.BASE_URL, "https://checkout.stripe.com", "https://billing.stripe.com"} == set(
        allowed
    )


@pytest.mark.parametrize(
    "data", [{}, {"plan": "pro", "interval": "week"}, {"plan": "pro", "seats": "0"}, {"plan": "p" * 41}]
)
@pytest.mark.parametrize("page", ["checkout", "trial", "plans"])
def test_choice_that_cannot_be_read_asks_nobody(asked, owner, page, data):
    response = owner.browser().post(f"{PAGE}{page}/", data)
    assert response.status_code == 422 and "Choose the plan again" in text(response)
    assert asked == {}


@pytest.mark.parametrize("page", ["checkout", "trial", "portal", "plans", "cancel", "resume", "keep"])
def test_admins_change_nothing(asked, admin, page):
    response = admin.browser().post(f"{PAGE}{page}/", CHOICE | {"reason": "unused"})
    assert response.status_code == 403
    assert asked == {}


def test_trial_begins_without_a_card(asked, owner):
    response = owner.browser().post(f"{PAGE}trial/", {"plan": "pro"})
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert asked == {"start_trial": {"plan_key": "pro", "interval": "month"}}


@pytest.mark.parametrize("flow", ["", "card", "cancel"])
def test_portal_opens_where_it_was_asked_for(asked, owner, flow):
    response = owner.browser().post(f"{PAGE}portal/", {"flow": flow})
    assert (response.status_code, response["Location"]) == (303, "https://billing.stripe.com/p/session_1")
    assert asked == {"open_portal": {"flow": flow}}


# back from it


def checkout_of(workspace, **fields) -> Checkout:
    values = {
        "session_id": "cs_1", "workspace_id": workspace.id, "plan": lives.plan("pro"), "interval": "month",
        "person_ref": workspace.id, "fingerprint": "x",
    } | fields  # fmt: skip
    return Checkout.objects.create(**values)


def test_page_waits_and_asks_again_with_and_without_scripts(acme, owner):
    checkout_of(acme)
    client = owner.browser()
    page = text(client.get(f"{PAGE}done/?session_id=cs_1"))
    assert "The payment service is about to confirm Pro." in page
    assert f'hx-get="{PAGE}done/?session_id=cs_1&amp;polls=1" hx-trigger="every 1500ms"' in page
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in page
    fragment = text(client.get(f"{PAGE}done/?session_id=cs_1&polls=14", headers={"HX-Request": "true"}))
    assert "<html" not in fragment and "It takes longer than usual." in fragment


@pytest.mark.parametrize(
    ("outcome", "title"),
    [
        ("done", "Welcome to Pro"),
        ("failed", "The payment is not finished"),
        ("expired", "This checkout is over"),
    ],
)
def test_page_says_what_became_of_it_and_asks_no_more(acme, owner, outcome, title):
    checkout_of(acme, outcome=outcome)
    page = text(owner.browser().get(f"{PAGE}done/?session_id=cs_1"))
    assert f"<h1>{title}</h1>" in page
    assert "hx-trigger" not in page and "refresh" not in page


def test_page_that_waited_is_loaded_anew_so_that_nothing_old_stands_on_it(acme, owner):
    checkout_of(acme, outcome="done")
    response = owner.browser().get(f"{PAGE}done/?session_id=cs_1&polls=3", headers={"HX-Request": "true"})
    assert response["HX-Refresh"] == "true" and response.content == b""


def test_plan_that_runs_is_done(acme, owner):
    checkout_of(acme)
    lives.subscribed(acme, effective_plan=lives.plan("pro"))
    assert "Welcome to Pro" in text(owner.browser().get(f"{PAGE}done/?session_id=cs_1"))


@pytest.mark.parametrize("session_id", ["cs_2", "made-up"])
def test_checkout_of_another_workspace_is_not_there(acme, globex, owner, session_id):
    checkout_of(globex, session_id="cs_2")
    assert owner.browser().get(f"{PAGE}done/?session_id={session_id}").status_code == 404


def test_address_without_a_checkout_leads_to_billing(owner):
    assert owner.browser().get(f"{PAGE}done/")["Location"] == PAGE


def test_bank_that_wants_a_confirmation_is_led_to(acme, owner, monkeypatch):
    waiting = returns.CheckoutState("failed", "pro", "Pro", "https://pay.test/3ds")
    monkeypatch.setattr(returns, "checkout_state", lambda workspace_id, session_id: waiting)
    assert 'href="https://pay.test/3ds"' in text(owner.browser().get(f"{PAGE}done/?session_id=cs_1"))


# choosing


def made(**fields) -> previews.Preview:
    values = {
        "plan_key": "team", "plan_name": "Team", "interval": "month", "quantity": 1, "currency": "usd", "when": "now",
        "lines": [
            previews.Line("Unused time on Pro", -1333, True), previews.Line("Remaining time on Team", 3333, True),
        ],
        "due_now_minor": 2000, "credit_minor": 0, "next_minor": 5000, "next_at": LATER, "changes_at": None,
        "quote": "signed",
    } | fields  # fmt: skip
    return previews.Preview(**values)


def test_upgrade_shows_lines_what_is_due_now_and_the_next_charge():
    shown = presenters.of_change(made(), zone="UTC")
    assert [(line.text, line.amount) for line in shown.lines] == [
        ("Unused time on Pro", "−$13.33"), ("Remaining time on Team", "$33.33"),
    ]  # fmt: skip
    assert (shown.action, shown.due_now, shown.quote) == ("change", "$20.00", "signed")
    assert shown.next == "Next charge: $50.00 on 1 April 2026."
    assert shown.action_label == "Change and pay"


def test_downgrade_says_when_and_what_will_not_fit(monkeypatch, acme, owner):
    lives.subscribed(acme, effective_plan=lives.plan("team"))
    misfit = Misfit("seats", 4, 1, "4 people are here, and Pro holds 1.")
    preview = made(
        plan_name="Pro", when="period_end", lines=[], due_now_minor=0, changes_at=LATER, misfits=[misfit]
    )
    monkeypatch.setattr(services, "preview_change", lambda **wish: preview)
    page = text(owner.browser().get(f"{PAGE}plans/?plan=pro"))
    assert "What does not fit into Pro" in page and "4 people are here, and Pro holds 1." in page
    assert "Nothing is deleted." in page
    assert "The present plan stays until 1 April 2026" in page and "Schedule the change" in page
    assert "Due now" not in page


def test_what_was_seen_is_what_is_confirmed(asked, acme, owner, monkeypatch):
    lives.subscribed(acme)
    monkeypatch.setattr(services, "preview_change", lambda **wish: made())
    page = text(owner.browser().get(f"{PAGE}plans/?plan=team"))
    assert '<input type="hidden" name="quote" value="signed">' in page
    response = owner.browser().post(f"{PAGE}plans/", CHOICE)
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert asked == {"change_plan": {"plan_key": "pro", "interval": "year", "seats": 3, "quote": "signed"}}


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("now", "The plan is changed."), ("period_end", "The change is scheduled."),
        ("needs_confirmation", "Your bank wants you to confirm the payment."),
    ],
)  # fmt: skip
def test_outcome_of_a_change_is_told(monkeypatch, acme, owner, outcome, words):
    url = "https://pay.test/3ds" if outcome == "needs_confirmation" else ""
    monkeypatch.setattr(services, "change_plan", lambda **wish: Changed(outcome, url))
    page = text(owner.browser().post(f"{PAGE}plans/", CHOICE, follow=True))
    assert words in page


def test_first_purchase_offers_a_trial_until_it_was_had(acme, owner, monkeypatch):
    page = text(owner.browser().get(f"{PAGE}plans/?plan=pro&interval=year"))
    assert f'action="{PAGE}checkout/"' in page and "$200.00" in page
    assert "Try it for 14 days" in page and f'action="{PAGE}trial/"' in page
    monkeypatch.setattr(trials, "refusal", lambda member, plan: "trial_used_here")
    page = text(owner.browser().get(f"{PAGE}plans/?plan=pro&interval=year"))
    assert "Continue to payment" in page and "Try it" not in page and f'action="{PAGE}trial/"' not in page


def test_htmx_gets_only_what_changes(acme, owner):
    fragment = text(owner.browser().get(f"{PAGE}plans/?plan=pro", headers={"HX-Request": "true"}))
    assert fragment.startswith('<section id="preview"') and "plan-options" not in fragment


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("plan=enterprise", "Limits and price are agreed with you."), ("plan=free", "Free costs nothing"),
        ("", "Choose a plan to see what changes."), ("plan=no-such", "Choose a plan to see what changes."),
        ("plan=pro&seats=-1&interval=week", "$20.00"), ("deal=beta", "You pay once"),
    ],
)  # fmt: skip
def test_other_choices(acme, owner, query, words):
    assert words in text(owner.browser().get(f"{PAGE}plans/?{query}"))


def test_deal_that_is_sold_out_cannot_be_bought(acme, owner, monkeypatch):
    from billing.deals import queries as deals

    monkeypatch.setattr(deals, "count_remaining", lambda key: 0)
    page = text(owner.browser().get(f"{PAGE}plans/?deal=beta"))
    assert "All are sold" in page and f'action="{PAGE}checkout/"' not in page


def test_present_plan_changes_nothing(acme, owner, monkeypatch):
    def unchanged(**wish):
        raise refusals.PlanUnchanged()

    lives.subscribed(acme)
    monkeypatch.setattr(services, "preview_change", unchanged)
    page = text(owner.browser().get(f"{PAGE}plans/?plan=pro"))
    assert "This is your plan" in page and '<form method="post" action="/w/acme/billing/plans/"' not in page


def test_refusal_that_can_be_foreseen_stands_where_the_preview_would(acme, owner):
    lives.subscribed(acme, interval="month", status="past_due")
    response = owner.browser().get(f"{PAGE}plans/?plan=team")
    assert response.status_code == 200
    assert "An invoice of this workspace is unpaid." in text(response)


def test_going_back_to_free_is_cancelling(acme, owner):
    lives.subscribed(acme, effective_plan=lives.plan("pro"))
    page = text(owner.browser().get(f"{PAGE}plans/?plan=free"))
    assert f'href="{PAGE}cancel/"' in page and "goes back to Free" in page


def test_admin_sees_what_changes_and_no_button(acme, admin):
    page = text(admin.browser().get(f"{PAGE}plans/?plan=pro"))
    assert "An owner of this workspace can change the plan." in page
    assert f"{PAGE}checkout/" not in page and f"{PAGE}trial/" not in page


# ending


def test_cancelling_asks_why_and_says_until_when_and_what_will_not_fit(asked, acme, owner):
    lives.subscribed(acme, period_end=LATER, effective_plan=lives.plan("pro"))
    client = owner.browser()
    page = text(client.get(f"{PAGE}cancel/"))
    assert "<h1>Cancel Pro</h1>" in page and "until 1 April 2026" in page
    assert "What does not fit into Free" in page
    refused = client.post(f"{PAGE}cancel/", {"comment": "Because"})
    assert refused.status_code == 422 and asked == {}
    done = client.post(f"{PAGE}cancel/", {"reason": "unused", "comment": "Because"})
    assert (done.status_code, done["Location"]) == (302, PAGE)
    assert asked == {"cancel": {"reason": "unused", "comment": "Because"}}


def test_what_does_not_run_or_is_ending_cannot_be_cancelled_again(acme, owner):
    assert owner.browser().get(f"{PAGE}cancel/")["Location"] == PAGE
    lives.subscribed(acme, cancels_at=LATER)
    assert owner.browser().get(f"{PAGE}cancel/")["Location"] == PAGE


@pytest.mark.parametrize(("page", "service"), [("resume", "resume"), ("keep", "cancel_scheduled")])
def test_taking_back(asked, owner, page, service):
    response = owner.browser().post(f"{PAGE}{page}/")
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert asked == {service: {}}


def test_plans_that_are_asked_for_cannot_be_checked_out(owner):
    assert Plan.objects.filter(key="enterprise", sale="contact").exists()
    assert owner.browser().post(f"{PAGE}checkout/", {"plan": "enterprise"}).status_code == 422

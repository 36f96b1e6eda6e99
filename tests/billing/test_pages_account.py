"""What a workspace sees of its plan: in words, for who may see it, at the same cost however much there is."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import transaction

from billing import log
from billing.presenters import account as presenters
from billing.presenters import log as log_presenters
from billing.subscriptions import charges, describe, queries
from billing.subscriptions.models import BillingEvent
from billing.subscriptions.queries import InvoiceRow
from tests import factories
from tests.billing import lives
from tests.test_queries import assert_alike, count

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/billing/"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LATER = datetime(2026, 4, 1, tzinfo=UTC)
CARD = {"id": "pm_1", "type": "card", "brand": "visa", "last4": "4242", "exp_month": 4, "exp_year": 2026}


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """The next charge is estimated: the payment service is not there."""
    monkeypatch.setattr(charges, "_ask", lambda account: None)


def view(acme, **fields) -> presenters.AccountView:
    account = lives.subscribed(
        acme, interval="month", period_end=LATER, effective_plan=lives.plan("pro"), **fields
    )
    found = describe.describe(account.workspace_id, now=NOW)
    return presenters.present(found, free_name="Free", zone="UTC")


def test_active_plan(acme):
    shown = view(acme, payment_method=CARD)
    assert (shown.plan_name, shown.interval, shown.status, shown.tone) == (
        "Pro",
        "monthly",
        "Active",
        "success",
    )
    assert shown.sentence == "Renews on 1 April 2026."
    assert shown.next_charge == "About $20.00 on 1 April 2026"
    assert shown.payment_method == "Visa ending in 4242, valid until 04/2026"
    assert shown.is_payment_method_expiring
    assert (shown.can_cancel, shown.can_resume, shown.owes) == (True, False, False)


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"cancels_at": LATER}, "Cancelled",
         "It ends on 1 April 2026. Then the workspace goes back to Free; nothing is deleted."),
        ({"status": "trialing", "trial_ends_at": NOW + timedelta(days=2, hours=1)}, "Trial",
         "It ends on 12 March 2026, in 3 days. Without a card the workspace goes back to Free then."),
        ({"status": "trialing", "trial_ends_at": NOW + timedelta(hours=1), "payment_method": CARD}, "Trial",
         "It ends on 10 March 2026, in 1 day. Then the first payment is taken."),
        ({"status": "past_due", "grace_ends_at": datetime(2026, 3, 17, tzinfo=UTC)}, "Payment failed",
         "The last payment did not go through. Everything works until 17 March 2026; then the workspace is read-only."),
        ({"status": "past_due", "restricted_at": NOW}, "Read-only",
         "A payment is missing and the days of grace are over. Everything can be read and nothing is deleted; "
         "a payment opens the workspace again at once."),
        ({"status": "incomplete"}, "Payment not finished",
         "The plan begins as soon as the first payment has gone through."),
        ({"status": "canceled"}, "Ended", "The subscription has ended. You can begin a new one at any time."),
        ({"status": "none", "subscription_id": ""}, "No subscription", "Nothing is charged."),
    ],
)  # fmt: skip
def test_each_state_in_words(acme, fields, status, sentence):
    shown = view(acme, **fields)
    assert (shown.status, shown.sentence) == (status, sentence)


def test_what_is_owed_comes_before_another_charge(acme):
    shown = view(acme, status="past_due")
    assert (shown.owes, shown.next_charge) == (True, "")


@pytest.mark.parametrize(
    ("minor", "words"),
    [
        (-1000, "$10.00 of credit, taken off the next invoices"),
        (250, "$2.50, added to the next invoice"),
        (0, ""),
    ],
)
def test_balance_in_words(acme, minor, words):
    assert view(acme, balance_minor=minor).balance == words


def test_change_to_come_can_be_taken_back(acme, owner):
    lives.subscribed(
        acme, period_end=LATER, pending_plan=lives.plan("team"), pending_interval="year", pending_at=LATER
    )
    page = text(owner.browser().get(PAGE))
    assert "Team, yearly, from 1 April 2026 on" in page
    assert f'action="{PAGE}keep/"' in page


def test_owner_gets_what_changes_something_and_an_admin_only_sees(acme, owner, admin):
    lives.subscribed(acme, interval="month", period_end=LATER, payment_method=CARD)
    mine, theirs = (text(person.browser().get(PAGE)) for person in (owner, admin))
    for piece in (f'href="{PAGE}plans/"', f'action="{PAGE}portal/"', f'href="{PAGE}cancel/"'):
        assert piece in mine and piece not in theirs
    assert "Visa ending in 4242" in theirs


@pytest.mark.parametrize("role", ["member", "viewer"])
@pytest.mark.parametrize("path", ["", "plans/", "invoices/", "log/", "contracts/", "done/?session_id=x"])
def test_members_and_viewers_are_told_that_they_may_not(request, role, path):
    person = request.getfixturevalue(role)
    assert person.browser().get(PAGE + path).status_code == 403
    assert f'href="{PAGE}"' not in text(person.browser().get("/w/acme/"))


def test_payment_that_waits_for_the_bank_is_led_to(acme, owner, admin):
    lives.subscribed(acme, action_url="https://pay.test/3ds")
    assert 'href="https://pay.test/3ds"' in text(owner.browser().get(PAGE))
    assert "https://pay.test/3ds" not in text(admin.browser().get(PAGE))


def test_page_shows_usage_against_limits_and_where_more_is(acme, owner):
    page = text(owner.browser().get(PAGE))
    assert 'id="meters"' in page and "of 500" in page
    for name in ("log/", "invoices/", "referrals/"):
        assert f'href="{PAGE}{name}"' in page


def row(number: int, **fields) -> InvoiceRow:
    values = {
        "id": f"in_{number}", "number": f"AC-{number:04}", "status": "paid", "currency": "usd", "total_minor": 2000,
        "paid_minor": 2000, "due_minor": 0, "created_at": NOW, "due_at": None, "hosted_url": f"https://pay.test/{number}",
        "pdf_url": f"https://pay.test/{number}.pdf",
    }  # fmt: skip
    return InvoiceRow(**values | fields)


def test_invoices_have_their_paper_and_open_ones_a_way_to_pay(monkeypatch, owner, admin):
    rows = [row(2, status="open"), row(1)]
    monkeypatch.setattr(queries, "list_invoices", lambda workspace_id, most=24: rows)
    page = text(owner.browser().get(f"{PAGE}invoices/"))
    assert 'href="https://pay.test/1.pdf"' in page and 'href="https://pay.test/2.pdf"' in page
    assert 'href="https://pay.test/2"' in page and 'href="https://pay.test/1"' not in page
    assert 'href="https://pay.test/2"' not in text(admin.browser().get(f"{PAGE}invoices/"))


def test_what_is_to_be_paid_stands_first_for_who_can_pay(monkeypatch, owner, admin):
    rows = [row(3, status="open", total_minor=2050), row(2)]
    monkeypatch.setattr(queries, "list_invoices", lambda workspace_id, most=24: rows)
    page = text(owner.browser().get(PAGE))
    assert "$20.50 of invoice AC-0003 is to be paid" in page
    assert page.index("Pay now") < page.index("Used so far")
    assert "Pay now" not in text(admin.browser().get(PAGE))


def test_overview_shows_the_newest_five_invoices(monkeypatch, owner):
    rows = [row(number) for number in range(9, 0, -1)]
    monkeypatch.setattr(queries, "list_invoices", lambda workspace_id, most=24: rows[:most])
    page = text(owner.browser().get(PAGE))
    assert "AC-0005" in page and "AC-0004" not in page and "All invoices" in page


# the log


def record(workspace, kind: str = "plan.changed", **fields) -> BillingEvent:
    with transaction.atomic():
        return log.record(kind, workspace_id=workspace.id, **fields)


def test_log_says_what_happened_by_whom_and_without_ids(acme, owner):
    record(
        acme, "plan.changed", actor_ref=owner.member.person_ref, cause="evt_1", plan="pro", amount_minor=2000,
        subscription_id="sub_1", was="",
    )  # fmt: skip
    page = text(owner.browser().get(f"{PAGE}log/"))
    assert "Plan: changed" in page and "plan pro" in page and "amount $20.00" in page
    assert "<td>owner</td>" in page and "evt_1" in page and "sub_1" not in page


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"changes": {"status": ["active", "past_due"], "subscription_id": ["", "sub_1"]}}, "status active → past due"),
        ({"changes": {"cancels_at": ["", "2026-04-01 00:00:00+00:00"]}}, "cancels none → 1 April 2026"),
        ({"changes": {"plan": ["", "3f1c9a52-7d0e-4b57-9f50-000000000000"], "quantity": ["1", "5"]}}, "quantity 1 → 5"),
        ({"changes": {"balance_minor": ["0", "-1000"]}}, "balance $0.00 → −$10.00"),
        ({"changes": {"payment_method": ["{}", "{'id': 'pm_1'}"]}}, ""), ({"changes": ["x"]}, ""),
        ({"invoice": "in_sPsG4y9Xsaosih6erTHJHn1o", "amount_minor": 500, "currency": "eur"}, "amount €5.00"),
        ({"plan": "team", "was": "", "trial": False, "quantity": 1200}, "plan team, trial no, quantity 1,200"),
    ],
)  # fmt: skip
def test_details_are_words_numbers_dates_and_amounts(data, said):
    assert log_presenters.details(data) == said


def test_log_is_of_this_workspace_only(acme, globex, owner, globex_owner):
    theirs = record(globex, "plan.cancelled")
    record(acme, "plan.resumed")
    client = owner.browser()
    page = text(client.get(f"{PAGE}log/"))
    assert "Plan: resumed" in page and "Plan: cancelled" not in page
    # An entry of another workspace is no place to go on from.
    assert "Nothing here" in text(client.get(f"{PAGE}log/?before={theirs.id}"))


def test_log_is_filtered_by_what_it_is_about_and_strange_wishes_show_all(acme, owner):
    record(acme, "plan.changed")
    record(acme, "invoice.paid", amount_minor=5)
    client = owner.browser()
    only = text(client.get(f"{PAGE}log/?about=invoice"))
    assert "Invoice: paid" in only and "Plan: changed" not in only
    assert "Plan: changed" in text(client.get(f"{PAGE}log/?about=%25&before=x"))


def test_pages_of_the_log_go_on_where_they_ended(acme, owner):
    made = [record(acme, "plan.changed", number=number) for number in range(51)]
    client = owner.browser()
    first = text(client.get(f"{PAGE}log/?about=plan"))
    assert first.count("Plan: changed") == 50 and "number 0<" not in first
    assert f'href="?about=plan&amp;before={made[1].id}"' in first
    rest = text(client.get(f"{PAGE}log/?about=plan&before={made[1].id}"))
    assert rest.count("Plan: changed") == 1 and "number 0" in rest


def test_every_kind_that_is_recorded_has_a_subject_in_the_filter():
    """What nobody can filter for is easily overlooked: each noun that the source records is named."""
    source = "\n".join(path.read_text() for path in Path("billing").rglob("*.py"))
    kinds = re.findall(r'"([a-z_]+)\.[a-z_]+": \(', Path("billing/stripe/sync.py").read_text())
    assert {"payment_method", "balance", "subscription"} <= set(kinds)
    kinds += re.findall(
        r'(?:log\.record|_settle|_tell|_record)\(\s*(?:account, member, )?"([a-z]+)\.[a-z_]+"', source
    )
    assert len(set(kinds)) > 3
    assert set(kinds) - set(log_presenters.SUBJECTS) == set()


# what it costs


def many(rows: int, path: str):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    lives.subscribed(workspace, interval="month", period_end=LATER, pending_plan=lives.plan("team"))
    for number in range(rows):
        person = factories.join(workspace, factories.make_user(), "member")
        record(workspace, f"plan.change{number}", actor_ref=person.person_ref)
    return factories.sign_in(user), f"/w/{workspace.slug}/billing/{path}"


@pytest.mark.parametrize("path", ["", "log/", "invoices/", "plans/", "referrals/", "contracts/"])
def test_two_rows_and_twenty_cost_the_same(path):
    few, more = (count(*many(rows, path)) for rows in (2, 20))
    assert_alike(few, more)

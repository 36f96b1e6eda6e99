"""The usage page, its live part and its file: who sees what, in how many queries."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import audit
from tests import factories
from tests.usage.books import write_entry
from usage import report
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Counter, Limit
from usage.rollups.queries import Row
from usage.rollups.sums import Figures

PAGE = "/w/acme/usage/"


@pytest.fixture
def spent(db, acme, owner, member):
    now = datetime.now(UTC)
    write_entry(
        now, workspace_id=acme.id, person_ref=owner.member.person_ref, cost_micro=2_000_000, model="big"
    )
    write_entry(now, workspace_id=acme.id, person_ref=member.member.person_ref, cost_micro=1_250_000)
    write_entry(now, cost_micro=77_000_000)


def limit(workspace, **fields) -> Limit:
    spec = LimitSpec(**{"meter": "messages", "window": "day", "amount": 10} | fields)
    return limits.set_limit(
        workspace_id=workspace.id, spec=spec, source=Limit.Source.WORKSPACE, actor=audit.SYSTEM
    )


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_owner_sees_everybodys_usage_by_person(spent, owner, member):
    page = text(owner.browser().get(PAGE + "?by=person"))
    assert "$3.25" in page and "$2.00" in page and "$1.25" in page
    assert "$77" not in page and "$80" not in page
    assert member.user.name in page


def test_member_sees_only_their_own_usage(spent, member, owner):
    client = member.browser()
    page = text(client.get(PAGE + "?by=person"))
    assert "$1.25" in page
    assert "$3.25" not in page and "$2.00" not in page
    assert '<th scope="row">owner</th>' not in page
    exported = client.get(PAGE + "export.csv?by=person").content.decode()
    assert "1250000" in exported and "2000000" not in exported


def test_viewer_sees_the_page_and_strangers_do_not(db, viewer, globex_owner):
    assert viewer.browser().get(PAGE).status_code == 200
    assert globex_owner.browser().get(PAGE).status_code == 404
    assert factories.browser().get(PAGE).status_code == 302


def test_meters_say_used_held_limit_reset_and_who_can_raise(db, acme, owner):
    row = limit(acme, meter="images", window="total", amount=12)
    Counter.objects.create(
        workspace_id=acme.id, subject_kind="workspace", meter="images", window="total",
        window_start="1970-01-01", used=5, held=3,
    )  # fmt: skip
    page = text(owner.browser().get(PAGE + "meters/"))
    assert row.amount == 12
    assert '<strong>5</strong> of 12 <span class="muted">and 3 held</span>' in page
    assert "Does not begin anew" in page
    assert "Raised by an owner, by changing the plan" in page
    assert 'hx-trigger="every 2s"' in page, "something is held"


def test_nothing_held_asks_rarely(db, owner):
    assert 'hx-trigger="every 20s"' in text(owner.browser().get(PAGE + "meters/"))


def test_other_persons_limits_are_not_shown(db, acme, owner, member):
    limit(acme, meter="websites", subject_kind="person", subject_id=str(member.member.person_ref), amount=41)
    limit(acme, meter="websites", subject_kind="person", subject_id=str(owner.member.person_ref), amount=43)
    mine = text(member.browser().get(PAGE))
    assert "of 41" in mine and "of 43" not in mine
    everyones = text(owner.browser().get(PAGE))
    assert "of 41" in everyones and "of 43" in everyones


def test_csv_has_every_figure_and_no_formulas(spent, acme, owner):
    write_entry(datetime.now(UTC), workspace_id=acme.id, model="=HYPERLINK(1)", cost_micro=1)
    response = owner.browser().get(PAGE + "export.csv?by=model&days=7")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "usage-acme-by-model" in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [(row["model"], row["cost_micro"], row["cost"]) for row in rows] == [
        ("big", "2000000", "2.000000"),
        ("gpt-4o-mini", "1250000", "1.250000"),
        ("'=HYPERLINK(1)", "1", "0.000001"),
    ]


@pytest.mark.parametrize(
    "query", ["days=0", "days=x&by=secret&measure=", "by=api_key", "by=project", "by=assistant"]
)
def test_strange_choices_fall_back(spent, owner, query):
    assert owner.browser().get(f"{PAGE}?{query}").status_code == 200


def test_a_year_is_shown_by_week(spent, owner):
    page = text(owner.browser().get(PAGE + "?days=365"))
    assert "Cost by week" in page and '<th scope="col">Week from</th>' in page
    chart = page.split("Cost by week")[1].split("</svg>")[0]
    assert chart.count("<rect") in (53, 54)
    assert '<dd class="stat-value">$3.25</dd>' in page
    assert "Cost by day" in text(owner.browser().get(PAGE + "?days=90"))


def test_weeks_are_the_days_sums():
    days = [
        Row(date(2026, 1, 1) + timedelta(days=number), Figures(cost_micro=number)) for number in range(20)
    ]
    weeks = report.by_week(days)
    assert [(row.key, row.figures.cost_micro) for row in weeks] == [
        (date(2026, 1, 1), 0 + 1 + 2 + 3),
        (date(2026, 1, 5), sum(range(4, 11))),
        (date(2026, 1, 12), sum(range(11, 18))),
        (date(2026, 1, 19), 18 + 19),
    ]


def test_page_has_no_inline_style_or_script(spent, owner):
    page = owner.browser().get(PAGE).content.decode()
    assert " style=" not in page and "<script>" not in page and "onclick" not in page


@pytest.mark.parametrize("by", ["person", "assistant", "model", "api_key"])
def test_two_rows_and_twenty_cost_the_same(db, acme, owner, by):
    client = owner.browser()
    client.get(PAGE)  # what is kept for a while is read
    counts = []
    for rows in (2, 18):
        for number in range(rows):
            write_entry(
                datetime.now(UTC),
                workspace_id=acme.id,
                assistant_id=uuid4(),
                api_key_id=uuid4(),
                model=f"m{number}",
            )
            limit(acme, subject_kind="person", subject_id=str(uuid4()))
            limit(acme, subject_kind="assistant", subject_id=str(uuid4()))
            limit(acme, subject_kind="api_key", subject_id=str(uuid4()))
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{PAGE}?by={by}").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 25

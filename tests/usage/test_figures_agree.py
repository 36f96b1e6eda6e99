"""Page, CSV, REST and ledger say the same figures, in all groupings, for everybody's usage and for one's own."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from tests import factories
from tests.usage.books import fold_all, write_entry
from usage import money
from usage.models import LedgerEntry
from usage.rollups.queries import GroupBy
from usage.rollups.sums import FIGURES

PAGE = "/w/acme/usage/"
API = "/api/v1/"
COUNTED = tuple(name for name in FIGURES if name != "entries")


@pytest.fixture
def spent(db, acme, owner, member, globex_owner, globex):
    """Usage of two people over eight days with a correction, half of it folded, beside a neighbour's and a loss."""
    for ago in range(8):
        at = datetime.now(UTC) - timedelta(days=ago)
        for person, model in ((owner, "gpt-4o"), (member, "gpt-4o-mini")):
            ref = person.member.person_ref
            write_entry(at, workspace_id=acme.id, person_ref=ref, model=model, cost_micro=1_234_567 + ago)
        write_entry(at, workspace_id=globex.id, person_ref=globex_owner.member.person_ref, cost_micro=9_999)
        write_entry(at, workspace_id=acme.id, account="platform", kind="adjustment", cost_micro=8_888)
        if ago == 4:
            fold_all()
    write_entry(
        datetime.now(UTC), workspace_id=acme.id, person_ref=owner.member.person_ref, kind="reversal",
        model="gpt-4o", cost_micro=-1_234_567, messages=-1, input_tokens=-10, output_tokens=-5,
    )  # fmt: skip


def booked(acme, first=None, **fields) -> dict[str, int]:
    """From the ledger's rows, in Python."""
    rows = LedgerEntry.objects.filter(workspace_id=acme.id, account="workspace", **fields)
    rows = [row for row in rows if first is None or row.created_at.date() >= first]
    sums = {name: sum(getattr(row, name) for row in rows) for name in COUNTED}
    return {**sums, "entries": len(rows), "tokens": sums["input_tokens"] + sums["output_tokens"]}


def summed(rows) -> dict[str, int]:
    return {name: sum(int(row[name]) for row in rows) for name in ("tokens", *FIGURES)}


def exported(client, by: str) -> list[dict[str, str]]:
    response = client.get(f"{PAGE}export.csv?days=30&by={by}")
    return list(csv.DictReader(io.StringIO(response.content.decode())))


@pytest.mark.parametrize("by", [group.value for group in GroupBy])
def test_owner_reads_the_ledger_everywhere(spent, acme, owner, by):
    expected = booked(acme)
    client = factories.with_key(factories.make_key(owner.member))
    first = (datetime.now(UTC) - timedelta(days=29)).date().isoformat()
    history = client.get(API + f"usage/history?group_by={by}&from={first}").json()["results"]
    assert summed(history) == expected
    if by != GroupBy.HOUR:
        rows = exported(owner.browser(), by)
        assert summed(rows) == expected
        assert [(row[by], row["cost_micro"]) for row in rows] == [
            (row["key"] or "", str(row["cost_micro"])) for row in history
        ]
    page = owner.browser().get(f"{PAGE}?days=30&by={by}").content.decode()
    for shown in (money.rounded(expected["cost_micro"]), f"{expected['messages']:,}"):
        assert f'<dd class="stat-value">{shown}</dd>' in page


def test_member_reads_their_own_part_of_the_ledger_everywhere(spent, acme, member):
    expected = booked(acme, person_ref=member.member.person_ref)
    client = factories.with_key(factories.make_key(member.member))
    first = (datetime.now(UTC) - timedelta(days=29)).date().isoformat()
    for by in GroupBy:
        history = client.get(API + f"usage/history?group_by={by}&from={first}").json()["results"]
        assert summed(history) == expected, by
    assert summed(exported(member.browser(), "day")) == expected
    page = member.browser().get(f"{PAGE}?days=30").content.decode()
    assert f'<dd class="stat-value">{money.rounded(expected["cost_micro"])}</dd>' in page


def test_current_and_own_usage_are_the_ledgers_month_and_day(spent, acme, owner):
    today = datetime.now(UTC).date()
    client = factories.with_key(factories.make_key(owner.member))
    current = client.get(API + "usage/current").json()
    assert current["month"] == booked(acme, today.replace(day=1))
    assert current["today"] == booked(acme, today)
    own = client.get(API + "user/usage").json()
    assert own["month"] == booked(acme, today.replace(day=1), person_ref=owner.member.person_ref)
    assert own["today"] == booked(acme, today, person_ref=owner.member.person_ref)


def test_limits_are_the_same_on_page_and_in_both_readings(spent, acme, owner):
    client = factories.with_key(factories.make_key(owner.member))
    limits = client.get(API + "usage/limits").json()["results"]
    assert client.get(API + "usage/current").json()["limits"] == limits
    page = " ".join(owner.browser().get(PAGE).content.decode().split())
    for row in limits:
        if row["meter"] == "messages":
            assert f"<strong>{row['used']:,}</strong> of {row['limit']:,}" in page

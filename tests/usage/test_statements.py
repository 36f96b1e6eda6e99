"""Monthly statements: once per workspace and month, by its own midnight, mailed once, for those who manage it."""

import csv
import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail

from tenants.links import workspace_url
from tests.factories import make_key, with_key
from tests.usage.test_ledger import make_entry
from usage.models import LedgerEntry
from usage.statements import services
from usage.statements.models import Statement

MARCH = date(2031, 3, 1)
MODEL = "gpt-4o-mini"


@pytest.fixture
def entry_at(db, acme, monkeypatch):
    def make(moment: str, **fields) -> LedgerEntry:
        with monkeypatch.context() as patch:
            patch.setattr("django.utils.timezone.now", lambda: datetime.fromisoformat(moment))
            return make_entry(**{"workspace_id": acme.id, "messages": 1} | fields)

    return make


def write(acme, zone: str = "UTC", month: date = MARCH) -> Statement:
    return services.write(workspace_id=acme.id, zone=zone, month=month)[0]


def test_statement_sums_the_month_by_model_and_kind(acme, entry_at):
    entry_at("2031-02-28T23:59:59.999999+00:00", cost_micro=1)
    entry_at("2031-03-01T00:00:00+00:00", cost_micro=10, input_tokens=3, output_tokens=4)
    entry_at("2031-03-31T23:59:59.999999+00:00", cost_micro=20, input_tokens=1)
    entry_at(
        "2031-03-09T00:00:00+00:00",
        kind="reversal",
        cost_micro=-10,
        messages=-1,
        input_tokens=-3,
        output_tokens=-4,
    )
    entry_at("2031-03-09T00:00:00+00:00", account="platform", cost_micro=500)
    entry_at("2031-04-01T00:00:00+00:00", cost_micro=40)
    statement = write(acme)
    assert (statement.cost_micro, statement.messages, statement.tokens) == (20, 1, 1)
    assert [(line["kind"], line["cost_micro"], line["messages"]) for line in statement.lines] == [
        ("reversal", -10, -1), ("settlement", 30, 2),
    ]  # fmt: skip


def test_month_ends_at_midnight_of_the_workspaces_zone(acme, entry_at):
    entry_at("2031-03-31T10:59:00+00:00", cost_micro=1)
    entry_at("2031-03-31T11:00:00+00:00", cost_micro=2)  # 1 April in Auckland
    assert write(acme, "Pacific/Auckland").cost_micro == 1
    assert write(acme, "Pacific/Auckland", date(2031, 4, 1)).cost_micro == 2


def test_zone_that_changes_between_months_counts_every_instant_once(acme, entry_at):
    for hour in range(24):
        entry_at(f"2031-03-31T{hour:02}:30:00+00:00", cost_micro=1)
        entry_at(f"2031-04-01T{hour:02}:30:00+00:00", cost_micro=1)
    total = (
        write(acme, "Pacific/Auckland").cost_micro
        + write(acme, "America/Los_Angeles", date(2031, 4, 1)).cost_micro
    )
    assert total == 48


def test_statement_stands_though_entries_come_later(acme, entry_at):
    entry_at("2031-03-05T00:00:00+00:00", cost_micro=10)
    first = write(acme)
    entry_at("2031-03-05T00:00:00+00:00", cost_micro=10)
    assert write(acme).pk == first.pk
    assert Statement.objects.get(workspace_id=acme.id, month=MARCH).cost_micro == 10


def test_beat_writes_last_month_once_it_is_over_and_mails_owners_once(acme, entry_at, monkeypatch):
    entry_at("2031-03-05T00:00:00+00:00", cost_micro=1_230_000)
    over = datetime(2031, 4, 1, tzinfo=UTC)
    services.write_due(now=over + timedelta(minutes=14))
    assert not Statement.objects.filter(workspace_id=acme.id, month=MARCH).exists(), "an entry may still come"
    services.write_due(now=over + timedelta(minutes=16))
    assert services.write_due(now=over + timedelta(hours=5)) == 0
    mail.outbox.clear()
    services.mail_due()
    services.mail_due()
    (message,) = [message for message in mail.outbox if "owner@acme.test" in message.to]
    assert message.to == ["owner@acme.test"]
    assert message.subject.endswith("usage in March 2031")
    assert "$1.23" in message.body
    assert "/usage/statements/2031-03/" in message.body


def test_month_without_usage_is_written_and_not_mailed(acme, db):
    assert write(acme).mailed_at is not None


def test_pages_api_and_download_say_the_same(acme, entry_at, owner):
    entry_at("2031-03-05T00:00:00+00:00", cost_micro=1_230_000, input_tokens=5)
    write(acme)
    browser = owner.browser()
    listed = browser.get(workspace_url(acme, "statements"))
    detail = browser.get(workspace_url(acme, "statement", month="2031-03"))
    for page in (listed, detail):
        assert (page.status_code, "$1.23" in page.content.decode()) == (200, True)
    download = browser.get(workspace_url(acme, "statement", month="2031-03") + "?format=csv")
    (row,) = csv.DictReader(io.StringIO(download.content.decode()))
    assert (row["model"], row["cost_micro"], row["input_tokens"]) == (MODEL, "1230000", "5")
    assert "statement-2031-03.csv" in download["Content-Disposition"]
    client = with_key(make_key(owner.member))
    (listed_json,) = client.get("/api/v1/usage/statements").json()["results"]
    assert client.get("/api/v1/usage/statements/2031-03").json() == listed_json
    assert (listed_json["month"], listed_json["cost_micro"]) == ("2031-03", 1_230_000)


@pytest.mark.parametrize("month", ["2031-04", "never", "2031-3", "2031-13"])
def test_month_without_a_statement_is_not_found(acme, db, owner, month):
    assert owner.browser().get(workspace_url(acme, "statement", month=month)).status_code == 404


def test_members_do_not_see_statements_and_other_workspaces_have_their_own(
    acme, globex, entry_at, member, globex_owner
):
    entry_at("2031-03-05T00:00:00+00:00", cost_micro=7)
    write(acme)
    assert member.browser().get(workspace_url(acme, "statements")).status_code == 403
    assert globex_owner.browser().get(workspace_url(acme, "statement", month="2031-03")).status_code == 404
    assert globex_owner.browser().get(workspace_url(globex, "statement", month="2031-03")).status_code == 404


def test_names_in_the_download_are_no_formulas(acme, entry_at):
    entry_at("2031-03-05T00:00:00+00:00", model="=1+1")
    from usage.statements import queries

    assert "'=1+1" in queries.as_csv(write(acme))

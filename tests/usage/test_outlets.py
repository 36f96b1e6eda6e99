"""What later apps hang onto metering: takers of events, and a biller whose meters the closing compares."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.factories import give_limits, hold_of
from tests.usage.books import write_entry
from tests.usage.runs import finish
from usage import outlets
from usage.holds.types import Amount
from usage.limits import mails as limit_mails
from usage.receipts import services as receipts
from usage.reconciliation import billed, services
from usage.reconciliation.models import BooksItem
from usage.statements import services as statements


@pytest.fixture
def taken(monkeypatch):
    events: list[tuple[str, dict]] = []

    def take(*, workspace_id, event, data):
        events.append((event, data))

    monkeypatch.setattr(outlets, "_takers", [fail, take])
    return events


def fail(**_):
    raise RuntimeError("this taker is broken")


def test_crossed_limit_is_told_once_with_the_words_of_its_mail(db, acme, taken, mailoutbox):
    give_limits(acme.id, ("images", "month", 10))
    hold = hold_of(workspace_id=acme.id, meters={"images": Amount.of(8)}, cap=0, min_cap=0)
    finish(hold, images=8)
    limit_mails.send_due()
    limit_mails.send_due()
    ((event, data),) = taken
    assert event == "limit.reached"
    assert (data["meter"], data["line"], data["used"], data["limit"]) == ("images", "warn", 8, 10)
    assert data["text"] in mailoutbox[0].body


def test_checkpoint_is_told_with_each_log_that_is_mailed(db, acme, taken):
    assert receipts.mail_checkpoints(acme.id, only_news=False)
    assert [(event, data["log"]) for event, data in taken] == [
        ("receipts.checkpoint_signed", "receipts"),
        ("receipts.checkpoint_signed", "audit"),
    ]
    assert all(data["checkpoint"].startswith(f"steward/{acme.id}/") for _, data in taken)


def test_closed_statement_is_told_once(db, acme, taken):
    write_entry(NOON, workspace_id=acme.id)
    statements.write(workspace_id=acme.id, zone="UTC", month=date(2026, 3, 1))
    statements.mail_due()
    statements.mail_due()
    assert [(event, data["month"]) for event, data in taken] == [("statement.closed", "2026-03")]


@pytest.fixture
def biller(monkeypatch):
    """Says what the test put into it; None until then."""
    told: dict[str, object] = {"answer": None}

    def answer(*, workspace_id, begins_at, ends_at):
        if isinstance(told["answer"], Exception):
            raise told["answer"]
        return told["answer"]

    monkeypatch.setattr(billed, "_biller", answer)
    return told


DAY = date(2026, 3, 4)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def items(kind: str) -> list[tuple[str, int, int]]:
    rows = BooksItem.objects.filter(kind=kind, day=DAY, state="open")
    return sorted(rows.values_list("subject", "expected", "found"))


def close(workspace_id) -> None:
    services.close(day=DAY, workspace_ids=[workspace_id])


def test_biller_that_was_told_what_the_ledger_says_leaves_no_item(db, acme, biller):
    write_entry(NOON, workspace_id=acme.id, output_tokens=40, images=2)
    write_entry(NOON, workspace_id=acme.id, kind="reversal", output_tokens=-10)
    write_entry(NOON, workspace_id=acme.id, account="platform", output_tokens=7)
    write_entry(NOON + timedelta(days=1), workspace_id=acme.id, output_tokens=500)
    biller["answer"] = {"output_tokens": 30, "images": 2}
    close(acme.id)
    assert items("billed") == []


def test_biller_that_was_told_less_is_an_item_by_name_until_it_is_put_right(db, acme, biller):
    write_entry(NOON, workspace_id=acme.id, output_tokens=40, images=2)
    biller["answer"] = {"output_tokens": 39}
    close(acme.id)
    assert items("billed") == [("output_tokens", 40, 39)]
    biller["answer"] = {"output_tokens": 40}
    close(acme.id)
    assert items("billed") == []


def test_biller_that_cannot_be_asked_is_an_item(db, acme, biller):
    biller["answer"] = billed.BillerUnavailable()
    close(acme.id)
    assert items("no-biller") == [("", 0, 0)]


def test_workspace_without_billed_meters_is_not_compared(db, acme, biller):
    write_entry(NOON, workspace_id=acme.id, output_tokens=40)
    close(acme.id)
    assert items("billed") == items("no-biller") == []

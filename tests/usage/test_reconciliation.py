"""Closing the books: what agrees says nothing; what differs, or cannot be compared, is an open item by name."""

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from tenants import audit
from tests.factories import give_limits, hold_of
from tests.staff.pages import act, page
from tests.usage.books import write_entry
from tests.usage.runs import counter, finish
from usage import prices
from usage.holds.types import Amount
from usage.models import Counter, Hold, LedgerEntry, Price
from usage.receipts import late
from usage.receipts import services as receipts
from usage.receipts.settled import SettledRun
from usage.reconciliation import alarms, invariants, services
from usage.reconciliation.models import BooksItem
from usage.rerating import services as rerating

Kind = BooksItem.Kind


@pytest.fixture(autouse=True)
def fresh_prices():
    yield
    prices.forget()


@pytest.fixture
def today():
    return timezone.now().astimezone(UTC).date()


@pytest.fixture
def used(db, acme):
    """Acme's books with a settlement of 30 and 12 tokens and its receipt."""
    settle(acme.id)
    return acme


@pytest.fixture
def fresh(db):
    """The books of a workspace that nobody else writes to."""
    return uuid4()


def settle(workspace_id, *, receipt: bool = True, **used) -> UUID:
    give_limits(workspace_id, ("messages", "day", 100))
    hold = hold_of(workspace_id=workspace_id, meters={"messages": Amount.of(1)}, cap=0, min_cap=0)
    settlement = finish(hold, **{"messages": 1, "input_tokens": 30, "output_tokens": 12, **used})
    if receipt:
        issue(settlement)
    return hold.id


def issue(settlement) -> None:
    receipts.issue(
        SettledRun(
            attempt=1, settlement=settlement, state="done", finish_reason="stop",
            model_answered="gpt-4o-mini", prompt_hash="", answer_hash="", parameters={}, started_at=None,
        )
    )  # fmt: skip


def items(day, **fields) -> set[tuple[str, str, str, int, int]]:
    rows = BooksItem.objects.filter(day=day, **fields)
    return set(rows.values_list("kind", "model", "state", "expected", "found"))


def test_books_that_agree_leave_nothing_open(fresh, today):
    for _ in range(3):
        settle(fresh)
    assert services.close(day=today, workspace_ids=[fresh]) == []
    assert not BooksItem.objects.filter(workspace_id=fresh).exists()


def test_missing_receipt_is_an_open_item_by_each_sum_and_settled_when_it_comes(fresh, today):
    settle(fresh)
    hold_id = settle(fresh, receipt=False)
    cost = LedgerEntry.objects.get(hold_id=hold_id).cost_micro
    services.close(day=today, workspace_ids=[fresh])
    found = BooksItem.objects.filter(workspace_id=fresh).values_list("subject", "state", "expected", "found")
    assert set(found) == {
        ("receipts", "open", 2, 1),
        ("cost_micro", "open", 2 * cost, cost),
        ("input_tokens", "open", 60, 30),
        ("output_tokens", "open", 24, 12),
        ("receipts log: completeness: settlement_without_receipt", "open", 0, 1),
    }
    late.issue_missing(workspace_id=fresh, actor=audit.SYSTEM)
    assert services.close(day=today, workspace_ids=[fresh]) == []
    assert {row[2] for row in items(today, workspace_id=fresh)} == {"settled"}


def test_receipt_without_a_settlement_is_an_open_item(fresh, today):
    hold_id = settle(fresh)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_ledgerentry DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM usage_ledgerentry WHERE hold_id = %s", [hold_id])
        cursor.execute("ALTER TABLE usage_ledgerentry ENABLE TRIGGER USER")
    services.close(day=today, workspace_ids=[fresh])
    assert (Kind.RECEIPTS, "gpt-4o-mini", "open", 0, 1) in items(today, workspace_id=fresh)


def test_receipt_that_says_another_sum_is_an_open_item(fresh, today):
    hold_id = settle(fresh)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE usage_receipt DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE usage_receipt SET body = replace(body, '\"output_tokens\":12', '\"output_tokens\":7') "
            "WHERE hold_id = %s", [hold_id],
        )  # fmt: skip
        cursor.execute("ALTER TABLE usage_receipt ENABLE TRIGGER USER")
    services.close(day=today, workspace_ids=[fresh])
    assert items(today, workspace_id=fresh) == {(Kind.RECEIPTS, "gpt-4o-mini", "open", 12, 7)}


def test_counter_that_drifted_is_found_named_and_alarmed(used, today, caplog):
    give_limits(used.id, ("messages", "day", 100))
    finish(hold_of(workspace_id=used.id, meters={"messages": Amount.of(1)}, cap=0, min_cap=0), messages=1)
    assert invariants.check(workspace_ids=[used.id]) == []
    row = counter(used.id, "messages", window="day")
    Counter.objects.filter(id=row.pk).update(used=row.used + 5)
    with caplog.at_level(logging.ERROR, logger="usage.reconciliation.services"):
        services.check_recent()
    assert "an invariant of the books does not hold" in [record.message for record in caplog.records]
    (item,) = BooksItem.objects.filter(workspace_id=used.id, kind=Kind.COUNTERS)
    assert item.subject.startswith(f"I1 counter {row.pk} messages day")
    assert item.found - item.expected == 5


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("I2", lambda hold: Counter.objects.filter(workspace_id=hold.workspace_id).update(held=7)),
        (
            "I4",
            lambda hold: Hold.objects.filter(id=hold.id).update(state="settled", resolved_at=timezone.now()),
        ),
    ],
)
def test_each_damage_is_found_by_its_invariant(db, name, damage):
    workspace = uuid4()
    give_limits(workspace, ("messages", "day", 10))
    hold = hold_of(workspace_id=workspace, meters={"messages": Amount.of(1)}, cap=0, min_cap=0)
    assert invariants.check(workspace_ids=[workspace]) == []
    damage(Hold.objects.get(id=hold.id))
    assert name in {row.invariant for row in invariants.check(workspace_ids=[workspace])}


def test_ended_run_that_still_holds_is_found(in_acme, member):
    from assistants.models import Run
    from tests.factories import ask

    run = ask(member.member).run
    Run.objects.filter(id=run.id).update(state="done", finished_at=timezone.now())
    Hold.objects.filter(id=run.id).update(created_at=timezone.now() - timedelta(hours=1))
    found = [row for row in invariants.check(workspace_ids=[in_acme.id]) if row.invariant == "I6"]
    assert [row.where for row in found] == [f"hold {run.id}"]


@pytest.fixture
def provider(settings):
    """A provider that gives reports, over HTTP."""
    said: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if said else 503)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.PROVIDER_REPORT_URL = f"http://127.0.0.1:{server.server_port}/report"
    yield said
    server.shutdown()
    thread.join()
    server.server_close()


def provider_items(day) -> set[tuple[str, str, int, int]]:
    rows = BooksItem.objects.filter(
        day=day, workspace_id=None, model__in=["reported", ""], kind__in=["provider", "no-report"]
    )
    return set(rows.values_list("kind", "subject", "expected", "found"))


def book(moment: datetime, monkeypatch, **fields) -> None:
    from tests.usage.test_ledger import make_entry

    with monkeypatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: moment)
        make_entry(model="reported", **fields)


def test_ledger_with_the_platforms_loss_equals_what_the_provider_billed(db, monkeypatch, provider):
    moment = datetime(2032, 5, 5, 12, tzinfo=UTC)
    book(moment, monkeypatch, input_tokens=30, output_tokens=10)
    book(moment, monkeypatch, input_tokens=0, output_tokens=5, account="platform")
    day = {"since": "2032-05-05T00:00:00+00:00", "until": "2032-05-06T00:00:00+00:00"}
    provider.update(day, by_model=[{"model": "reported", "input_tokens": 30, "output_tokens": 15}])
    services.close(day=moment.date())
    assert provider_items(moment.date()) == set()
    provider.update(by_model=[{"model": "reported", "input_tokens": 30, "output_tokens": 20}])
    services.close(day=moment.date())
    assert provider_items(moment.date()) == {("provider", "output_tokens", 20, 15)}


def test_provider_that_does_not_answer_or_gives_no_reports_is_an_open_item(
    db, monkeypatch, provider, settings
):
    moment = datetime(2032, 5, 5, 12, tzinfo=UTC)
    book(moment, monkeypatch, input_tokens=30)
    services.close(day=moment.date())
    assert provider_items(moment.date()) == {("no-report", "openai", 0, 0)}
    settings.PROVIDER_REPORT_URL = ""
    services.close(day=moment.date())
    assert ("no-report", "openai", 30, 0) in provider_items(moment.date())


def test_explained_item_stays_explained_until_it_says_something_else(fresh, today):
    settle(fresh, receipt=False)
    services.close(day=today, workspace_ids=[fresh])
    item = BooksItem.objects.get(workspace_id=fresh, subject="receipts")
    with pytest.raises(services.NoteMissing):
        services.explain(item_id=item.pk, note=" ", actor=audit.SYSTEM)
    services.explain(item_id=item.pk, note="restored from backup", actor=audit.SYSTEM)
    services.close(day=today, workspace_ids=[fresh])
    item.refresh_from_db()
    assert (item.state, item.note) == ("explained", "restored from backup")
    settle(fresh, receipt=False)
    services.close(day=today, workspace_ids=[fresh])
    item.refresh_from_db()
    assert (item.state, item.expected, item.found) == ("open", 2, 0)


def test_command_lists_what_differs(used, today):
    settle(used.id, receipt=False)
    out = StringIO()
    call_command("close_books", "--workspace", used.slug, "--day", today.isoformat(), stdout=out)
    assert f"receipts: {used.id} gpt-4o-mini receipts: expected" in out.getvalue()
    assert out.getvalue().endswith(" open items\n")


def test_staff_see_items_explain_them_and_begin_corrections(used, today, staff, monkeypatch):
    from usage import tasks
    from usage.rerating.models import Correction

    settle(used.id, receipt=False)
    services.close(day=today, workspace_ids=[used.id])
    item = BooksItem.objects.get(workspace_id=used.id, kind=Kind.RECEIPTS, subject="receipts")
    browser = staff.browser()
    assert "gpt-4o-mini" in browser.get(page("usage.booksitem")).content.decode()
    act(browser, "usage.booksitem", "explain", [item], reason="known")
    item.refresh_from_db()
    assert (item.state, item.note) == ("explained", "known")
    monkeypatch.setattr(tasks.continue_corrections, "delay", lambda: None)
    form = {"provider": "openai", "model": "gpt-4o-mini", "reason": "a typo"}
    for name, moment in (
        ("from_at", timezone.now() - timedelta(days=2)),
        ("to_at", timezone.now() - timedelta(days=1)),
    ):
        form |= {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}
    with transaction.atomic():
        browser.post(page("usage.correction", "add"), form)
    correction = Correction.objects.latest("created_at")
    assert (correction.state, correction.reason) == ("running", "a typo")
    tasks.continue_corrections()
    correction.refresh_from_db()
    assert correction.state == "done"
    assert browser.get(page("usage.correction")).status_code == 200


def test_new_open_items_are_mailed_to_staff_once_and_again_when_they_come_back(
    fresh, today, staff, mailoutbox, django_capture_on_commit_callbacks
):
    def close() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            services.close(day=today, workspace_ids=[fresh])

    settle(fresh, receipt=False)
    close()
    (mail,) = mailoutbox
    assert mail.to == [staff.user.email]
    assert mail.subject == "The books do not agree: 5 new open items"
    assert f"{fresh}: ledger and receipts differ gpt-4o-mini receipts: expected 1, found 0" in mail.body
    assert "/admin/usage/booksitem/?state__exact=open" in mail.body
    close()
    assert len(mailoutbox) == 1, "told once"
    late.issue_missing(workspace_id=fresh, actor=audit.SYSTEM)
    close()
    settle(fresh, receipt=False)
    close()
    assert len(mailoutbox) == 2, "it came back"


def test_what_goes_on_is_told_once_a_day(fresh, today, mailoutbox):
    for day in (today, today - timedelta(days=1)):
        BooksItem.objects.create(kind=Kind.INVARIANT, workspace_id=fresh, subject="I2 counter 1", day=day)
    assert alarms.tell_staff() == 1
    BooksItem.objects.create(
        kind=Kind.INVARIANT, workspace_id=fresh, subject="I2 counter 1", day=today - timedelta(days=2)
    )
    assert alarms.tell_staff() == 0
    BooksItem.objects.filter(workspace_id=fresh).update(alarmed_at=timezone.now() - timedelta(hours=24))
    BooksItem.objects.create(
        kind=Kind.INVARIANT, workspace_id=fresh, subject="I2 counter 1", day=today + timedelta(days=1)
    )
    assert alarms.tell_staff() == 1
    assert len(mailoutbox) == 2


def test_mail_that_failed_is_tried_again(
    fresh, today, mailoutbox, monkeypatch, django_capture_on_commit_callbacks
):
    def broken(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    settle(fresh, receipt=False)
    with monkeypatch.context() as patch:
        patch.setattr(alarms, "send_mail", broken)
        with django_capture_on_commit_callbacks(execute=True):
            services.close(day=today, workspace_ids=[fresh])
    assert mailoutbox == []
    assert alarms.tell_staff() == 5
    assert len(mailoutbox) == 1


def test_report_that_is_behind_for_a_moment_is_read_again(db, monkeypatch, provider):
    moment = datetime(2032, 5, 5, 12, tzinfo=UTC)
    day = {"since": "2032-05-05T00:00:00+00:00", "until": "2032-05-06T00:00:00+00:00"}
    provider.update(day, by_model=[{"model": "reported", "input_tokens": 30}])
    waits = []

    def settle_meanwhile(seconds: int) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            book(moment, monkeypatch, input_tokens=30, cached_tokens=4)

    monkeypatch.setattr(services.time, "sleep", settle_meanwhile)
    services.close(day=moment.date())
    assert provider_items(moment.date()) == set(), "cached tokens were not named by the report"
    assert waits == [services.AGAIN_S]


def test_window_used_beyond_its_limit_is_found_and_a_lowered_limit_is_no_violation(fresh):
    give_limits(fresh, ("messages", "day", 3))
    for _ in range(3):
        finish(hold_of(workspace_id=fresh, meters={"messages": Amount.of(1)}, cap=0, min_cap=0), messages=1)
    give_limits(fresh, ("messages", "day", 1))
    assert invariants.check(workspace_ids=[fresh]) == []
    entry = LedgerEntry.objects.filter(workspace_id=fresh).latest("id")
    (line,) = [dict(row) for row in entry.lines if row["meter"] == "messages"]
    # What a hold that did not look at the counter would leave behind.
    write_entry(
        timezone.now(),
        workspace_id=fresh,
        lines=[{**line, "used_before": 3, "used_after": 4}],
    )
    found = {(row.invariant, row.expected, row.found) for row in invariants.check(workspace_ids=[fresh])}
    assert ("I8", 3, 4) in found


def test_entry_that_does_not_cost_its_usage_times_its_price_is_named_until_it_is_corrected(fresh, today):
    for _ in range(2):
        settle(fresh, input_tokens=1000, output_tokens=500)
    assert services.close(day=today, workspace_ids=[fresh]) == []
    # It cost another price all the time: the books say so until the range is corrected.
    prices.add_price(
        Price(
            provider="openai", model="gpt-4o-mini", meter="output_tokens", micro_per_million=1_000_000, source="t",
            effective_at=timezone.now() - timedelta(days=1),
        ),
        actor=audit.SYSTEM,
    )  # fmt: skip
    services.close(day=today, workspace_ids=[fresh])
    assert items(today, workspace_id=fresh) == {(Kind.PRICES, "gpt-4o-mini", "open", 1300, 900)}
    correct()
    assert services.close(day=today, workspace_ids=[fresh]) == []
    assert items(today, workspace_id=fresh) == {(Kind.PRICES, "gpt-4o-mini", "settled", 1300, 900)}


def correct() -> None:
    correction = rerating.begin(
        correction_id=uuid4(), provider="openai", model="gpt-4o-mini", from_at=timezone.now() - timedelta(hours=1),
        to_at=timezone.now(), reason="another price", actor=audit.SYSTEM,
    )  # fmt: skip
    for _ in rerating.run(correction.id):
        pass


def test_settlement_at_what_was_held_is_right_although_its_price_would_be_more(fresh, today):
    give_limits(fresh, ("cost_micro", "month", 100))
    hold = hold_of(workspace_id=fresh, meters={"cost_micro": Amount.of(40)}, cap=0, min_cap=0)
    settlement = finish(hold, output_tokens=500)
    issue(settlement)
    assert settlement.cost_micro == 40
    assert services.close(day=today, workspace_ids=[fresh]) == []

"""Closing the books: what agrees says nothing; what differs, or cannot be compared, is an open item by name."""

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from tenants import audit
from tests.factories import give_limits, hold_of
from tests.staff.pages import act, page
from tests.usage.runs import counter, finish
from usage.holds.types import Amount
from usage.models import Counter, Hold, LedgerEntry
from usage.reconciliation import invariants, receipts, services
from usage.reconciliation.models import BooksItem

Kind = BooksItem.Kind


@pytest.fixture
def today():
    return timezone.now().astimezone(UTC).date()


@pytest.fixture
def used(db, acme):
    """Acme's books with a settlement of 30 and 12 tokens."""
    hold = hold_of(workspace_id=acme.id, meters={"messages": Amount.of(1)}, cap=0, min_cap=0)
    finish(hold, messages=1, input_tokens=30, output_tokens=12)
    return acme


@pytest.fixture
def count_receipts(monkeypatch):
    monkeypatch.setattr(receipts, "_answers", [])

    def answer(counts: dict[str, int]) -> None:
        receipts.use(lambda **_: counts)

    return answer


def items(day, **fields) -> set[tuple[str, str, str, int, int]]:
    rows = BooksItem.objects.filter(day=day, **fields)
    return set(rows.values_list("kind", "model", "state", "expected", "found"))


def test_books_that_agree_leave_nothing_open(used, today, count_receipts):
    count_receipts({"gpt-4o-mini": LedgerEntry.objects.filter(workspace_id=used.id).count()})
    assert services.close(day=today, workspace_ids=[used.id]) == []
    assert not BooksItem.objects.filter(workspace_id=used.id).exists()


def test_missing_receipts_are_an_open_item_that_is_settled_when_they_come(used, today, count_receipts):
    settled = LedgerEntry.objects.filter(workspace_id=used.id).count()
    services.close(day=today, workspace_ids=[used.id])
    assert items(today, workspace_id=used.id) == {(Kind.NO_RECEIPTS, "gpt-4o-mini", "open", settled, 0)}
    count_receipts({"gpt-4o-mini": settled - 1})
    services.close(day=today, workspace_ids=[used.id])
    assert (Kind.RECEIPTS, "gpt-4o-mini", "open", settled, settled - 1) in items(today, workspace_id=used.id)
    count_receipts({"gpt-4o-mini": settled})
    services.close(day=today, workspace_ids=[used.id])
    assert {row[2] for row in items(today, workspace_id=used.id)} == {"settled"}


def test_counter_that_drifted_is_found_named_and_alarmed(used, today, count_receipts, caplog):
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


def test_explained_item_stays_explained_until_it_says_something_else(used, today, count_receipts, staff):
    count_receipts({})
    services.close(day=today, workspace_ids=[used.id])
    item = BooksItem.objects.get(workspace_id=used.id)
    with pytest.raises(services.NoteMissing):
        services.explain(item_id=item.pk, note=" ", actor=audit.SYSTEM)
    services.explain(item_id=item.pk, note="restored from backup", actor=audit.SYSTEM)
    services.close(day=today, workspace_ids=[used.id])
    item.refresh_from_db()
    assert (item.state, item.note) == ("explained", "restored from backup")
    count_receipts({"gpt-4o-mini": 99})
    services.close(day=today, workspace_ids=[used.id])
    item.refresh_from_db()
    assert (item.state, item.found) == ("open", 99)


def test_command_lists_what_differs(used, today, count_receipts):
    count_receipts({})
    out = StringIO()
    call_command("close_books", "--workspace", used.slug, "--day", today.isoformat(), stdout=out)
    assert "receipts:" in out.getvalue()
    assert f"{today}: 1 open items" in out.getvalue()


def test_staff_see_items_explain_them_and_begin_corrections(used, today, count_receipts, staff, monkeypatch):
    from usage import tasks
    from usage.rerating.models import Correction

    count_receipts({})
    services.close(day=today, workspace_ids=[used.id])
    item = BooksItem.objects.get(workspace_id=used.id)
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

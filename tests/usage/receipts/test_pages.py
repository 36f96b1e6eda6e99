"""The pages of receipts, and the link under each answer."""

import re
from uuid import uuid4

import pytest

from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.usage.receipts import making
from usage import tasks
from usage.receipts import services, verify
from usage.receipts.models import Log, Receipt


def receipt_of(person, **fields) -> Receipt:
    hold_id = making.settle(person.workspace.id, person_ref=person.member.person_ref, **fields)
    return Receipt.objects.get(hold_id=hold_id)


@pytest.fixture
def mine(db, member) -> Receipt:
    return receipt_of(member)


def test_the_list_shows_ones_own_receipts(mine, member, admin):
    theirs = receipt_of(admin)
    page = member.browser().get("/w/acme/receipts/").content.decode()
    assert f"/w/acme/receipts/{mine.id}/" in page and str(theirs.id) not in page
    assert "Your receipts" in page and "Mail checkpoints" not in page and "Whole log" not in page
    page = admin.browser().get("/w/acme/receipts/").content.decode()
    assert f"/w/acme/receipts/{mine.id}/" in page and f"/w/acme/receipts/{theirs.id}/" in page
    assert "All receipts" in page and "Mail checkpoints" in page


def test_an_empty_list_says_so(db, viewer):
    assert "No receipt yet" in viewer.browser().get("/w/acme/receipts/").content.decode()


def test_the_list_is_paged(db, member):
    for _ in range(35):
        receipt_of(member)
    browser = member.browser()
    page = browser.get("/w/acme/receipts/").content.decode()
    first = set(re.findall(r"/w/acme/receipts/([0-9a-f-]{36})/", page))
    (older,) = re.findall(r'href="(\?before=[0-9a-f-]{36})"', page)
    second = browser.get(f"/w/acme/receipts/{older}").content.decode()
    rest = set(re.findall(r"/w/acme/receipts/([0-9a-f-]{36})/", second))
    assert (len(first), len(rest), first & rest) == (30, 5, set())
    assert browser.get(f"/w/acme/receipts/?before={uuid4()}").status_code == 404
    assert browser.get("/w/acme/receipts/?before=x").status_code == 404


def test_the_list_costs_the_same_for_two_and_for_twenty(db, member, django_assert_max_num_queries):
    browser = member.browser()
    receipt_of(member), receipt_of(member)
    browser.get("/w/acme/receipts/")  # what is kept for a while is read
    # One is for the stops that every page tells, one for what it tells of the plan.
    with django_assert_max_num_queries(12):
        browser.get("/w/acme/receipts/")
    for _ in range(18):
        receipt_of(member)
    with django_assert_max_num_queries(12):
        browser.get("/w/acme/receipts/")


def test_a_receipt_shows_what_it_says_and_its_proof(mine, member):
    page = member.browser().get(f"/w/acme/receipts/{mine.id}/").content.decode()
    for text in (
        "gpt-4o-mini-2024-07-18",
        "$0.00027",
        str(mine.hold_id),
        "0.7",
        f"steward/{mine.workspace_id}/receipts",
    ):
        assert text in page, text


def test_the_download_verifies(mine, member):
    response = member.browser().get(f"/w/acme/receipts/{mine.id}/document/")
    assert response["Content-Disposition"] == f'attachment; filename="receipt-{mine.id}.json"'
    assert not verify.verify([response.content.decode()], verify.Report()).problems


def test_somebody_elses_receipt_is_not_found(db, member, admin, globex_owner):
    theirs = receipt_of(admin)
    for browser in (member.browser(), globex_owner.browser()):
        for path in ("", "document/"):
            assert browser.get(f"/w/acme/receipts/{theirs.id}/{path}").status_code == 404
    assert globex_owner.browser().get(f"/w/globex/receipts/{theirs.id}/").status_code == 404


def test_the_verdicts_are_a_page_and_a_part_of_one(mine, admin, member):
    making.settle(mine.workspace_id, has_receipt=False)
    page = admin.browser().get("/w/acme/receipts/verdicts/").content.decode()
    assert "<html" in page and "Holds" in page and "Broken" in page and "has no receipt" in page
    part = member.browser(headers={"HX-Request": "true"}).get("/w/acme/receipts/verdicts/").content.decode()
    assert "<html" not in part and "Broken" in part and "has no receipt" not in part


def test_the_checkpoint_and_the_verifier_are_downloads(mine, member):
    browser = member.browser()
    note = browser.get("/w/acme/receipts/checkpoint/")
    assert note["Content-Disposition"].endswith('.checkpoint.txt"')
    assert verify.Checkpoint.parse(note.content.decode()).size >= 1
    program = browser.get("/w/acme/receipts/verify.py")
    assert program.content.startswith(b"#!/usr/bin/env python3")


def test_the_whole_log_is_for_who_manages_the_workspace(mine, member, admin):
    assert member.browser().get("/w/acme/receipts/log/").status_code == 403
    export = admin.browser().get("/w/acme/receipts/log/")
    lines = b"".join(export.streaming_content).decode().splitlines(keepends=True)
    assert not verify.verify(lines, verify.Report()).problems
    assert member.browser().get("/w/acme/receipts/checkpoint/?kind=audit").status_code == 403


def test_an_admin_mails_the_checkpoints_to_the_owner(mine, admin, owner, mailoutbox):
    browser = admin.browser()
    assert browser.get("/w/acme/receipts/checkpoint/mail/").status_code == 405
    response = browser.post("/w/acme/receipts/checkpoint/mail/", follow=True)
    assert "mailed to the owners" in response.content.decode()
    (mail,) = mailoutbox
    assert mail.to == [owner.user.email]
    kinds = {name.split("-")[0]: text for name, text, _ in mail.attachments}
    assert set(kinds) == {"receipts", "audit"}
    assert verify.Checkpoint.parse(kinds["receipts"]).size >= 1
    assert kinds["receipts"].strip() in mail.body
    assert AuditEntry.objects.filter(action="receipts.checkpoints_mailed").exists()


def test_a_member_may_not_mail_them(mine, member, mailoutbox):
    assert member.browser().post("/w/acme/receipts/checkpoint/mail/").status_code == 403
    assert not mailoutbox


def test_the_daily_mail_goes_out_when_a_log_grew(mine, member, mailoutbox):
    assert services.mail_checkpoints(member.workspace.id, only_news=True)
    assert not services.mail_checkpoints(member.workspace.id, only_news=True)
    assert len(mailoutbox) == 1
    receipt_of(member)
    tasks.mail_checkpoints(workspace_id=str(member.workspace.id))
    assert len(mailoutbox) == 2
    log = Log.objects.get(workspace_id=member.workspace.id, kind="receipts")
    assert log.mailed_size == log.size


def test_a_mail_that_failed_goes_out_the_next_day(mine, member, monkeypatch, mailoutbox):
    def fail(*_):
        raise OSError("no mail server")

    with monkeypatch.context() as patch:
        patch.setattr("usage.receipts.mails.send_checkpoints", fail)
        with pytest.raises(OSError):
            services.mail_checkpoints(member.workspace.id, only_news=True)
    assert services.mail_checkpoints(member.workspace.id, only_news=True)


def test_each_charged_answer_links_to_its_receipt(db, member):
    with workspace_scope(member.workspace.id):
        turn = factories.ask(member.member)
        run = factories.answer(turn.run)
    receipt = Receipt.objects.get(hold_id=run.id)
    page = member.browser().get(f"/w/acme/chat/{turn.conversation.id}/").content.decode()
    assert page.count(f'href="/w/acme/receipts/{receipt.id}/"') == 1


def test_an_answer_that_was_not_charged_has_no_link(db, member):
    with workspace_scope(member.workspace.id):
        turn = factories.ask(member.member)
        factories.answer(turn.run, "", state="failed", error_code="provider_unavailable")
    page = member.browser().get(f"/w/acme/chat/{turn.conversation.id}/").content.decode()
    assert "/receipts/" not in page.split('id="transcript"')[1]


def test_the_navigation_leads_there(db, member):
    page = member.browser().get("/w/acme/receipts/").content.decode()
    assert re.search(r'href="/w/acme/receipts/" aria-current="page"', page)

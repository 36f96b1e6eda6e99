"""Mails of billing: owed with what they tell, sent at most once, in exactly these words."""

from uuid import uuid4

import pytest
from django.core import mail as django_mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction

from accounts import tasks
from accounts.mails import services as mails
from accounts.mails import writing
from accounts.mails.models import Mail
from accounts.models import Membership
from billing.mails import kinds, services
from tenants.models import Domain
from tests import factories

AT = "2026-03-12T23:30:00+00:00"
BASE = "http://127.0.0.1:8000/w/acme/"


@pytest.fixture(autouse=True)
def no_notice(settings):
    settings.PAYMENTS_NOTICE = ""


def owe(kind: str, workspace_id=None, **context) -> str:
    key = f"test:{uuid4()}"
    with transaction.atomic():
        assert services.send_once(key, kind=kind, workspace_id=workspace_id, context=context)
    return key


def written(kind: str, workspace, **context) -> tuple[str, str]:
    assert mails.send(owe(kind, workspace.id, **context))
    message = django_mail.outbox[-1]
    return message.subject, message.body


MONEY = {"amount_minor": 123450, "currency": "usd"}
BILLING = f"{BASE}billing/"
CASES = [
    (
        "welcome", {"plan": "Pro", "is_lifetime": False}, "welcome to Pro",
        "Acme is on Pro now, and everything it includes works from this moment.",
        f"Plan, invoices and payment method: {BILLING}",
    ),
    (
        "welcome", {"plan": "Pro", "is_lifetime": True}, "welcome to Pro",
        "Acme is on Pro now, and everything it includes works from this moment. It is paid for once and stays.",
        f"Plan, invoices and payment method: {BILLING}",
    ),
    (
        "trial_ending", {"plan": "Pro", "when": "in 3 days", "ends_at": AT, "has_card": False},
        "your trial ends in 3 days",
        "The trial of Pro in Acme ends in 3 days, on 12 March 2026.\n\n"
        "Without a payment method the workspace then goes back to the free plan. Nothing is deleted: what does not "
        "fit any more becomes read-only.",
        f"Keep Pro: {BILLING}",
    ),
    (
        "trial_ending", {"plan": "Pro", "when": "tomorrow", "ends_at": AT, "has_card": True},
        "your trial ends tomorrow",
        "The trial of Pro in Acme ends tomorrow, on 12 March 2026.\n\n"
        "Then Pro goes on and your card is charged. If you do not want that, cancel before.",
        f"Keep or cancel: {BILLING}",
    ),
    (
        "receipt", {"number": "AC-0001", "paid_at": AT, "invoice_url": "https://pay.test/i/1", **MONEY},
        "receipt AC-0001",
        "Acme paid $1,234.50 on 12 March 2026 (invoice AC-0001). Thank you.\n\nInvoice: https://pay.test/i/1",
        f"All invoices: {BILLING}invoices/",
    ),
    (
        "payment_failed", {"plan": "Pro", "grace_ends_at": AT, "action_url": "", **MONEY}, "a payment failed",
        "The payment of $1,234.50 for Pro in Acme failed.\n\n"
        "Everything works until 12 March 2026. If it is not paid by then, the workspace becomes read-only; nothing is "
        "deleted.",
        f"Pay or use another card: {BILLING}",
    ),
    (
        "payment_failed", {"plan": "Pro", "grace_ends_at": "", "action_url": "https://pay.test/3ds", **MONEY},
        "a payment failed",
        "The payment of $1,234.50 for Pro in Acme failed.\n\nNothing changes yet; the payment is tried again.\n\n"
        "Your bank wants you to confirm the payment: https://pay.test/3ds",
        f"Pay or use another card: {BILLING}",
    ),
    (
        "card_expiring", {"brand": "Visa", "last4": "4242", "expires": "March 2026"}, "your card expires soon",
        "The card that pays for Acme (Visa ending in 4242) expires at the end of March 2026. A new one keeps payments "
        "from failing.",
        f"Use another card: {BILLING}",
    ),
    (
        "plan_changed", {"was": "Pro", "plan": "Team", "is_scheduled": False, "changes_at": ""},
        "your plan is now Team",
        "Acme changed from Pro to Team.",
        f"Plan, invoices and payment method: {BILLING}",
    ),
    (
        "plan_changed", {"was": "Team", "plan": "Pro", "is_scheduled": True, "changes_at": AT},
        "your plan changes to Pro",
        "Acme changes from Team to Pro on 12 March 2026. Until then everything stays as it is, and you can take the "
        "change back.",
        f"Plan, invoices and payment method: {BILLING}",
    ),
    (
        "cancelled", {"plan": "Pro", "is_over": False, "ends_at": AT}, "your subscription is cancelled",
        "Pro is cancelled in Acme and works until 12 March 2026. Nothing is charged any more, and you can resume "
        "before that day.",
        f"Resume: {BILLING}",
    ),
    (
        "cancelled", {"plan": "Pro", "is_over": True, "ends_at": ""}, "Pro has ended",
        "Pro has ended in Acme, which is on the free plan now. Nothing was deleted: what does not fit any more is "
        "read-only.",
        f"Choose a plan: {BILLING}",
    ),
    (
        "referral_credited", {"is_referrer": True, **MONEY}, "you received a credit",
        "Somebody you invited paid their first invoice: Acme received $1,234.50. It is taken off the next invoices by "
        "itself.",
        f"Invitations: {BILLING}referrals/",
    ),
    (
        "referral_credited", {"is_referrer": False, **MONEY}, "you received a credit",
        "You came by an invitation and paid your first invoice: Acme received $1,234.50. It is taken off the next "
        "invoices by itself.",
        f"Invitations: {BILLING}referrals/",
    ),
    (
        "quota_upgrade", {"text": "400 of 500 messages are used today.", "plan": "Team", "offer": "unlimited messages"},
        "more room with Team",
        "400 of 500 messages are used today.\n\nTeam has more room: unlimited messages.",
        f"Compare plans: {BILLING}plans/",
    ),
    (
        "restricted", {"plan": "Pro"}, "the workspace is read-only",
        "Pro was not paid in time, and Acme is read-only now. Nothing was deleted: everything can be read and "
        "exported, and works again at once when the payment arrives.",
        f"Pay or use another card: {BILLING}",
    ),
    (
        "recovered", {"plan": "Pro"}, "the payment arrived",
        "The payment for Pro arrived: Acme works without restriction. Thank you.",
        f"Plan, invoices and payment method: {BILLING}",
    ),
    (
        "milestone_reached", {"goal": "Traffic", "percent": 50, "path": "billing/contracts/7/", **MONEY},
        "milestone of 50 % reached",
        "Acme reached 50 % of its goal “Traffic”. The share that falls due, $1,234.50, is on the next invoice.",
        f"The contract and its figures: {BILLING}contracts/7/",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "context", "subject", "text", "link"), CASES)
def test_mail_says_exactly_this(db, acme, settings, kind, context, subject, text, link):
    assert written(kind, acme, **context) == (f"Acme: {subject}", f"{text}\n\n{link}\n")
    settings.PAYMENTS_NOTICE = "Simulated payments — no money moves"
    _, body = written(kind, acme, **context)
    assert body == f"{text}\n\n{link}\n\nSimulated payments — no money moves\n"


def test_enquiry_goes_to_staff_with_an_address_of_their_pages(db, staff):
    context = {
        "name": "Ada", "email": "ada@example.test", "organisation": "Engines", "text": "We are 40 <people> & more.",
        "path": "/admin/billing/enquiry/1/change/",
    }  # fmt: skip
    assert mails.send(owe("enquiry_received", **context))
    message = django_mail.outbox[-1]
    assert staff.user.email in message.to
    assert (message.subject, message.body) == (
        "Steward: new enquiry",
        "Ada of Engines (ada@example.test) writes:\n\nWe are 40 <people> & more.\n\n"
        "Answer it: http://127.0.0.1:8000/admin/billing/enquiry/1/change/\n",
    )


def test_every_kind_is_written_here():
    assert {case[0] for case in CASES} | {"enquiry_received"} == set(kinds.KINDS)


def test_days_are_those_of_the_workspace(db):
    from tenants.models import Workspace
    from tenants.scope import get_ref

    workspace = factories.make_workspace(factories.make_user())
    Workspace.objects.filter(id=workspace.id).update(timezone="Asia/Tokyo")
    _, body = written("cancelled", get_ref(id=workspace.id), plan="Pro", is_over=False, ends_at=AT)
    assert "works until 13 March 2026." in body


def test_link_leads_to_the_verified_domain_of_the_workspace(db, acme):
    from django.utils import timezone

    Domain.objects.create(
        domain="ai.acme.test", tenant_id=acme.id, is_primary=True, verified_at=timezone.now()
    )
    _, body = written("recovered", acme, plan="Pro")
    assert body.endswith("Plan, invoices and payment method: https://ai.acme.test/billing/\n")


def test_mail_goes_to_every_owner_and_to_nobody_else(db, owner):
    workspace = factories.make_workspace(factories.make_user("first@example.test"))
    factories.join(workspace, factories.make_user("second@example.test"), Membership.Role.OWNER)
    factories.join(workspace, factories.make_user(), Membership.Role.ADMIN)
    blocked = factories.make_user("blocked@example.test")
    factories.join(workspace, blocked, Membership.Role.OWNER)
    type(blocked).objects.filter(id=blocked.id).update(is_active=False)
    written("recovered", workspace, plan="Pro")
    assert django_mail.outbox[-1].to == ["first@example.test", "second@example.test"]


def test_name_of_the_workspace_begins_no_header(db):
    from tenants.models import Workspace
    from tenants.scope import get_ref

    workspace = factories.make_workspace(factories.make_user())
    Workspace.objects.filter(id=workspace.id).update(name="Acme\r\nBcc: everybody@example.test")
    subject, _ = written("recovered", get_ref(id=workspace.id), plan="Pro")
    assert subject == "Acme Bcc: everybody@example.test: the payment arrived"


def test_mail_without_its_values_is_refused_before_it_is_owed(db, acme):
    with pytest.raises(ValueError, match="lacks \\['plan'\\]"):
        owe("recovered", acme.id)
    with pytest.raises(ValueError, match="there is no mail farewell"):
        owe("farewell", acme.id)
    with pytest.raises(ValueError, match="needs a workspace"):
        owe("recovered", plan="Pro")
    assert not Mail.objects.filter(workspace_id=acme.id).exists()


def test_mail_of_a_change_that_was_taken_back_is_not_owed(committed, acme):
    key = f"test:{uuid4()}"
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.send_once(key, kind="recovered", workspace_id=acme.id, context={"plan": "Pro"})
        raise ZeroDivisionError
    assert not Mail.objects.filter(key=key).exists()


def test_owing_needs_a_transaction(committed, acme):
    with pytest.raises(RuntimeError, match="transaction"):
        services.send_once("x", kind="recovered", workspace_id=acme.id, context={"plan": "Pro"})


def test_same_key_owes_one_mail_also_from_eight_threads(committed, acme, monkeypatch):
    woken: list[str] = []
    monkeypatch.setattr(tasks.send_mail, "delay", lambda *, key: woken.append(key))
    key = f"test:{uuid4()}"

    def owe_it(_: int) -> bool:
        with transaction.atomic():
            return services.send_once(key, kind="recovered", workspace_id=acme.id, context={"plan": "Pro"})

    assert sorted(factories.at_once(8, owe_it)) == [False] * 7 + [True]
    assert woken == [key]
    Mail.objects.filter(key=key).delete()


def test_mail_is_sent_once_by_eight_senders(committed, acme):
    key = owe_quietly(acme)
    results = factories.at_once(8, lambda _: mails.send(key))
    assert sorted(results) == [False] * 7 + [True]
    assert [message.subject for message in django_mail.outbox] == ["Acme: the payment arrived"]
    Mail.objects.filter(key=key).delete()


def test_sending_without_the_claim_would_send_it_many_times(committed, acme, monkeypatch):
    """The control: who reads that it is unclaimed and writes that afterwards sends what others send too."""
    key = owe_quietly(acme)

    def send_by_read_and_write(_: int) -> None:
        mail = Mail.objects.get(key=key)
        barrier.wait(timeout=30)
        if mail.claimed_at is None:
            writing.message_of(mail).send()

    import threading

    barrier = threading.Barrier(8)
    factories.at_once(8, send_by_read_and_write)
    assert len(django_mail.outbox) == 8
    Mail.objects.filter(key=key).delete()


def owe_quietly(acme) -> str:
    key = f"test:{uuid4()}"
    Mail.objects.create(
        key=key, kind="recovered", writer="billing", workspace_id=acme.id, context={"plan": "Pro"}
    )
    return key


def test_mail_waits_while_the_mail_server_is_away(db, acme, monkeypatch):
    key = owe("recovered", acme.id, plan="Pro")
    with monkeypatch.context() as away:
        away.setattr(EmailBackend, "open", lambda self: (_ for _ in ()).throw(ConnectionRefusedError()))
        with pytest.raises(ConnectionRefusedError):
            mails.send(key)
        assert Mail.objects.get(key=key).claimed_at is None
    assert mails.send(key)
    assert len(django_mail.outbox) == 1


def test_mail_that_may_have_left_is_not_sent_again(db, acme, monkeypatch):
    key = owe("recovered", acme.id, plan="Pro")
    with monkeypatch.context() as broken:
        broken.setattr(
            EmailBackend, "send_messages", lambda self, messages: (_ for _ in ()).throw(TimeoutError())
        )
        with pytest.raises(TimeoutError):
            mails.send(key)
    assert not mails.send(key)
    mail = Mail.objects.get(key=key)
    assert (mail.claimed_at is not None, mail.sent_at, django_mail.outbox) == (True, None, [])


def test_beat_sends_what_the_task_of_the_commit_did_not(db, acme):
    from datetime import timedelta

    from django.utils import timezone

    Mail.objects.update(claimed_at=timezone.now())
    fresh, late = owe("recovered", acme.id, plan="Pro"), owe("restricted", acme.id, plan="Pro")
    Mail.objects.filter(key=late).update(created_at=timezone.now() - timedelta(minutes=2))
    tasks.send_mails()
    assert [message.subject for message in django_mail.outbox] == ["Acme: the workspace is read-only"]
    tasks.send_mail(key=fresh)
    tasks.send_mails()
    assert len(django_mail.outbox) == 2


def test_mail_of_a_workspace_that_is_gone_is_put_away(db):
    key = owe("recovered", uuid4(), plan="Pro")
    assert not mails.send(key)
    assert Mail.objects.get(key=key).claimed_at is not None
    assert django_mail.outbox == []


def test_task_is_enqueued_after_the_commit(db, acme, django_capture_on_commit_callbacks, monkeypatch):
    woken: list[str] = []
    monkeypatch.setattr(tasks.send_mail, "delay", lambda *, key: woken.append(key))
    with django_capture_on_commit_callbacks(execute=True):
        key = owe("recovered", acme.id, plan="Pro")
        assert woken == []
    assert woken == [key]

"""Mails to people: owed with what they tell, sent at most once, and in HTML that says what the text says."""

import io
import re
import smtplib
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from anymail.exceptions import AnymailAPIError
from django.core import mail as django_mail
from django.core.files.storage import default_storage
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.template import TemplateDoesNotExist
from django.utils import timezone
from PIL import Image

from accounts import tasks
from accounts.mails import blocks, brand, services
from accounts.mails.models import Mail
from tenants.models import Workspace
from tests import factories
from tests.mails import deliver, html_of, words_of

BASE = "http://127.0.0.1:8000"
TEXT = f"""Hello,

Ada invited you to Acme.

Accept the invitation: {BASE}/invitations/abc/

Role: member
Until: 8 December 2026

- You can ask
- You can read

ABCD-EFGH

Ask whoever wrote to you: https://elsewhere.test/
"""


def owe(text: str = TEXT, **fields) -> str:
    key = f"test:{uuid4()}"
    values = {"to": ["ada@example.test"], "subject": "An invitation", "text": text} | fields
    assert services.send_rendered(key, **values)
    return key


def sent(**fields) -> django_mail.EmailMultiAlternatives:
    assert services.send(owe(**fields))
    message = django_mail.outbox[-1]
    assert isinstance(message, django_mail.EmailMultiAlternatives)
    return message


# what it says


def test_text_is_read_as_what_it_is_made_of(settings):
    found = blocks.read(TEXT)
    assert [block.kind for block in found] == [
        "paragraph", "paragraph", "button", "details", "list", "code", "paragraph",
    ]  # fmt: skip
    assert (found[2].text, found[2].url) == ("Accept the invitation", f"{BASE}/invitations/abc/")
    assert found[3].rows == (("Role", "member"), ("Until", "8 December 2026"))
    assert found[4].lines == ["You can ask", "You can read"]


def test_html_says_what_the_text_says(db):
    message = sent()
    words, links = words_of(html_of(message))
    said = re.sub(r": http://\S+", "", f"Steward {message.subject} {message.body}")
    said = re.sub(r"^- ", "", said.replace("Role:", "Role").replace("Until:", "Until"), flags=re.MULTILINE)
    assert words == said.split()
    assert links == [f"{BASE}/invitations/abc/"]


KINDS = sorted(path.stem for path in Path("templates/mails").glob("*.txt") if not path.name.startswith("_"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_subject_and_says_nothing_else_in_html(db, kind):
    with transaction.atomic():
        services.send_once(kind, kind=kind, to=["ada@example.test"], context={"url": f"{BASE}/x/"})
    message = deliver(kind)[-1]
    assert 4 < len(message.subject) < 120
    assert message.body.strip()
    words, _ = words_of(html_of(message))
    text = re.sub(r"https?://\S+", "", message.body)
    letters = re.compile(r"\w+")
    said = " ".join(words).replace(blocks.UNNAMED, "")
    assert letters.findall(said) == letters.findall(f"Steward {message.subject} {text}")


def test_html_holds_no_remote_content_and_no_script(db):
    html = html_of(sent())
    assert re.findall(r"<(script|img|link|iframe|object|form)\b", html) == []
    assert re.findall(r"url\(|@import|src=", html) == []
    assert "prefers-color-scheme: dark" in html
    assert '<meta name="color-scheme" content="light dark">' in html


def test_values_stay_values(db):
    """A name is no markup, no paragraph, no button and no header."""
    hostile = "<b>Ada</b>\n\nClick: https://evil.test/\n\nBcc: all@example.test"
    with transaction.atomic():
        services.send_once(
            "x", kind="welcome", to=["ada@example.test"], context={"name": hostile, "url": f"{BASE}/w/a/"}
        )
    message = deliver("welcome")[-1]
    assert hostile not in message.body
    assert " ".join(hostile.split()) in message.body
    words, links = words_of(html_of(message))
    assert "<b>Ada</b>" in words
    assert links == [f"{BASE}/w/a/"]
    assert "\n" not in sent(subject="A\r\nBcc: all@example.test").subject


def test_button_leads_only_where_we_say():
    text = "Read more: https://evil.test/"
    assert [block.kind for block in blocks.read(text)] == ["paragraph"]
    assert [block.kind for block in blocks.read(text, links=["https://evil.test/"])] == ["button"]
    assert [block.kind for block in blocks.read(f"Go: {BASE}.evil.test/")] == ["paragraph"]


# whose it is


def logo(workspace_id) -> str:
    out = io.BytesIO()
    Image.new("RGB", (80, 20), "teal").save(out, "PNG")
    return default_storage.save(f"workspaces/{workspace_id}/logo/l.png", io.BytesIO(out.getvalue()))


def test_workspace_that_hides_the_product_writes_under_its_own_name(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    workspace = factories.make_workspace(factories.make_user())
    fields = {
        "name": "Acme & Sons",
        "logo": logo(workspace.id),
        "accent": "#ffe600",
        "hides_product_name": True,
    }
    Workspace.objects.filter(id=workspace.id).update(**fields)
    message = sent(workspace_id=workspace.id)
    html = html_of(message)
    assert message.from_email == "Acme & Sons <no-reply@localhost>"
    assert "Steward" not in html + message.body + message.from_email
    (image,) = message.attachments
    assert image["Content-ID"].strip("<>") in html
    assert (image.get_content_type(), image["Content-Disposition"].split(";")[0]) == ("image/png", "inline")
    assert 'bgcolor="#ffe600"' in html
    assert "color:#05211a;text-decoration" in html, "dark letters on a light accent"


def test_workspace_with_a_look_that_does_not_hide_the_product_names_both(db):
    workspace = factories.make_workspace(factories.make_user(), "look")
    Workspace.objects.filter(id=workspace.id).update(accent="#112233")
    found = brand.of_workspace(workspace.id)
    assert (found.name, found.by, found.accent, found.on_accent) == ("Look", "Steward", "#112233", "#ffffff")


@pytest.mark.parametrize("workspace_id", [None, uuid4()])
def test_mail_of_no_workspace_is_the_products(db, workspace_id):
    message = sent(workspace_id=workspace_id)
    assert message.from_email == "Steward <no-reply@localhost>"
    assert message.attachments == []


def test_lost_logo_keeps_no_mail_from_leaving(db):
    workspace = factories.make_workspace(factories.make_user())
    Workspace.objects.filter(id=workspace.id).update(logo="workspaces/nothing/logo/l.png")
    assert sent(workspace_id=workspace.id).attachments == []


# that it leaves once


def test_contents_are_emptied_when_it_is_sent(db):
    key = owe()
    assert Mail.objects.get(key=key).context["text"] == TEXT
    services.send(key)
    mail = Mail.objects.get(key=key)
    assert (mail.to, mail.context, mail.recipients) == ([], {}, 1)
    assert mail.sent_at is not None


def test_owing_needs_a_transaction_and_a_kind_that_exists(committed):
    with pytest.raises(RuntimeError, match="transaction"):
        services.send_once("x", kind="welcome", to=["a@example.test"], context={})
    with pytest.raises(TemplateDoesNotExist), transaction.atomic():
        services.send_once("x", kind="no_such_kind", to=["a@example.test"], context={})
    assert not Mail.objects.filter(key="x").exists()


def test_words_that_are_made_already_need_no_transaction(committed, monkeypatch):
    woken: list[str] = []
    monkeypatch.setattr(tasks.send_mail, "delay", lambda *, key: woken.append(key))
    key = owe()
    assert woken == [key]
    assert not services.send_rendered(key, to=["b@example.test"], subject="Again", text="Again")
    Mail.objects.filter(key=key).delete()


def test_mail_is_sent_once_by_eight_senders(committed, monkeypatch):
    monkeypatch.setattr(tasks.send_mail, "delay", lambda *, key: None)
    key = owe()
    assert sorted(factories.at_once(8, lambda _: services.send(key))) == [False] * 7 + [True]
    assert len(django_mail.outbox) == 1
    Mail.objects.filter(key=key).delete()


def failing(monkeypatch, error: BaseException, method: str = "send_messages"):
    def fail(self, *_: object) -> None:
        raise error

    monkeypatch.setattr(EmailBackend, method, fail)


def test_mail_waits_while_the_mail_server_is_away(db, monkeypatch):
    key = owe()
    with monkeypatch.context() as away:
        failing(away, ConnectionRefusedError(), "open")
        with pytest.raises(ConnectionRefusedError):
            services.send(key)
    assert services.send(key)


def refused_by_provider(status: int) -> AnymailAPIError:
    return AnymailAPIError("no", status_code=status, response=requests.Response())


def unreachable_provider() -> AnymailAPIError:
    error = AnymailAPIError("no")
    error.__cause__ = requests.ConnectionError()
    error.__cause__.__context__ = ConnectionRefusedError()
    return error


@pytest.mark.parametrize(
    "error",
    [
        smtplib.SMTPDataError(451, b"later"), smtplib.SMTPSenderRefused(421, b"later", "a@example.test"),
        smtplib.SMTPRecipientsRefused({"a@example.test": (450, b"greylisted")}), refused_by_provider(429),
        refused_by_provider(401), unreachable_provider(),
    ],
)  # fmt: skip
def test_mail_that_the_server_did_not_take_waits_too(db, monkeypatch, error):
    key = owe()
    with monkeypatch.context() as refusing:
        failing(refusing, error)
        with pytest.raises(type(error)):
            services.send(key)
    assert services.send(key)
    assert len(django_mail.outbox) == 1


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(), ConnectionResetError(), smtplib.SMTPServerDisconnected(), smtplib.SMTPDataError(554, b"spam"),
        smtplib.SMTPRecipientsRefused({"a@example.test": (550, b"nobody")}), refused_by_provider(500),
        refused_by_provider(422), AnymailAPIError("cut"),
    ],
)  # fmt: skip
def test_mail_that_may_have_left_or_never_will_is_not_sent_again(db, monkeypatch, error):
    key = owe()
    with monkeypatch.context() as broken:
        failing(broken, error)
        with pytest.raises(type(error)):
            services.send(key)
    assert not services.send(key)
    assert (Mail.objects.get(key=key).sent_at, django_mail.outbox) == (None, [])


def late(*keys: str) -> None:
    Mail.objects.filter(key__in=keys).update(created_at=timezone.now() - timedelta(minutes=2))


def test_beat_goes_on_after_a_mail_that_is_refused(db, monkeypatch):
    Mail.objects.update(claimed_at=timezone.now())
    bad, good = owe(to=["bad@example.test"]), owe()
    late(bad, good)
    real = EmailBackend.send_messages

    def refuse_one(self, messages):
        if messages[0].to == ["bad@example.test"]:
            raise smtplib.SMTPRecipientsRefused({"bad@example.test": (450, b"later")})
        return real(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_one)
    assert services.send_due() == 1
    assert [message.to for message in django_mail.outbox] == [["ada@example.test"]]


def test_beat_stops_when_the_server_is_away(db, monkeypatch):
    Mail.objects.update(claimed_at=timezone.now())
    late(*[owe() for _ in range(5)])
    tries: list[object] = []

    def away(self) -> None:
        tries.append(self)
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "open", away)
    with pytest.raises(ConnectionRefusedError):
        tasks.send_mails()
    assert len(tries) == services.MOST_FAILURES


def test_what_cannot_be_sent_for_a_week_is_given_up_and_emptied(db):
    old, young = owe(), owe()
    Mail.objects.filter(key=old).update(created_at=timezone.now() - timedelta(days=8))
    assert services.forget_old(now=timezone.now()) == 1
    assert not services.send(old)
    assert Mail.objects.get(key=old).context == {}
    assert services.send(young)


def test_nobody_writes_to_who_is_gone(db):
    key, other = owe(to=["gone@example.test"]), owe()
    assert services.forget_address("gone@example.test") == 1
    assert not services.send(key)
    assert "gone@example.test" not in str(Mail.objects.filter(key=key).values())
    assert services.send(other)

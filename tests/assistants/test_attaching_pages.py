"""Files of questions on pages: the composer's lines, the form without scripts, pictures, and who sees them."""

import pytest
from django.utils import timezone

from assistants.chat import attaching
from assistants.models import Attachment, Conversation, Document, Message
from tenants.scope import enter
from tests import factories
from tests.assistants.documents import files

CHAT = "/w/acme/chat/"
UPLOAD = f"{CHAT}attachments/"
pytestmark = pytest.mark.django_db


def give(person, name="cat.png", content: bytes | None = None) -> Attachment:
    with enter(person.workspace):
        file = files.upload(name, files.picture(size=(64, 48)) if content is None else content)
        return attaching.upload(member=person.member, file=file)


def ask(person, *rows: Attachment, text="What is this?"):
    with enter(person.workspace):
        turn = factories.ask(person.member, text, attachments=[row.id for row in rows])
        factories.answer(turn.run)
        return turn


def scripted(person):
    return person.browser(headers={"HX-Request": "true"})


def test_script_gets_a_line_or_the_words_of_a_refusal(member):
    browser = scripted(member)
    taken = browser.post(UPLOAD, {"file": files.upload("cat.png", files.picture())})
    refused = browser.post(UPLOAD, {"file": files.upload("b.pdf", b"no pdf")})
    row = taken.content.decode()
    assert taken.status_code == 201
    assert (
        'data-given="ready"' in row and 'type="hidden" name="attachments"' in row and "data-is-image" in row
    )
    assert (refused.status_code, 'data-problem="type_disagrees"' in refused.content.decode()) == (415, True)


def test_line_tells_how_far_a_document_is_read(member):
    row, browser = give(member, "a.txt", b"Alpha."), scripted(member)
    url = f"{UPLOAD}{row.id}/row/"
    assert 'data-given="reading"' in browser.get(url).content.decode()
    with enter(member.workspace):
        Document.objects.filter(id=row.document_id).update(state="parsing", progress=40)
    assert "Being read: 40 %" in browser.get(url).content.decode()
    with enter(member.workspace):
        Document.objects.filter(id=row.document_id).update(state="failed", error_code="no_text")
    failed = browser.get(url).content.decode()
    assert 'data-given="failed"' in failed and "There is no text in it." in failed


def test_picture_is_served_as_nothing_but_a_picture(member):
    row = give(member, "cat “x”.png")
    answer = member.browser().get(f"{UPLOAD}{row.id}/")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("inline; filename")
    assert answer["Cache-Control"].startswith("private")
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    with enter(member.workspace):
        Attachment.objects.filter(id=row.id).update(media_type="image/svg+xml")
    assert member.browser().get(f"{UPLOAD}{row.id}/").status_code == 404


def test_nobody_else_sees_a_file_of_a_private_conversation(member, owner, globex_owner):
    row = give(member)
    document = give(member, "a.txt", b"Alpha.").document
    with enter(member.workspace):
        Document.objects.update(state="ready")
    urls = [f"{UPLOAD}{row.id}/", f"/w/acme/documents/{document.id}/"]
    for sent in (False, True):
        if sent:
            with enter(member.workspace):
                given = Attachment.objects.get(document=document)
            ask(member, row, given)
        assert [member.browser().get(url).status_code for url in urls] == [200, 200]
        assert [owner.browser().get(url).status_code for url in urls] == [404, 404]
        assert globex_owner.browser().get(urls[0]).status_code == 404
        assert globex_owner.browser().get(urls[0].replace("acme", "globex")).status_code == 404


def test_another_person_can_neither_remove_nor_send_it(member, owner):
    row = give(member)
    assert owner.browser().post(f"{UPLOAD}{row.id}/remove/").status_code == 404
    assert owner.browser().post(CHAT, {"text": "Hello", "attachments": row.id}).status_code == 404
    with enter(member.workspace):
        assert (Attachment.objects.get().message, Message.objects.count()) == (None, 0)
    assert scripted(member).post(f"{UPLOAD}{row.id}/remove/").status_code == 204
    with enter(member.workspace):
        assert Attachment.objects.count() == 0


def test_question_shows_its_files(member):
    row = give(member)
    turn = ask(member, row)
    page = member.browser().get(f"{CHAT}{turn.conversation.id}/").content.decode()
    assert f'<img src="{UPLOAD}{row.id}/" alt="cat.png" width="64" height="48" loading="lazy">' in page


def test_form_without_scripts_sends_files_along(member):
    answer = member.browser().post(
        CHAT, {"text": "What?", "files": [files.upload("cat.png", files.picture())]}
    )
    assert answer.status_code == 303
    with enter(member.workspace):
        assert Message.objects.get(text="What?").attachments.get().name == "cat.png"


def test_form_without_scripts_comes_back_filled_while_a_document_is_read(member):
    browser = member.browser()
    answer = browser.post(CHAT, {"text": "Sum it <up>", "files": [files.upload("a.txt", b"Alpha.")]})
    page = answer.content.decode()
    with enter(member.workspace):
        row = Attachment.objects.get()
        assert Conversation.objects.count() == 0
        Document.objects.update(state="ready", parsed_at=timezone.now())
    assert answer.status_code == 409
    assert "Sum it &lt;up&gt;</textarea>" in page and "“a.txt” is still being read" in page
    assert f'type="checkbox" name="attachments" value="{row.id}" checked' in page
    assert browser.post(CHAT, {"text": "Sum it up", "attachments": row.id}).status_code == 303
    with enter(member.workspace):
        assert Attachment.objects.get().message.text == "Sum it up"


def test_refused_file_keeps_the_question_and_the_other_files_in_a_conversation_too(member):
    turn = ask(member)
    url = f"{CHAT}{turn.conversation.id}/messages/"
    chosen = [files.upload("b.pdf", b"no pdf"), files.upload("cat.png", files.picture())]
    answer = member.browser().post(url, {"text": "And this?", "files": chosen})
    page = answer.content.decode()
    assert answer.status_code == 415
    assert "b.pdf: This file is not what its name says." in page and "And this?</textarea>" in page
    with enter(member.workspace):
        assert (Message.objects.count(), Attachment.objects.get().name) == (2, "cat.png")


def test_page_says_which_assistants_do_not_see(member, settings):
    with enter(member.workspace):
        factories.make_assistant(member.member, "Blind", model="gpt-4o")
    settings.VISION_MODELS = frozenset({"gpt-4o-mini"})
    page = member.browser().get(CHAT).content.decode()
    options = [line for line in page.splitlines() if "</option>" in line][0]
    blind = options.split(">Blind<")[0].rpartition("<option")[2]
    assert "data-sees" not in blind and "data-sees" in options
    assert "data-attach-blind hidden>This assistant’s model cannot see images." in page

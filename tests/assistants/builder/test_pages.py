"""The builder's pages: templates, versions side by side, the archive, starters, pictures, limits."""

import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image

from accounts import services as accounts_services
from assistants.builder import choices, queries, services, templates
from assistants.models import Assistant, Feedback, Message
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from usage.models import Limit

LIST = "/w/acme/assistants/"
FORM = {
    "name": "Notary", "description": "", "instructions": "Two.", "model": "gpt-4o-mini", "temperature": "0.7",
    "max_output_tokens": "2048", "uses_memory": "on", "visibility": "workspace",
}  # fmt: skip


@pytest.fixture
def browser(db, owner):
    return owner.browser()


@pytest.fixture
def made(db, acme, owner) -> Assistant:
    with workspace_scope(acme.id):
        return factories.make_assistant(
            owner.member, "Notary", instructions="One.", starters=["Is this <valid>?"]
        )


def url(assistant, path: str = "") -> str:
    return f"{LIST}{assistant.id}/{path}"


def reload(acme, assistant) -> Assistant:
    with workspace_scope(acme.id):
        return Assistant.objects.get(id=assistant.id)


def queries_of(browser, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len([row for row in captured if not row["sql"].startswith("SET search_path")])


# templates


@pytest.mark.parametrize("template", templates.all_templates(), ids=lambda each: each.key)
def test_template_is_really_set_up(template):
    assert len(template.instructions) > 1000
    assert len(template.description) <= 200
    assert 3 <= len(template.starters) <= 6
    assert all(len(each) <= 200 for each in template.starters)
    assert set(template.tools) <= {tool.name for tool in choices.tools()}
    assert len(template.tools) >= 3
    assert template.uses_memory is True


@pytest.mark.parametrize("key", templates.ORDER)
def test_template_fills_the_form_and_becomes_an_assistant(browser, acme, key):
    template = templates.get(key)
    page = browser.get(f"{LIST}new/?template={key}")
    form = page.context["form"]
    said = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "", [])}
    response = browser.post(f"{LIST}new/", said | {"uses_memory": "on"})
    assert response.status_code == 302, response.context["form"].errors
    with workspace_scope(acme.id):
        row = Assistant.objects.get(template=key)
        snapshot = row.versions.get().snapshot
    wanted = {name: getattr(template, name) for name in ("name", "description", "tools", "starters")}
    assert {name: getattr(row, name) for name in wanted} == wanted
    assert row.instructions.splitlines() == template.instructions.splitlines()
    assert (row.temperature, row.max_output_tokens, row.uses_memory) == (
        template.temperature,
        template.max_output_tokens,
        True,
    )
    assert snapshot["tools"] == template.tools


def test_unknown_template_is_not_found(browser):
    assert browser.get(f"{LIST}new/?template=nothing").status_code == 404


def test_gallery_shows_all(browser):
    page = browser.get(f"{LIST}templates/").content.decode()
    assert [page.count(f"?template={key}") for key in templates.ORDER] == [1] * 5


# versions


def test_save_leads_back_to_the_editor_and_is_listed(browser, acme, made):
    response = browser.post(url(made), FORM | {"base": "1"})
    assert (response.status_code, response["Location"]) == (302, url(made))
    page = browser.get(url(made, "versions/")).content.decode()
    assert "Changed: Instructions, Conversation starters" in page
    assert page.count(">In use<") == 1


def test_second_of_two_editors_is_told_with_the_form_filled_and_can_save_on_top(browser, acme, made):
    browser.post(url(made), FORM | {"base": "1"})
    response = browser.post(url(made), FORM | {"base": "1", "instructions": "Three."})
    page = response.content.decode()
    assert (response.status_code, response.context["code"]) == (409, "assistant_edited_meanwhile")
    assert "Three.</textarea>" in page
    assert 'name="base" value="2"' in page
    assert browser.post(url(made), FORM | {"base": "2", "instructions": "Three."}).status_code == 302
    assert reload(acme, made).instructions == "Three."


def test_comparison_marks_what_differs(browser, acme, made):
    browser.post(url(made), FORM | {"base": "1", "starters": "Is this <valid>?"})
    page = browser.get(url(made, "compare/?a=1&b=2")).content.decode()
    assert '<del class="compare-line">One.</del>' in page
    assert '<ins class="compare-line">Two.</ins>' in page
    assert page.count(">Changed<") == 1
    assert "Is this &lt;valid&gt;?" in page
    assert browser.get(url(made, "compare/?a=1&b=9")).status_code == 404
    assert browser.get(url(made, "compare/?a=x&b=y")).status_code == 200, "the last two"


def test_restore_pin_and_unpin_by_their_buttons(browser, acme, made):
    browser.post(url(made), FORM | {"base": "1"})
    with workspace_scope(acme.id):
        first = made.versions.get(number=1).id
    browser.post(url(made, f"versions/{first}/pin/"))
    assert (reload(acme, made).pinned_number, reload(acme, made).instructions) == (1, "One.")
    assert "A pinned version is in use" in browser.get(url(made)).content.decode()
    browser.post(url(made, "unpin/"))
    assert (reload(acme, made).pinned_number, reload(acme, made).instructions) == (None, "Two.")
    browser.post(url(made, f"versions/{first}/restore/"))
    assert reload(acme, made).instructions == "One."


def test_list_of_versions_costs_the_same_however_many(browser, acme, owner, made):
    def save(count: int) -> None:
        with workspace_scope(acme.id):
            for number in range(count):
                changes = {"description": f"{count} {number}"}
                services.edit_assistant(member=owner.member, assistant=made, changes=changes)

    save(1)
    browser.get(url(made, "versions/"))
    few = queries_of(browser, url(made, "versions/"))
    save(18)
    assert queries_of(browser, url(made, "versions/")) == few


# duplicate, archive


def test_duplicate_is_its_makers_alone(browser, acme, owner, member, made):
    response = browser.post(url(made, "duplicate/"))
    with workspace_scope(acme.id):
        copy = Assistant.objects.get(name="Copy of Notary")
        assert (copy.visibility, copy.created_by_id, copy.instructions) == ("person", owner.user.id, "One.")
        assert copy.starters == ["Is this <valid>?"]
        assert copy not in queries.list_assistants(member.member)
    assert response["Location"] == url(copy)
    assert AuditEntry.objects.get(action="assistant.duplicated").data == {"source": str(made.id)}


def test_archived_assistant_moves_to_the_archive_and_back(browser, acme, made):
    browser.post(url(made, "archive/"))
    browser.get(LIST)  # with the message that it is archived
    assert "Notary" not in browser.get(LIST).content.decode()
    assert "Notary" in browser.get(f"{LIST}?archived=1").content.decode()
    assert browser.get(f"/w/acme/chat/?assistant={made.id}").status_code == 404
    assert browser.get(url(made)).status_code == 200
    assert browser.post(url(made), FORM).status_code == 409
    browser.post(url(made, "unarchive/"))
    assert reload(acme, made).archived_at is None


def test_private_assistant_of_who_leaves_is_archived(
    db, acme, owner, member, django_capture_on_commit_callbacks
):
    with workspace_scope(acme.id):
        alone = factories.make_assistant(member.member, "Alone", visibility="person")
        shared = factories.make_assistant(member.member, "Shared")
    with django_capture_on_commit_callbacks(execute=True):
        accounts_services.remove_member(
            membership_id=member.member.membership_id,
            workspace_id=acme.id,
            actor=accounts_services.person_actor(owner.user),
        )
    assert reload(acme, alone).archived_at is not None
    assert reload(acme, shared).archived_at is None
    assert AuditEntry.objects.get(action="assistant.archived_with_member").data == {"count": 1}


# starters


def test_starters_are_buttons_that_ask_at_once(browser, acme, made):
    page = browser.get(f"/w/acme/chat/?assistant={made.id}").content.decode()
    assert 'value="Is this &lt;valid&gt;?"' in page
    response = browser.post("/w/acme/chat/", {"assistant": made.id, "text": "Is this <valid>?"})
    assert response.status_code == 303
    with workspace_scope(acme.id):
        asked = Message.objects.get(role="user")
        assert (asked.text, asked.conversation.assistant_id) == ("Is this <valid>?", made.id)


def test_viewer_gets_no_starters(db, acme, viewer, made):
    page = viewer.browser().get(f"/w/acme/chat/?assistant={made.id}").content.decode()
    assert "Conversation starters" not in page


# picture


def picture(content: bytes | None = None) -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(out, "PNG")
    return SimpleUploadedFile("me.png", content or out.getvalue(), "image/png")


def test_picture_is_kept_in_the_workspaces_folder_shown_and_removed(
    browser, acme, made, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(url(made, "avatar/change/"), {"picture": picture()}).status_code == 302
    name = reload(acme, made).avatar
    assert name.startswith(f"workspaces/{acme.id}/assistants/")
    shown = browser.get(url(made, "avatar/"))
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(shown.content)).size == (256, 256)
    assert url(made, "avatar/") in browser.get(LIST).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(url(made, "avatar/change/"), {"remove": "1"})
    assert (reload(acme, made).avatar, default_storage.exists(name)) == ("", False)
    assert browser.get(url(made, "avatar/")).status_code == 404


def test_what_is_no_picture_is_refused_beside_its_field(browser, acme, made):
    response = browser.post(url(made, "avatar/change/"), {"picture": picture(b"<svg/>")})
    assert response.status_code == 422
    assert "choose a PNG, JPEG or WebP file" in response.content.decode()
    assert f'method="post" action="{url(made)}"' in response.content.decode()
    assert reload(acme, made).avatar == ""


# limits, feedback


def test_limit_is_set_for_this_assistant_by_who_manages_the_workspace(browser, acme, member, made):
    values = {"subject": f"assistant:{made.id}", "meter": "messages", "window": "day", "amount": "7"}
    assert browser.post(url(made, "limits/"), values).status_code == 302
    limit = Limit.objects.get(workspace_id=acme.id, subject_kind="assistant")
    assert (limit.subject_id, limit.meter, limit.amount) == (str(made.id), "messages", 7)
    assert "0 of 7" in browser.get(url(made)).content.decode()
    assert member.browser().post(url(made, "limits/"), values | {"amount": "9"}).status_code == 403
    limit.refresh_from_db()
    assert limit.amount == 7
    wrong = browser.post(url(made, "limits/"), values | {"amount": "-1"})
    assert (wrong.status_code, list(wrong.context["limit_form"].errors)) == (422, ["amount"])


def test_page_tallies_feedback_without_its_comments(browser, acme, owner, member, made):
    with workspace_scope(acme.id):
        for person, good in ((owner, True), (member, True), (owner, False)):
            turn = factories.ask(person.member, assistant=made)
            Feedback.objects.create(
                message=turn.answer, assistant=made, person_id=person.user.id, is_good=good, comment="SECRET",
                created_at=timezone.now(),
            )  # fmt: skip
    page = browser.get(url(made)).content.decode()
    assert "<strong>66 %</strong> of 3 rated answers were good: 2 up, 1 down." in page
    assert "SECRET" not in page


def test_list_and_editor_cost_the_same_however_many_there_are(browser, acme, owner, made):
    def counts() -> list[int]:
        found = []
        for path in (LIST, url(made)):
            browser.get(path)
            found.append(queries_of(browser, path))
        return found

    few = counts()
    with workspace_scope(acme.id):
        for number in range(18):
            factories.make_assistant(owner.member, f"Helper {number}")
    assert counts() == few

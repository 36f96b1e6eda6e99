"""Making and changing assistants."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from assistants.builder import queries, services
from assistants.models import Assistant
from config import errors
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories

NEW = "/w/acme/assistants/new/"
FORM = {
    "name": "Translator", "description": "To German", "instructions": "Translate.", "model": "gpt-4o",
    "temperature": "0.2", "max_output_tokens": "500", "uses_memory": "on", "visibility": "workspace",
}  # fmt: skip


@pytest.fixture
def browser(db, member):
    return member.browser()


def assistants(acme) -> list[Assistant]:
    with workspace_scope(acme.id):
        return list(queries.list_all())


def test_form_makes_an_assistant(browser, acme, member):
    response = browser.post(NEW, FORM)
    assert (response.status_code, response["Location"]) == (302, "/w/acme/assistants/")
    made = assistants(acme)[-1]
    assert (made.name, made.slug, made.model, made.max_output_tokens) == (
        "Translator",
        "translator",
        "gpt-4o",
        500,
    )
    assert (made.temperature, made.instructions) == (Decimal("0.20"), "Translate.")
    assert made.created_by_id == member.user.id
    assert "Translator is ready." in browser.get("/w/acme/assistants/").content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 81), ("model", ""), ("model", "gpt-99"), ("temperature", "-0.1"),
        ("temperature", "2.1"), ("temperature", "warm"), ("max_output_tokens", "15"),
        ("max_output_tokens", "32001"), ("max_output_tokens", "1.5"), ("description", "x" * 201),
    ],
)  # fmt: skip
def test_wrong_value_is_shown_beside_its_field_and_makes_nothing(browser, acme, field, value):
    before = assistants(acme)
    response = browser.post(NEW, FORM | {field: value})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert assistants(acme) == before


def test_edit_changes_what_was_changed_and_says_so_in_the_audit_log(browser, acme, member):
    with workspace_scope(acme.id):
        made = factories.make_assistant(member.member, "Translator")
    response = browser.post(f"/w/acme/assistants/{made.id}/", FORM)
    assert response.status_code == 302
    with workspace_scope(acme.id):
        changed = queries.access_assistant(member.member, made.id)
    assert (changed.instructions, changed.model) == ("Translate.", "gpt-4o")
    entries = AuditEntry.objects.filter(target_id=str(made.id)).order_by("id")
    assert [entry.action for entry in entries] == ["assistant.created", "assistant.edited"]
    assert entries[1].data["fields"] == sorted(
        ["description", "instructions", "max_output_tokens", "model", "temperature"]
    )
    assert "Translate." not in str(entries[1].data), "names of fields, not what was written"


def test_edit_that_changes_nothing_is_not_audited(browser, acme, member):
    with workspace_scope(acme.id):
        made = factories.make_assistant(member.member, "Translator")
    same = {
        "name": "Translator", "description": "", "instructions": "", "model": "gpt-4o-mini", "temperature": "0.70",
        "max_output_tokens": "2048", "uses_memory": "on", "visibility": "workspace",
    }  # fmt: skip
    assert browser.post(f"/w/acme/assistants/{made.id}/", same).status_code == 302
    assert AuditEntry.objects.filter(target_id=str(made.id), action="assistant.edited").count() == 0


def test_assistant_of_a_model_that_is_gone_can_still_be_edited(browser, acme, member, settings):
    with workspace_scope(acme.id):
        made = factories.make_assistant(member.member, "Old", model="gpt-4o")
    settings.CHAT_MODELS = ["gpt-4o-mini"]
    page = browser.get(f"/w/acme/assistants/{made.id}/")
    assert b'value="gpt-4o" selected' in page.content
    assert browser.post(f"/w/acme/assistants/{made.id}/", FORM | {"model": "gpt-4o"}).status_code == 302


@pytest.mark.parametrize(
    ("names", "slugs"),
    [
        (["Same", "Same", "Same"], ["same", "same-2", "same-3"]),
        (["Ünïcode & Söhne"], ["unicode-sohne"]),
        (["日本", "!!!"], ["assistant", "assistant-2"]),
        (["Steward"], ["steward-2"]),
    ],
)
def test_slugs_are_made_from_names_and_never_twice(in_acme, member, names, slugs):
    assert [factories.make_assistant(member.member, name).slug for name in names] == slugs


@pytest.mark.parametrize(("field", "value"), [("temperature", 3), ("max_output_tokens", 1)])
def test_database_refuses_what_the_form_would(in_acme, member, field, value):
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.make_assistant(member.member, "Odd", **{field: value})


def test_first_assistant_has_the_platforms_first_model(in_acme, member, settings):
    first = queries.get_default_assistant(member.member)
    assert (first.name, first.model) == ("Steward", settings.CHAT_MODELS[0])
    assert first.instructions == services.FIRST_INSTRUCTIONS


def test_archived_assistant_is_invisible(in_acme, member):
    from django.utils import timezone

    made = factories.make_assistant(member.member, "Bygone")
    Assistant.objects.filter(id=made.id).update(archived_at=timezone.now())
    with pytest.raises(errors.NotFound):
        queries.access_assistant(member.member, made.id)

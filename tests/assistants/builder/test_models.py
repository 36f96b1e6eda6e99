"""Which models an assistant may be given: own ones too, and the refused ones stand there with their reason."""

import re

import pytest
from django.utils import timezone

from assistants.builder import services
from assistants.builder.refusals import AssistantRefused
from assistants.models import Assistant, Provider, ProviderModel
from billing.catalogues import catalogue as catalogues
from tenants.scope import workspace_scope
from tests import factories
from usage.features.keys import Feature

NEW = "/w/acme/assistants/new/"
LOCAL_ONLY = "Your plan includes local models only."
FORM = {
    "name": "Notary", "description": "", "instructions": "Two.", "model": "gpt-4o-mini", "temperature": "0.7",
    "max_output_tokens": "2048", "uses_memory": "on", "visibility": "workspace",
}  # fmt: skip


def own_model(slug: str = "ours", *, is_local: bool = False) -> None:
    now = timezone.now()
    provider = Provider.objects.create(
        name=slug.title(), slug=slug, kind="compatible", base_url=f"https://{slug}.example/v1", is_local=is_local,
        created_at=now, updated_at=now,
    )  # fmt: skip
    ProviderModel.objects.create(provider=provider, name="llama3", seen_at=now)


def option(page: str, name: str) -> str:
    """Of the first field, the one that answers."""
    (found,) = re.findall(f'<option value="{name}"([^>]*)>', page.split('name="fallback_1"', maxsplit=1)[0])
    return found


def refuse(member, **fields) -> dict:
    with pytest.raises(AssistantRefused) as refused:
        factories.make_assistant(member, "Refused", **fields)
    assert not Assistant.objects.filter(name="Refused").exists()
    return refused.value.data | {"message": refused.value.message}


def free_of_ai_la(workspace_id) -> None:
    (free,) = [plan for plan in catalogues.load("ai-la").plans if plan.key == "free"]
    factories.give_rights(workspace_id, *{*free.features, Feature.CUSTOM_ASSISTANTS})


def test_own_models_are_chosen_by_provider(db, acme, owner):
    with workspace_scope(acme.id):
        own_model()
    page = owner.browser().get(NEW).content.decode()
    assert '<optgroup label="Ours">' in page and 'value="ours/llama3"' in page
    form = FORM | {"model": "ours/llama3", "fallback_1": "gpt-4o"}
    assert owner.browser().post(NEW, form).status_code == 302
    with workspace_scope(acme.id):
        row = Assistant.objects.get(name="Notary")
        assert (row.model, row.fallback_models) == ("ours/llama3", ["gpt-4o"])


def test_plan_of_local_models_shows_the_cloud_disabled_and_refuses_it(db, acme, owner):
    with workspace_scope(acme.id):
        own_model()
        own_model("house", is_local=True)
    free_of_ai_la(acme.id)
    page = owner.browser().get(NEW).content.decode()
    assert "disabled" in option(page, "gpt-4o-mini") and "disabled" in option(page, "ours/llama3")
    assert option(page, "house/llama3") == " selected"
    assert LOCAL_ONLY in page
    response = owner.browser().post(NEW, FORM)
    assert response.status_code == 422 and LOCAL_ONLY in response.content.decode()
    for field in ({"model": "gpt-4o-mini"}, {"model": "house/llama3", "fallback_models": ["ours/llama3"]}):
        with workspace_scope(acme.id):
            assert refuse(owner.member, **field)["message"] == LOCAL_ONLY
    assert owner.browser().post(NEW, FORM | {"model": "house/llama3"}).status_code == 302


def test_plan_with_the_cloud_takes_both(in_acme, acme, owner):
    """The control of the one above."""
    own_model()
    factories.make_assistant(owner.member, model="gpt-4o-mini", fallback_models=["ours/llama3"])


def test_unpriced_model_of_the_platform_cannot_be_chosen_while_money_is_limited(in_acme, owner, settings):
    settings.CHAT_MODELS = ["gpt-4o-mini", "never-heard-of"]
    own_model()
    refused = refuse(owner.member, model="never-heard-of")
    assert refused == {"field": "model", "message": "This model has no price here, and spend is limited."}
    # Whoever has the key of it pays elsewhere.
    factories.make_assistant(owner.member, model="ours/llama3")


def test_unpriced_model_may_be_chosen_where_money_is_not_limited(in_acme, owner, settings, monkeypatch):
    """The control of the one above."""
    settings.CHAT_MODELS = ["gpt-4o-mini", "never-heard-of"]
    monkeypatch.setattr("usage.limits.queries.limits_money", lambda workspace_id: False)
    factories.make_assistant(owner.member, model="never-heard-of")


def test_model_of_nobody_is_refused(in_acme, owner):
    assert refuse(owner.member, model="ours/llama3")["field"] == "model"
    assert refuse(owner.member, fallback_models=["unheard-of"])["field"] == "fallback_models"


def test_assistant_keeps_a_model_that_is_gone_and_takes_no_other(db, acme, owner):
    with workspace_scope(acme.id):
        own_model()
        own_model("theirs")
        row = factories.make_assistant(owner.member, "Notary", model="ours/llama3")
        Provider.objects.update(is_on=False)
    edit = f"/w/acme/assistants/{row.id}/"
    page = owner.browser().get(edit).content.decode()
    assert option(page, "ours/llama3") == " selected" and "This model is not offered any more." in page
    assert owner.browser().post(edit, FORM | {"model": "ours/llama3"}).status_code == 302
    assert owner.browser().post(edit, FORM | {"model": "theirs/llama3"}).status_code == 422
    with workspace_scope(acme.id):
        row.refresh_from_db()
        assert (row.model, row.instructions) == ("ours/llama3", "Two.")
        services.edit_assistant(member=owner.member, assistant=row, changes={"model": "gpt-4o-mini"})
        services.edit_assistant(member=owner.member, assistant=row, changes={"name": "Again"})
        with pytest.raises(AssistantRefused):
            services.edit_assistant(member=owner.member, assistant=row, changes={"model": "ours/llama3"})

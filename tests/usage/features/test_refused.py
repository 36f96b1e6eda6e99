"""Each feature with and without: what is not part of the plan is refused, and has not happened."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from accounts import api_keys
from accounts import services as accounts_services
from accounts.models import ApiKey, Membership
from assistants.builder import queries as builder_queries
from assistants.builder import services as builder_services
from assistants.models import Assistant, Conversation, Run
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.factories import Role
from usage import stops
from usage.features.keys import Feature
from usage.features.queries import FeatureNotIncluded
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Hold, Limit, Stop, SubjectKind

HISTORY = "/api/v1/usage/history"


def without(acme, *keys: str) -> None:
    factories.give_rights(acme.id, *(set(Feature.values) - set(keys)))


def refused(response, key: str) -> None:
    assert response.status_code == 402, response.content[:300]
    body = response.json()
    assert (body["code"], body["feature"]) == ("feature_not_included", key)


def page_refused(response, key: str) -> None:
    assert response.status_code == 402
    assert Feature(key).label in response.content.decode()


# API access


def test_key_is_turned_away_at_both_apis(db, acme, owner):
    client = factories.with_key(factories.make_key(owner.member))
    assert client.get("/api/v1/assistants").status_code == 200
    assert client.get("/v1/models").status_code == 200
    without(acme, Feature.API_ACCESS)
    refused(client.get("/api/v1/assistants"), "api_access")
    response = client.post("/api/v1/conversations", {"text": "Hello"}, content_type="application/json")
    refused(response, "api_access")
    with workspace_scope(acme.id):
        assert Conversation.objects.count() == 0
    found = client.get("/v1/models")
    assert (found.status_code, found.json()["error"]["feature"]) == (429, "api_access")


def test_session_still_reads_its_usage_without_api_access(db, acme, owner):
    without(acme, Feature.API_ACCESS)
    client = owner.browser(headers={"X-Workspace": acme.slug})
    assert client.get("/api/v1/usage/current").status_code == 200
    assert client.get("/api/v1/usage/limits").status_code == 200


def test_key_may_still_stop_a_run_without_api_access(db, acme, owner):
    client = factories.with_key(factories.make_key(owner.member))
    with workspace_scope(acme.id):
        run = factories.ask(owner.member).run
    without(acme, Feature.API_ACCESS)
    assert client.post(f"/api/v1/runs/{run.id}/stop").status_code == 204


def test_no_key_is_made_without_api_access(db, acme, owner):
    without(acme, Feature.API_ACCESS)
    before = ApiKey.objects.count()
    with pytest.raises(FeatureNotIncluded):
        factories.make_key(owner.member)
    page_refused(
        owner.browser().post("/w/acme/keys/new/", {"name": "Mine", "scopes": ["view"]}), "api_access"
    )
    assert ApiKey.objects.count() == before
    assert not AuditEntry.objects.filter(
        action="api_key.created", workspace_id=acme.id, actor_ref=owner.member.person_ref
    ).exists()


# admin controls


def test_own_limit_needs_admin_controls(db, acme, owner):
    spec = LimitSpec("messages", "day", 5, SubjectKind.PERSON, str(owner.member.person_ref))
    without(acme, Feature.ADMIN_CONTROLS)
    with pytest.raises(FeatureNotIncluded):
        limits.set_own_limit(workspace_id=acme.id, spec=spec, actor=owner.member.actor)
    data = {
        "subject": f"person:{owner.member.person_ref}",
        "meter": "messages",
        "window": "day",
        "amount": "5",
    }
    page_refused(owner.browser().post("/w/acme/usage/limits/", data), "admin_controls")
    assert not Limit.objects.filter(workspace_id=acme.id, source=Limit.Source.WORKSPACE).exists()
    without(acme)
    assert owner.browser().post("/w/acme/usage/limits/", data).status_code == 302
    assert Limit.objects.filter(workspace_id=acme.id, source=Limit.Source.WORKSPACE).count() == 1


def test_own_limit_can_be_removed_after_admin_controls_are_gone(db, acme, owner):
    spec = LimitSpec("messages", "day", 5, SubjectKind.PERSON, str(owner.member.person_ref))
    limit = limits.set_own_limit(workspace_id=acme.id, spec=spec, actor=owner.member.actor)
    without(acme, Feature.ADMIN_CONTROLS)
    assert owner.browser().post(f"/w/acme/usage/limits/{limit.pk}/remove/").status_code == 302
    assert not Limit.objects.filter(pk=limit.pk).exists()


def test_own_stop_needs_admin_controls_and_staffs_does_not(db, acme, owner):
    without(acme, Feature.ADMIN_CONTROLS)
    data = {"target": f"workspace:{acme.id}", "reason": "Too much"}
    page_refused(owner.browser().post("/w/acme/usage/stops/", data), "admin_controls")
    assert not Stop.objects.filter(target=str(acme.id)).exists()
    stop = {
        "scope": Stop.Scope.WORKSPACE,
        "target": str(acme.id),
        "reason": "Abuse",
        "actor": owner.member.actor,
    }
    assert stops.set_stop(**stop).authority == Stop.Authority.STAFF
    without(acme)
    assert owner.browser().post("/w/acme/usage/stops/", data).status_code == 302
    assert Stop.objects.filter(target=str(acme.id)).count() == 2


# what is shown and taken along


@dataclass(frozen=True)
class Page:
    feature: str
    path: Callable[[object, object], str]
    is_api: bool = False


def _receipt(acme, owner) -> str:
    with workspace_scope(acme.id):
        return str(factories.answer(factories.ask(owner.member).run).receipt_id)


PAGES = {
    "usage as a file": Page("usage_history", lambda acme, owner: "/w/acme/usage/export.csv"),
    "usage history": Page("usage_history", lambda acme, owner: HISTORY, is_api=True),
    "statements": Page("statements", lambda acme, owner: "/w/acme/usage/statements/"),
    "statements over REST": Page("statements", lambda acme, owner: "/api/v1/usage/statements", is_api=True),
    "the log of receipts": Page("receipts_export", lambda acme, owner: "/w/acme/receipts/log/"),
    "the log over REST": Page(
        "receipts_export", lambda acme, owner: "/api/v1/receipts/log/export", is_api=True
    ),
    "a receipt's document": Page(
        "receipts_export", lambda acme, owner: f"/w/acme/receipts/{_receipt(acme, owner)}/document/"
    ),
    "a receipt over REST": Page(
        "receipts_export", lambda acme, owner: f"/api/v1/receipts/{_receipt(acme, owner)}", is_api=True
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_there_with_its_feature_and_refused_without(db, acme, owner, name):
    page = PAGES[name]
    url = page.path(acme, owner)
    client = factories.with_key(factories.make_key(owner.member)) if page.is_api else owner.browser()
    factories.give_rights(acme.id, page.feature, Feature.API_ACCESS)
    assert client.get(url).status_code == 200
    without(acme, page.feature)
    response = client.get(url)
    (refused if page.is_api else page_refused)(response, page.feature)


def test_usage_page_shows_a_week_without_history(db, acme, owner):
    browser = owner.browser()
    whole = browser.get("/w/acme/usage/?days=365")
    assert whole.context["choice"].days == 365
    assert "export.csv" in whole.content.decode()
    without(acme, Feature.USAGE_HISTORY)
    part = browser.get("/w/acme/usage/?days=365")
    assert (part.status_code, part.context["choice"].days, part.context["rows"]) == (200, 7, [])
    assert [value for value, _, _ in part.context["day_options"]] == [7]
    assert "export.csv" not in part.content.decode()


# working together


def test_nobody_joins_a_workspace_for_one(db, acme):
    without(acme, Feature.SHARED_WORKSPACE)
    before = Membership.objects.filter(workspace_id=acme.id).count()
    with pytest.raises(FeatureNotIncluded) as error:
        factories.join(acme, factories.make_user(), Role.MEMBER)
    assert error.value.data["feature"] == "shared_workspace"
    assert Membership.objects.filter(workspace_id=acme.id).count() == before
    without(acme)
    factories.join(acme, factories.make_user(), Role.MEMBER)
    assert Membership.objects.filter(workspace_id=acme.id).count() == before + 1


# models


def test_model_of_the_cloud_needs_cloud_models(in_acme, acme, owner, settings):
    without(acme, Feature.CLOUD_MODELS)
    with pytest.raises(FeatureNotIncluded) as error:
        factories.ask(owner.member)
    assert error.value.data["feature"] == "cloud_models"
    assert (Run.objects.count(), Conversation.objects.count()) == (0, 0)
    assert not Hold.objects.filter(workspace_id=acme.id).exists()
    settings.LOCAL_PROVIDERS = frozenset({settings.PROVIDER_NAME})
    assert factories.ask(owner.member).run is not None


def test_cloud_models_reach_the_cloud(in_acme, acme, owner):
    factories.give_rights(acme.id, Feature.CLOUD_MODELS)
    assert factories.ask(owner.member).run is not None


def test_openai_call_needs_cloud_models(db, acme, owner):
    client = factories.with_key(factories.make_key(owner.member))
    without(acme, Feature.CLOUD_MODELS)
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    response = client.post("/v1/chat/completions", body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["feature"]) == (429, "cloud_models")
    with workspace_scope(acme.id):
        assert Run.objects.count() == 0


# assistants


def test_own_assistants_need_their_feature(in_acme, acme, owner):
    made = factories.make_assistant(owner.member, "Before")
    without(acme, Feature.CUSTOM_ASSISTANTS)
    count = Assistant.objects.count()
    with pytest.raises(FeatureNotIncluded):
        factories.make_assistant(owner.member, "After")
    with pytest.raises(FeatureNotIncluded):
        builder_services.edit_assistant(member=owner.member, assistant=made, changes={"instructions": "Else"})
    assert Assistant.objects.count() == count
    assert builder_queries.access_assistant(owner.member, made.id).instructions == ""
    # who has them may still talk to them
    assert factories.ask(owner.member, assistant=made).run is not None


def test_key_of_a_downgraded_workspace_can_be_revoked(db, acme, owner):
    text = factories.make_key(owner.member)
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
    without(acme, Feature.API_ACCESS)
    accounts_services.revoke_api_key(member=owner.member, key_id=key.id)
    assert ApiKey.objects.get(id=key.id).revoked_at is not None

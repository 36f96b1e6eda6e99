"""Own models through OpenAI's protocol, by the names that `GET /v1/models` gives."""

import pytest
from django.utils import timezone

from assistants.models import Provider, ProviderModel, Run
from tenants.scope import enter
from tests import factories
from usage.features.keys import Feature


@pytest.fixture
def own(db, acme) -> None:
    now = timezone.now()
    with enter(acme):
        row = Provider.objects.create(
            name="Ours",
            slug="ours",
            kind="compatible",
            base_url="https://m.example/v1",
            created_at=now,
            updated_at=now,
        )
        ProviderModel.objects.create(provider=row, name="a/b", seen_at=now)


def listed(client) -> dict[str, str]:
    return {row["id"]: row["owned_by"] for row in client.get("/v1/models").json()["data"]}


def test_list_has_what_the_workspace_may_use(own, acme, owner, settings):
    client = factories.with_key(factories.make_key(owner.member))
    found = listed(client)
    assert found["ours/a/b"] == "workspace"
    assert [found[name] for name in settings.CHAT_MODELS] == ["platform"] * len(settings.CHAT_MODELS)
    factories.give_rights(acme.id, Feature.CLOUD_MODELS, Feature.API_ACCESS)
    assert "ours/a/b" not in listed(client)
    assert settings.CHAT_MODELS[0] in listed(client)


def test_call_names_an_own_model(own, acme, owner):
    client = factories.with_key(factories.make_key(owner.member))
    stream = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}
    response = client.post(
        "/v1/chat/completions", {"model": "ours/gone", **stream}, content_type="application/json"
    )
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    factories.give_rights(acme.id, Feature.CLOUD_MODELS, Feature.API_ACCESS)
    response = client.post(
        "/v1/chat/completions", {"model": "ours/a/b", **stream}, content_type="application/json"
    )
    assert (response.status_code, response.json()["error"]["feature"]) == (429, "own_keys")
    with enter(acme):
        assert Run.objects.count() == 0

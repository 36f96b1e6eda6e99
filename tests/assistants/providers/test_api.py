"""A workspace's own providers over REST: keys go in and never come out."""

from uuid import uuid4

import pytest
from django.conf import settings as product
from django.core.cache import caches

from assistants.models import Provider, ProviderModel
from assistants.providers import sealing
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.api.conftest import Caller
from tests.assistants.providers.conftest import KEY
from tests.assistants.providers.test_providers import add

NEW = {"name": "Ours", "kind": "compatible", "base_url": "https://models.example/v1", "key": KEY}
FIELDS = {
    "id", "name", "slug", "kind", "base_url", "has_key", "key_last_four", "is_on", "is_local", "offered", "listed",
    "tested_at", "test_code", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def api(db, admin) -> Caller:
    caches[product.RATELIMIT_USE_CACHE].clear()
    return Caller(admin)


@pytest.fixture
def row(db, acme, admin, server) -> Provider:
    """At a server that answers; not tested yet."""
    with workspace_scope(acme.id):
        return add(admin.member, base_url=server.url)


@pytest.fixture
def one(row) -> str:
    return f"providers/{row.id}"


def key_of(acme, provider_id) -> str:
    with workspace_scope(acme.id):
        return sealing.key_of(Provider.objects.get(id=provider_id), acme.id)


def test_life_of_a_provider(api, acme):
    made = api.post("providers", **NEW)
    body = made.json()
    one = f"providers/{body['id']}"
    assert made.status_code == 201 and set(body) == FIELDS
    assert {name: body[name] for name in ("name", "slug", "kind", "base_url", "has_key", "key_last_four")} == {
        "name": "Ours", "slug": "ours", "kind": "compatible", "base_url": "https://models.example/v1", "has_key": True,
        "key_last_four": "wxyz",
    }  # fmt: skip
    assert (body["is_on"], body["offered"], body["listed"], body["tested_at"], body["test_code"]) == (
        True, 0, 0, None, "",
    )  # fmt: skip
    assert api.get(one).json() == body
    assert api.rows("providers") == [body]
    changed = api.patch(one, name="Theirs").json()
    assert (changed["name"], changed["slug"], changed["has_key"]) == ("Theirs", "ours", True)
    assert api.delete(one).status_code == 204
    assert (api.get(one).status_code, api.rows("providers")) == (404, [])
    actions = AuditEntry.objects.filter(workspace_id=acme.id, action__startswith="provider.").order_by("id")
    assert list(actions.values_list("action", flat=True)) == [
        "provider.added", "provider.edited", "provider.removed",
    ]  # fmt: skip


def test_key_is_in_no_answer(api, acme, server):
    made = api.post("providers", **NEW | {"base_url": server.url})
    one = f"providers/{made.json()['id']}"
    answers = [
        made, api.get(one), api.get("providers"), api.get(f"{one}/key"), api.post(f"{one}/test"),
        api.get(f"{one}/models"), api.put(f"{one}/key", key=KEY), api.patch(one, key=KEY, name="Other"),
        api.get("models"),
    ]  # fmt: skip
    assert [each.status_code for each in answers] == [201, 200, 200, 200, 200, 200, 200, 200, 200]
    assert not [each for each in answers if KEY.encode() in each.content]
    assert server.asked == [("/v1/models", f"Bearer {KEY}")], "the control: it was kept and sent"


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"name": ""}, 400, "invalid", "name"),
        ({"name": "x" * 61}, 400, "invalid", "name"),
        ({"kind": "other"}, 400, "invalid", "kind"),
        ({"base_url": ""}, 400, "invalid", "base_url"),
        ({"key": "x" * 501}, 400, "invalid", "key"),
        ({"base_url": "http://10.0.0.1/v1"}, 422, "provider_refused", "base_url"),
        ({"base_url": "https://10.0.0.1/v1"}, 422, "provider_refused", "base_url"),
        ({"key": "with spaces"}, 422, "provider_refused", "key"),
        ({"kind": "openai", "key": ""}, 422, "provider_refused", "key"),
    ],
)
def test_refused_provider_is_not_made(api, acme, body, status, code, field):
    refused = api.post("providers", **NEW | body)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (status, code)
    assert (list(told["fields"]) if status == 400 else [told["field"]]) == [field]
    assert KEY not in refused.content.decode()
    with workspace_scope(acme.id):
        assert not Provider.objects.exists()


def test_another_address_asks_for_the_key_again(api, acme, row, one, server):
    refused = api.patch(one, base_url="https://elsewhere.example/v1")
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
        422, "provider_key_needed", "key",
    )  # fmt: skip
    assert api.get(one).json()["base_url"] == server.url
    moved = api.patch(one, base_url="https://elsewhere.example/v1", key="sk-another-0123456789-abcd").json()
    assert (moved["base_url"], moved["key_last_four"]) == ("https://elsewhere.example/v1", "abcd")


def test_other_kind_needs_its_address(api):
    made = api.post("providers", name="Open", kind="openai", key=KEY).json()
    refused = api.patch(f"providers/{made['id']}", kind="compatible", key=KEY)
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["base_url"])


def test_key_is_rotated_and_forgotten(api, acme, row, one):
    assert api.get(f"{one}/key").json() == {"has_key": True, "key_last_four": "wxyz"}
    turned = api.put(f"{one}/key", key="sk-another-0123456789-abcd")
    assert turned.json() == {"has_key": True, "key_last_four": "abcd"}
    assert key_of(acme, row.id) == "sk-another-0123456789-abcd"
    for wrong, status in (({}, 400), ({"key": ""}, 400), ({"key": "with spaces"}, 422)):
        assert api.put(f"{one}/key", **wrong).status_code == status
    assert key_of(acme, row.id) == "sk-another-0123456789-abcd"
    assert api.delete(f"{one}/key").status_code == 204
    assert api.get(f"{one}/key").json() == {"has_key": False, "key_last_four": ""}
    made = api.post("providers", name="Open", kind="openai", key=KEY).json()
    refused = api.delete(f"providers/{made['id']}/key")
    assert (refused.status_code, refused.json()["code"]) == (422, "provider_refused")
    assert key_of(acme, made["id"]) == KEY


def test_test_reads_the_models_and_a_failure_changes_none(api, one, server):
    found = api.post(f"{one}/test").json()
    assert (found["code"], found["detail"], found["models"], found["left_out"]) == (
        "ok", "It answers and lists its models.", 2, 0,
    )  # fmt: skip
    assert (found["provider"]["offered"], found["provider"]["listed"], found["provider"]["test_code"]) == (
        2,
        2,
        "ok",
    )
    rows = api.rows(f"{one}/models")
    assert [(each["name"], each["model"], each["is_offered"], each["has_vision"]) for each in rows] == [
        ("llama3", "ours/llama3", True, False), ("qwen3", "ours/qwen3", True, False),
    ]  # fmt: skip
    assert [each["input_micro_per_million"] for each in rows] == [None, None]
    server.status = 401
    failed = api.post(f"{one}/test")
    assert (failed.status_code, failed.json()["code"], failed.json()["models"]) == (200, "unauthorised", 0)
    assert [each["name"] for each in api.rows(f"{one}/models")] == ["llama3", "qwen3"]


def test_tests_are_counted_with_those_of_the_pages(api, admin, one, row, server):
    browser = admin.browser()
    for _ in range(5):
        assert browser.post(f"/w/acme/settings/models/{row.id}/test/").status_code == 302
        assert api.post(f"{one}/test").status_code == 200
    refused = api.post(f"{one}/test")
    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (
        429, "too_many_provider_tests", "60",
    )  # fmt: skip
    assert len(server.asked) == 10


def test_models_are_chosen_all_or_none(api, acme, one, server):
    api.post(f"{one}/test")
    first, second = api.rows(f"{one}/models")
    said = {"id": first["id"], "is_chosen": False, "has_vision": True}
    refused = api.patch(f"{one}/models", models=[said, {"id": 10**9, "is_chosen": True, "has_vision": False}])
    assert (refused.status_code, refused.json()["code"]) == (409, "provider_models_gone")
    for wrong in ({}, {"models": []}, {"models": [{"id": first["id"]}]}, {"models": [{**said, "id": "x"}]}):
        refused = api.patch(f"{one}/models", **wrong)
        assert (refused.status_code, list(refused.json()["fields"])) == (400, ["models"])
    assert api.rows(f"{one}/models") == [first, second]
    assert api.patch(f"{one}/models", models=[said]).status_code == 204
    changed, same = api.rows(f"{one}/models")
    assert (changed["is_chosen"], changed["is_offered"], changed["has_vision"]) == (False, False, True)
    assert same == second
    assert [each["name"] for each in api.rows("models") if each["is_own"]] == ["ours/qwen3"]


def test_switched_off_none_of_its_models_is_offered(api, one):
    api.post(f"{one}/test")
    assert api.get(f"{one}/switch").json() == {"is_on": True}
    assert api.put(f"{one}/switch", is_on=False).json() == {"is_on": False}
    assert api.get(one).json()["is_on"] is False
    assert [each for each in api.rows("models") if each["is_own"]] == []
    refused = api.put(f"{one}/switch")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["is_on"])


def test_models_for_assistants_are_told_with_their_prices(api):
    rows = {each["name"]: each for each in api.rows("models")}
    mini = rows["gpt-4o-mini"]
    assert (mini["is_own"], mini["refusal"], mini["provider"]) == (False, "", product.PROVIDER_NAME)
    assert (mini["input_micro_per_million"], mini["output_micro_per_million"]) == (150_000, 600_000)
    assert api.rows("models", fields="name")[0].keys() == {"name"}


def test_changes_with_a_stale_tag_are_refused(api, acme, row, one):
    stale = {path: api.get(path)["ETag"] for path in (one, f"{one}/key", f"{one}/switch")}
    api.put(f"{one}/key", key="sk-another-0123456789-abcd")
    api.put(f"{one}/switch", is_on=False)
    for method, path, body in (
        ("patch", one, {"name": "Lost"}), ("put", f"{one}/key", {"key": KEY}),
        ("put", f"{one}/switch", {"is_on": True}), ("delete", f"{one}/key", {}), ("delete", one, {}),
    ):  # fmt: skip
        refused = api.send_if(stale[path], method, path, **body)
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed"), (method, path)
    now = api.get(one)
    assert (now.json()["name"], now.json()["key_last_four"], now.json()["is_on"]) == ("Ours", "abcd", False)
    kept = api.send_if(now["ETag"], "patch", one, name="Theirs")
    assert (kept.status_code, kept.json()["name"], kept["ETag"]) == (200, "Theirs", api.get(one)["ETag"])


def test_another_workspace_and_who_does_not_manage_get_nothing(api, globex_owner, member, row, one):
    elsewhere, below = Caller(globex_owner), Caller(member)
    assert elsewhere.rows("providers") == []
    for method, path in (
        ("get", one), ("patch", one), ("delete", one), ("get", f"{one}/key"), ("put", f"{one}/key"),
        ("delete", f"{one}/key"), ("put", f"{one}/switch"), ("post", f"{one}/test"), ("get", f"{one}/models"),
        ("patch", f"{one}/models"),
    ):  # fmt: skip
        found = elsewhere.get(path) if method == "get" else elsewhere.send(method, path)
        assert (found.status_code, found.json()["code"]) == (404, "not_found"), (method, path)
        found = below.get(path) if method == "get" else below.send(method, path)
        assert (found.status_code, found.json()["needs"]) == (403, "workspace:manage"), (method, path)
    assert api.get(one).status_code == 200, "the control"
    assert api.get(f"providers/{uuid4()}").status_code == 404


def test_scope_of_a_key_decides(admin, row, one):
    reader = Caller(admin, ["read", "assistants"])
    assert (reader.get(one).status_code, reader.get("models").status_code) == (403, 200)
    assert Caller(admin, ["workspace:manage"]).get(one).status_code == 200


def test_plan_without_own_keys_refuses(api, acme, row, one, settings):
    factories.give_rights(acme.id)
    settings.PROVIDERS_ALLOW_PRIVATE_HOSTS = False
    refused = api.post("providers", **NEW | {"name": "More"})
    assert (refused.status_code, refused.json()["code"]) == (402, "feature_not_included")


def test_lists_are_by_name_and_cost_the_same_with_many(api, acme, admin, one):
    api.post(f"{one}/test")
    few = (api.queries("providers"), api.queries(f"{one}/models"))
    with workspace_scope(acme.id):
        for number in range(6):
            add(admin.member, f"Another {number}")
        found = ProviderModel.objects.filter(name="qwen3").get()
        for number in range(6):
            found.pk, found.name = None, f"extra-{number}"
            found.save(force_insert=True)
    assert (api.queries("providers"), api.queries(f"{one}/models")) == few
    names, page = [], api.get("providers", limit="3", fields="name").json()
    while True:
        names += [each["name"] for each in page["results"]]
        if page["next"] is None:
            break
        page = api.client.get(page["next"]).json()
    assert names == [*(f"Another {number}" for number in range(6)), "Ours"]

"""Memory over REST: kept, corrected, pinned, forgotten, and nobody else's."""

from uuid import uuid4

import pytest
from django.utils import timezone

from assistants.memory import services
from assistants.models import MemoryItem, MemoryRefusal
from tests import factories
from tests.assistants.api.conftest import Caller

FIELDS = {
    "id", "layer", "text", "slot", "assistant", "confidence", "is_own", "conversation", "document", "happened_at",
    "created_at", "updated_at", "last_used_at", "use_count", "pinned_at", "superseded_by", "superseded_at",
}  # fmt: skip


@pytest.fixture
def tea(api) -> dict:
    return api.post("memory", text="I like tea.", slot="drink").json()


def test_life_of_a_statement(api, here):
    made = api.post("memory", text="  I like   tea. ", slot="Drink")
    body = made.json()
    one = f"memory/{body['id']}"
    assert made.status_code == 201 and set(body) == FIELDS
    assert {name: body[name] for name in ("layer", "text", "slot", "confidence", "is_own", "use_count")} == {
        "layer": "semantic", "text": "I like tea.", "slot": "drink", "confidence": 100, "is_own": True, "use_count": 0,
    }  # fmt: skip
    assert api.get(one).json() == body
    assert api.rows("memory") == [body]
    pinned = api.patch(one, is_pinned=True).json()
    assert (pinned["id"], pinned["pinned_at"] is None) == (body["id"], False)
    changed = api.patch(one, text="I like coffee.").json()
    assert (changed["text"], changed["slot"], changed["id"] == body["id"]) == (
        "I like coffee.",
        "drink",
        False,
    )
    assert changed["pinned_at"] is not None
    (former,) = api.rows(f"memory/{changed['id']}/history")
    assert (former["id"], former["superseded_by"]) == (body["id"], changed["id"])
    assert [row["text"] for row in api.rows("memory")] == ["I like coffee."]
    assert [row["text"] for row in api.rows("memory", history="true")] == ["I like tea."]
    assert api.delete(f"memory/{changed['id']}").status_code == 204
    assert (api.get(one).status_code, api.rows("memory"), api.rows("memory", history="true")) == (404, [], [])
    with here():
        assert not MemoryItem.objects.exists()


def test_what_is_there_already_is_confirmed(api, tea):
    again = api.post("memory", text="I like tea.", slot="drink")
    assert (again.status_code, again.json()["id"]) == (201, tea["id"])
    newer = api.post("memory", text="My drink is a double espresso.", slot="drink").json()
    assert [row["id"] for row in api.rows("memory")] == [newer["id"]]
    assert api.get(f"memory/{tea['id']}").json()["superseded_by"] == newer["id"]


@pytest.mark.parametrize(
    ("body", "status", "code", "named"),
    [
        ({}, 400, "invalid", "text"),
        ({"text": ""}, 400, "invalid", "text"),
        ({"text": ["x"]}, 400, "invalid", "text"),
        ({"text": "x", "layer": "working"}, 400, "invalid", "layer"),
        ({"text": "x", "assistant": "no-id"}, 400, "invalid", "assistant"),
        ({"text": "x", "slot": "s" * 121}, 400, "invalid", "slot"),
        ({"text": "x" * 1001}, 422, "memory_text", ""),
        ({"text": "My password is hunter2"}, 422, "memory_secret", ""),
        ({"text": "x", "assistant": str(uuid4())}, 404, "not_found", ""),
    ],
)
def test_refused_statement_is_not_kept(api, here, body, status, code, named):
    response = api.post("memory", **body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert list(response.json().get("fields", {})) == ([named] if named else [])
    with here():
        assert not MemoryItem.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": ""}, 400, "invalid"),
        ({"is_pinned": "perhaps"}, 400, "invalid"),
        ({"text": "My password is hunter2", "is_pinned": True}, 422, "memory_secret"),
        ({"text": "x" * 1001, "is_pinned": True}, 422, "memory_text"),
    ],
)
def test_refused_change_changes_nothing(api, tea, body, status, code):
    refused = api.patch(f"memory/{tea['id']}", **body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert api.get(f"memory/{tea['id']}").json() == tea


def test_another_person_and_another_workspace_find_nothing(api, other, elsewhere, tea):
    one = f"memory/{tea['id']}"
    for caller in (other, elsewhere):
        assert caller.rows("memory") == []
        assert caller.rows("memory", q="tea") == []
        for response in (
            caller.get(one), caller.get(f"{one}/history"), caller.patch(one, text="Mine."), caller.delete(one),
        ):  # fmt: skip
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert api.get(one).json() == tea, "the control"


def test_shared_layer_is_read_by_all_and_written_by_who_manages(api, member, elsewhere):
    reader = Caller(member)
    refused = reader.post("memory", layer="shared", text="We close at six.")
    assert (refused.status_code, refused.json()["needs"]) == (403, "workspace:manage")
    made = api.post("memory", layer="shared", text="We close at six.").json()
    assert (made["layer"], made["is_own"]) == ("shared", False)
    assert [row["text"] for row in reader.rows("memory", layer="shared")] == ["We close at six."]
    assert reader.patch(f"memory/{made['id']}", text="We never close.").status_code == 403
    assert reader.delete(f"memory/{made['id']}").status_code == 403
    assert elsewhere.get(f"memory/{made['id']}").status_code == 404
    assert api.get(f"memory/{made['id']}").json()["text"] == "We close at six."


def test_changes_with_a_stale_tag_are_refused(api, tea):
    one = f"memory/{tea['id']}"
    stale = api.get(one)["ETag"]
    fresh = api.send_if(stale, "patch", one, is_pinned=True)
    assert (fresh.status_code, fresh["ETag"]) == (200, api.get(one)["ETag"])
    for method, body in (("patch", {"text": "I like coffee."}), ("delete", {})):
        refused = api.send_if(stale, method, one, **body)
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert [row["text"] for row in api.rows("memory")] == ["I like tea."]
    assert api.send_if(fresh["ETag"], "delete", one).status_code == 204


def test_list_is_paged_and_narrowed(api, here, owner):
    texts = [f"Fact of {word}." for word in ("apples", "bridges", "clocks", "dragons", "engines")]
    made = [api.post("memory", text=text).json() for text in texts]
    api.post("memory", layer="preference", text="Answer briefly.")
    api.patch(f"memory/{made[0]['id']}", is_pinned=True)
    seen, page = [], api.get("memory", limit="2", layer="semantic").json()
    while True:
        seen += [row["text"] for row in page["results"]]
        if page["next"] is None:
            break
        page = api.client.get(page["next"]).json()
    assert seen == texts[::-1]
    assert [row["text"] for row in api.rows("memory", layer="preference")] == ["Answer briefly."]
    assert [row["text"] for row in api.rows("memory", pinned="true")] == texts[:1]
    assert [row["text"] for row in api.rows("memory", q="dragons")] == ["Fact of dragons."]
    with here():
        able = factories.make_assistant(owner.member, "Able")
    assert api.rows("memory", assistant=str(able.id)) == []
    for wrong in ({"layer": "working"}, {"assistant": "x"}, {"pinned": "perhaps"}):
        refused = api.get("memory", **wrong)
        assert (refused.status_code, list(refused.json()["fields"])) == (400, list(wrong))


def test_sparse_answers(api, tea):
    assert api.get(f"memory/{tea['id']}", fields="text").json() == {"text": "I like tea."}
    assert api.rows("memory", fields="id,layer") == [{"id": tea["id"], "layer": "semantic"}]
    assert api.rows("memory", q="tea", fields="text") == [{"text": "I like tea."}]
    refused = api.get("memory", fields="secret")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["fields"])


def test_forbidden_is_never_kept_again_until_that_is_lifted(api, other, tea, here):
    assert api.delete(f"memory/{tea['id']}?forbid=true").status_code == 204
    (refusal,) = api.rows("memory/refusals")
    assert refusal["text"] == "I like tea."
    refused = api.post("memory", text="I like tea.")
    assert (refused.status_code, refused.json()["code"]) == (422, "memory_forbidden")
    assert other.rows("memory/refusals") == []
    assert other.delete(f"memory/refusals/{refusal['id']}").status_code == 404
    assert api.delete(f"memory/refusals/{refusal['id']}").status_code == 204
    with here():
        assert not MemoryRefusal.objects.exists()
    assert api.post("memory", text="I like tea.").status_code == 201


def test_switch_is_ones_own(api, other, tea):
    assert api.get("memory/switch").json() == {"is_on": True}
    stale = api.get("memory/switch")["ETag"]
    assert api.put("memory/switch", is_on=False).json() == {"is_on": False}
    assert (api.get("memory/switch").json(), other.get("memory/switch").json()) == (
        {"is_on": False},
        {"is_on": True},
    )
    assert api.send_if(stale, "put", "memory/switch", is_on=True).status_code == 412
    refused = api.put("memory/switch")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["is_on"])
    assert api.rows("memory") == [tea], "nothing is deleted"


def test_forgetting_a_day_takes_ones_own_alone(api, other, tea):
    other.post("memory", text="I like trains.")
    for wrong in ("yesterday", "2999-01-01"):
        assert api.post("memory/forget-day", day=wrong).status_code in (400, 422)
    today = timezone.localdate().isoformat()
    body = api.post("memory/forget-day", day=today).json()
    assert (body["day"], body["forgotten"]) == (today, 1)
    assert (api.rows("memory"), len(other.rows("memory"))) == ([], 1)


def test_layers_count_what_the_caller_sees(api, other, tea):
    counts = {row["name"]: row["items"] for row in api.rows("memory/layers")}
    assert (counts["semantic"], counts["preference"], counts["working"], len(counts)) == (1, 0, None, 8)
    assert {row["name"]: row["items"] for row in other.rows("memory/layers")}["semantic"] == 0


def test_graph_is_seen_by_whose_statement_says_it(api, other, here, tea):
    with here():
        item = MemoryItem.objects.get(id=tea["id"])
        services.relate(item=item, subject="Ada", predicate="drinks", object="Tea")
    (edge,) = api.rows("memory/relations")
    assert (edge["subject"]["name"], edge["predicate"], edge["object"]["name"], edge["item"]) == (
        "Ada", "drinks", "Tea", tea["id"],
    )  # fmt: skip
    assert {row["name"] for row in api.rows("memory/entities")} == {"Ada", "Tea"}
    assert (other.rows("memory/relations"), other.rows("memory/entities")) == ([], [])

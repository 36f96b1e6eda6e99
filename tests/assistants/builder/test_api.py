"""Assistants and versions over REST."""

import pytest

from tests import factories

API = "/api/v1/assistants"
NEW = {"name": "Notary", "model": "gpt-4o-mini", "instructions": "One."}


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


def send(client, method: str, path: str, **body):
    return getattr(client, method)(f"{API}{path}", body, content_type="application/json")


def test_life_of_an_assistant(client):
    made = send(client, "post", "", **NEW, tools=["clock"], starters=["Hello?"]).json()
    one = f"/{made['id']}"
    assert (made["temperature"], made["tools"], made["visibility"], made["members"]) == (
        "0.70", ["clock"], "workspace", [],
    )  # fmt: skip
    changed = send(client, "patch", one, instructions="Two.", base=1)
    assert (changed.status_code, changed.json()["instructions"]) == (200, "Two.")
    versions = client.get(f"{API}{one}/versions").json()["results"]
    assert [row["snapshot"]["instructions"] for row in versions] == ["Two.", "One."]
    pinned = send(client, "post", f"{one}/versions/{versions[1]['id']}/pin").json()
    assert (pinned["pinned_number"], pinned["instructions"]) == (1, "One.")
    assert send(client, "delete", f"{one}/pin").status_code == 204
    assert client.get(f"{API}{one}").json()["instructions"] == "Two."
    restored = send(client, "post", f"{one}/versions/{versions[1]['id']}/restore")
    assert (restored.status_code, restored.json()["number"]) == (201, 3)
    copy = send(client, "post", f"{one}/duplicate").json()
    assert (copy["name"], copy["visibility"], copy["instructions"]) == ("Copy of Notary", "person", "One.")
    assert send(client, "delete", one).status_code == 204
    names = [row["name"] for row in client.get(API).json()["results"]]
    assert names == ["Copy of Notary", "Steward"]
    assert send(client, "post", f"{one}/unarchive").json()["archived_at"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "gpt-99"}, 400),
        ({"fallback_models": ["gpt-99"]}, 400),
        ({"temperature": "2.01"}, 400),
        ({"max_output_tokens": 15}, 400),
        ({"visibility": "world"}, 400),
        ({"tools": ["shell"]}, 422),
        ({"fallback_models": ["gpt-4o-mini"]}, 422),
        ({"visibility": "members", "members": []}, 422),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nothing(client, body, status):
    response = send(client, "post", "", **NEW | body)
    assert response.status_code == status
    assert [row["name"] for row in client.get(API).json()["results"]] == ["Steward"]


def test_who_saves_on_an_old_version_is_told(client):
    made = send(client, "post", "", **NEW).json()
    send(client, "patch", f"/{made['id']}", instructions="Two.")
    refused = send(client, "patch", f"/{made['id']}", instructions="Three.", base=1)
    assert (refused.status_code, refused.json()["code"], refused.json()["latest"]) == (
        409, "assistant_edited_meanwhile", 2,
    )  # fmt: skip


def test_instructions_are_not_in_the_list(client):
    send(client, "post", "", **NEW | {"instructions": "SECRET"})
    assert "SECRET" not in client.get(API).content.decode()

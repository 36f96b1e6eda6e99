"""Projects over REST: their owner changes them, their members see them, nobody else knows of them."""

from uuid import uuid4

import pytest

from assistants.models import Project
from tests.assistants.api.conftest import Caller

FIELDS = {
    "id", "name", "description", "instructions", "owner", "is_own", "conversations", "people", "created_at",
    "updated_at", "archived_at",
}  # fmt: skip


@pytest.fixture
def made(api) -> dict:
    return api.post("projects", name="Launch", description="Spring", instructions="Be brief.").json()


@pytest.fixture
def one(made) -> str:
    return f"projects/{made['id']}"


@pytest.fixture
def helper(member) -> Caller:
    """A plain member of the workspace."""
    return Caller(member)


def test_life_of_a_project(api, owner, here):
    response = api.post("projects", name="Launch", description="Spring", instructions="Be brief.")
    body = response.json()
    one = f"projects/{body['id']}"
    assert response.status_code == 201 and set(body) == FIELDS
    assert {name: body[name] for name in ("name", "description", "instructions", "owner", "is_own")} == {
        "name": "Launch", "description": "Spring", "instructions": "Be brief.", "owner": str(owner.user.id),
        "is_own": True,
    }  # fmt: skip
    assert (body["conversations"], body["people"], body["archived_at"]) == (0, 1, None)
    assert api.get(one).json() == body
    assert api.rows("projects") == [body]
    changed = api.patch(one, name="Landing").json()
    assert (changed["name"], changed["description"], changed["instructions"]) == (
        "Landing",
        "Spring",
        "Be brief.",
    )
    api.post("conversations", text="Hello", project=body["id"])
    assert api.get(one).json()["conversations"] == 1
    assert api.delete(one).status_code == 204
    archived = api.get(one).json()
    assert (archived["archived_at"] is None, archived["conversations"]) == (False, 1)
    assert api.rows("projects", archived="false") == []
    assert [row["id"] for row in api.rows("projects", archived="true")] == [body["id"]]
    assert api.patch(one, is_archived=False).json()["archived_at"] is None
    with here():
        assert Project.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "x", "description": "x" * 201}, "description"),
        ({"name": "x", "instructions": "x" * 8001}, "instructions"),
        ({"name": ["x"]}, "name"),
    ],
)
def test_refused_project_is_not_made_and_no_change(api, made, one, here, body, named):
    refused = api.post("projects", **body)
    assert (refused.status_code, refused.json()["code"], list(refused.json()["fields"])) == (
        400,
        "invalid",
        [named],
    )
    if body:
        refused = api.patch(one, **body)
        assert (refused.status_code, list(refused.json()["fields"])) == (400, [named])
    assert api.get(one).json() == made
    with here():
        assert Project.objects.count() == 1


def test_another_person_and_another_workspace_find_nothing(api, other, elsewhere, made, one):
    for caller in (other, elsewhere):
        assert caller.rows("projects") == []
        for response in (
            caller.get(one),
            caller.patch(one, name="Mine"),
            caller.delete(one),
            caller.get(f"{one}/members"),
            caller.post(f"{one}/members", person=str(caller.member.user_id)),
            caller.delete(f"{one}/members/{caller.member.user_id}"),
            caller.post("conversations", text="Hello", project=made["id"]),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert api.get(one).json() == made, "the control"


def test_member_of_a_project_sees_it_and_changes_nothing(api, helper, other, made, one):
    person = str(helper.member.user_id)
    assert helper.get(one).status_code == 404
    assert api.post(f"{one}/members", person=person).status_code == 204
    assert api.post(f"{one}/members", person=person).status_code == 204, "nothing happens a second time"
    seen = helper.get(one).json()
    assert (seen["is_own"], seen["people"], seen["instructions"]) == (False, 2, "Be brief.")
    people = [(row["id"], row["is_owner"], row["is_self"]) for row in helper.rows(f"{one}/members")]
    assert people == [(made["owner"], True, False), (person, False, True)]
    for refused in (
        helper.patch(one, name="Mine"),
        helper.delete(one),
        helper.post(f"{one}/members", person=str(other.member.user_id)),
        helper.delete(f"{one}/members/{made['owner']}"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "not_project_owner")
    assert api.get(one).json()["name"] == "Launch"
    assert helper.delete(f"{one}/members/{person}").status_code == 204, "who leaves"
    assert helper.get(one).status_code == 404


def test_only_people_of_the_workspace_are_taken_in_and_the_owner_stays(api, elsewhere, one, made):
    for stranger in (str(uuid4()), str(elsewhere.member.user_id)):
        refused = api.post(f"{one}/members", person=stranger)
        assert (refused.status_code, refused.json()["code"]) == (422, "not_in_workspace")
    refused = api.post(f"{one}/members", person="nobody")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["person"])
    refused = api.delete(f"{one}/members/{made['owner']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "project_owner_stays")
    assert api.delete(f"{one}/members/{uuid4()}").status_code == 404
    assert api.get(one).json()["people"] == 1


def test_changes_with_a_stale_tag_are_refused(api, one):
    stale = api.get(one)["ETag"]
    fresh = api.send_if(stale, "patch", one, name="Landing")
    assert (fresh.status_code, fresh["ETag"]) == (200, api.get(one)["ETag"])
    for method, body in (("patch", {"name": "Lost"}), ("delete", {})):
        refused = api.send_if(stale, method, one, **body)
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    kept = api.get(one).json()
    assert (kept["name"], kept["archived_at"]) == ("Landing", None)
    assert api.send_if(fresh["ETag"], "delete", one).status_code == 204


def test_list_is_by_name_paged_and_sparse(api):
    for name in ("Delta", "Alpha", "Echo", "Charlie", "Bravo"):
        api.post("projects", name=name)
    seen, page = [], api.get("projects", limit="2", fields="name").json()
    while True:
        seen += page["results"]
        if page["next"] is None:
            break
        page = api.client.get(page["next"]).json()
    assert seen == [{"name": name} for name in ("Alpha", "Bravo", "Charlie", "Delta", "Echo")]
    refused = api.get("projects", fields="secret")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["fields"])
    refused = api.get("projects", archived="perhaps")
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["archived"])


def test_detail_and_people_are_sparse(api, one):
    assert api.get(one, fields="name,people").json() == {"name": "Launch", "people": 1}
    assert api.rows(f"{one}/members", fields="is_owner") == [{"is_owner": True}]


def test_list_costs_the_same_with_many(api):
    for number in range(2):
        api.post("projects", name=f"Number {number}")
    few = api.queries("projects")
    for number in range(2, 8):
        api.post("projects", name=f"Number {number}")
    assert api.queries("projects") == few

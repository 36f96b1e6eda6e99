"""Conversations over REST: filters, search, changes, deletion, and that nobody else gets any of it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from assistants.models import Conversation, Message, Run
from assistants.projects import services as projects
from tests import factories, library


@pytest.fixture
def talks(here, owner):
    """Four, from old to new: plain, pinned with a tag, archived, temporary."""
    now = timezone.now()
    with here():
        return [
            library.talk(owner.member, title, *said, updated_at=now + timedelta(minutes=number), **fields)
            for number, (title, said, fields) in enumerate([
                ("Plain", ("What is brightwater?", "A <b>river</b>."), {}),
                ("Pinned", ("Hello",), {"pinned_at": now, "tags": ["work"]}),
                ("Archived", ("Brightwater again",), {"archived_at": now}),
                ("Temporary", (), {"is_temporary": True}),
            ])
        ]  # fmt: skip


def titles(rows) -> list[str]:
    return [row["title"] for row in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Temporary", "Archived", "Pinned", "Plain"]),
        ({"archived": "true"}, ["Archived"]),
        ({"archived": "false"}, ["Temporary", "Pinned", "Plain"]),
        ({"pinned": "1"}, ["Pinned"]),
        ({"tag": "work"}, ["Pinned"]),
        ({"tag": "play"}, []),
        ({"temporary": "true"}, ["Temporary"]),
        ({"deleted": "true"}, []),
        ({"q": "brightwater"}, ["Archived", "Plain"]),
        ({"q": "brightwater", "archived": "false"}, ["Plain"]),
        ({"q": "nothing-of-it"}, []),
        ({"assistant": str(uuid4())}, []),
        ({"project": str(uuid4())}, []),
    ],
)
def test_list_is_narrowed(api, talks, query, expected):
    found = titles(api.rows("conversations", **query))
    assert (sorted(found) if "q" in query else found) == expected


@pytest.mark.parametrize(("name", "value"), [("archived", "perhaps"), ("project", "x"), ("tag", "x" * 41)])
def test_unreadable_filter_is_refused(api, name, value):
    response = api.get("conversations", **{name: value})
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert name in response.json()["fields"]


def test_hit_tells_where_it_is_with_everything_else_escaped(api, talks, here):
    (row,) = [each for each in api.rows("conversations", q="river") if each["title"] == "Plain"]
    with here():
        answer = talks[0].messages.get(role="assistant")
    assert row["match"] == {
        "title": "Plain",
        "snippet": "A &lt;b&gt;<mark>river</mark>&lt;/b&gt;.",
        "message": str(answer.id),
    }
    assert [each["match"] for each in api.rows("conversations")] == [None] * 4


def test_search_is_paged(api, here, owner):
    with here():
        for number in range(23):
            library.talk(owner.member, f"Talk {number}", "About brightwater")
    first = api.get("conversations", q="brightwater").json()
    assert len(first["results"]) == 20
    second = api.client.get(first["next"]).json()
    assert (len(second["results"]), second["next"], second["previous"]) == (3, None, None)
    assert len({row["id"] for row in first["results"] + second["results"]}) == 23


def test_detail(api, here, owner):
    with here():
        turn = factories.ask(owner.member, "What is a hold?")
        factories.answer(turn.run)
        run = Run.objects.get(id=turn.run.id)
    body = api.get(f"conversations/{turn.conversation.id}").json()
    assert body["leaf"] == str(turn.answer.id)
    assert (body["title"], body["is_own"], body["is_running"]) == ("What is a hold?", True, False)
    assert body["cost_micro"] == run.cost_micro > 0
    assert "match" not in body
    assert body["created_at"].endswith("Z")


def test_started_with_choices(api, here, owner):
    with here():
        project = projects.create(member=owner.member, name="Move")
    response = api.post(
        "conversations", text="Hi", project=str(project.id), is_temporary=True, uses_memory=False
    )
    body = api.get(f"conversations/{response.json()['conversation']}").json()
    assert (body["project"], body["is_temporary"], body["uses_memory"]) == (str(project.id), True, False)


def test_changes_all_or_nothing(api, here, owner, talks):
    with here():
        project = projects.create(member=owner.member, name="Move")
        assistant = factories.make_assistant(owner.member, "Second")
    path = f"conversations/{talks[0].id}"
    body = api.patch(
        path, title="  New   name ", tags=["Work", "home", "work"], is_pinned=True, project=str(project.id),
        assistant=str(assistant.id),
    ).json()  # fmt: skip
    assert (body["title"], body["tags"], body["pinned_at"] is None) == ("New name", ["work", "home"], False)
    assert (body["project"], body["assistant"]) == (str(project.id), str(assistant.id))
    refused = api.patch(path, title="Other", tags=[f"t{n}" for n in range(11)])
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_tags")
    assert api.get(path).json()["title"] == "New name", "nothing of a refused change is kept"
    assert api.patch(path, project=None).json()["project"] is None
    assert api.patch(path, is_archived=True).json()["pinned_at"] is None, "what is archived loses its pin"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"title": " "}, 422, "title_empty"),
        ({"title": "x" * 121}, 422, "title_too_long"),
        ({"tags": ["x" * 41]}, 422, "tag_too_long"),
        ({"tags": "work"}, 400, "invalid"),
        ({"is_pinned": "perhaps"}, 400, "invalid"),
        ({"project": str(uuid4())}, 404, "not_found"),
        ({"assistant": str(uuid4())}, 404, "not_found"),
        ({"assistant": None}, 400, "invalid"),
    ],
)
def test_refused_change(api, talks, change, status, code):
    path = f"conversations/{talks[0].id}"
    before = api.get(path).json()
    response = api.patch(path, **change)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert api.get(path).json() == before


def test_deleted_can_be_restored_and_then_erased(api, talks, here):
    path = f"conversations/{talks[0].id}"
    assert api.delete(f"{path}?forever=true").status_code == 404, "only what was deleted before"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert titles(api.rows("conversations", deleted="true")) == ["Plain"]
    assert api.post(f"{path}/restore").json()["deleted_at"] is None
    assert api.get(path).status_code == 200
    assert api.post(f"{path}/restore").status_code == 404
    assert api.delete(path).status_code == 204
    assert api.delete(f"{path}?forever=true").status_code == 204
    with here():
        assert not Conversation.objects.filter(id=talks[0].id).exists()
        assert not Message.objects.filter(conversation_id=talks[0].id).exists()


def test_conversation_with_a_running_answer_is_not_deleted(api):
    started = api.post("conversations", text="One").json()
    response = api.delete(f"conversations/{started['conversation']}")
    assert (response.status_code, response.json()["code"]) == (409, "answer_running")


def test_colleague_of_a_project_reads_and_changes_nothing(api, other, here, owner, admin):
    with here():
        project = projects.create(member=owner.member, name="Move")
        talk = library.talk(owner.member, "Ours", "Hello", project=project)
    path = f"conversations/{talk.id}"
    assert other.get(path).status_code == 404
    with here():
        projects.add_member(member=owner.member, project=project, user_id=admin.member.user_id)
    assert (other.get(path).json()["is_own"], api.get(path).json()["is_own"]) == (False, True)
    for response in (other.patch(path, title="Mine"), other.delete(path)):
        assert response.status_code == 403
    assert api.get(path).json()["title"] == "Ours"


def test_tags(api, talks):
    api.patch(f"conversations/{talks[0].id}", tags=["work", "home"])
    assert api.rows("conversations/tags") == [
        {"tag": "work", "conversations": 2},
        {"tag": "home", "conversations": 1},
    ]


def test_fields_of_a_list_and_of_one(api, talks):
    assert set(api.rows("conversations", fields="id,title")[0]) == {"id", "title"}
    path = f"conversations/{talks[0].id}"
    assert api.get(path, fields="title").json() == {"title": "Plain"}
    for where in ("conversations", path):
        response = api.get(where, fields="title,secret")
        assert (response.status_code, response.json()["code"]) == (400, "invalid")
        assert "secret" in str(response.json()["fields"])


@pytest.mark.parametrize("query", ["", "?q=Talk"])
def test_list_costs_the_same_for_two_rows_and_twenty(api, here, owner, query):
    counts = []
    for rows in (2, 18):
        with here():
            for number in range(rows):
                turn = factories.ask(owner.member, f"Talk {number}")
                if number % 2:
                    factories.answer(turn.run)
        counts.append(api.queries(f"conversations{query}"))
    assert counts[0] == counts[1]

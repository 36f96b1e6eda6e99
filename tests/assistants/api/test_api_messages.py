"""Messages over REST: windows, branches, and what is told of an answer."""

from uuid import uuid4

import pytest

from assistants.chat import services as chat
from assistants.memory.services import remember
from assistants.models import Run
from tests import factories, library
from tests.assistants.tools import waiting


@pytest.fixture
def turn(here, owner):
    """A question with its answer."""
    with here():
        made = factories.ask(owner.member, "What is a hold?")
        factories.answer(made.run, "An answer.")
    return made


@pytest.fixture
def path(turn) -> str:
    return f"conversations/{turn.conversation.id}"


def test_windows_lead_through_the_whole_branch(api, here, owner):
    with here():
        talk = library.talk(owner.member, "Long", *[f"Said {number}" for number in range(7)])
    first = api.get(f"conversations/{talk.id}/messages", limit="3").json()
    assert [row["text"] for row in first["results"]] == ["Said 4", "Said 5", "Said 6"]
    assert (first["previous"], first["leaf"]) == (None, str(talk.current_leaf_id))
    second = api.client.get(first["next"]).json()
    assert [row["text"] for row in second["results"]] == ["Said 1", "Said 2", "Said 3"]
    third = api.client.get(second["next"]).json()
    assert ([row["text"] for row in third["results"]], third["next"]) == (["Said 0"], None)
    back = api.client.get(third["previous"]).json()
    assert [row["text"] for row in back["results"]] == ["Said 1", "Said 2", "Said 3"]


@pytest.mark.parametrize("name", ["through", "before", "after"])
def test_unknown_place_is_not_found(api, path, name):
    assert api.get(f"{path}/messages", **{name: str(uuid4())}).status_code == 404
    assert api.get(f"{path}/messages", **{name: "x"}).status_code == 400


def test_message_tells_all_of_its_answer(api, here, owner, turn, path):
    with here():
        item = remember(member=owner.member, layer="semantic", text="They like tea")
        document, passage = uuid4(), uuid4()
        used = [
            {"kind": "memory", "id": str(item.id)},
            {"kind": "passage", "id": str(passage), "document": str(document), "n": 1, "name": "leave.txt", "page": 2},
        ]  # fmt: skip
        Run.objects.filter(id=turn.run.id).update(context={"used": used}, text="Tea [1].", tool_calls=[{}])
        run = Run.objects.get(id=turn.run.id)
        call = waiting.make_call(run)
    question, answer = api.rows(f"{path}/messages")
    assert (question["role"], question["parent"], question["run"]) == ("user", None, None)
    assert (answer["role"], answer["parent"]) == ("assistant", question["id"])
    assert answer["run"]["state"] == "done"
    assert answer["run"]["cost_micro"] == run.cost_micro > 0
    assert answer["run"]["receipt_id"] == str(run.receipt_id)
    source = dict(answer["sources"][0])
    assert source.pop("url").endswith(f"/documents/{document}/passages/{passage}/#passage-{passage}")
    assert source == {
        "number": 1, "document": str(document), "passage": str(passage), "name": "leave.txt", "page": 2, "heading": "",
        "is_cited": True,
    }  # fmt: skip
    assert [row["text"] for row in answer["memories"]] == ["They like tea"]
    assert answer["tool_calls"] == [
        {
            "id": str(call.id), "tool": "web_page", "title": answer["tool_calls"][0]["title"], "state": "waiting",
            "argument": "https://example.com/refunds", "result": "", "is_asked": True,
        }
    ]  # fmt: skip
    assert api.get(f"{path}/messages/{answer['id']}").json() == answer


def test_edit_begins_a_branch_and_the_leaf_is_chosen(api, here, turn, path):
    made = api.post(f"{path}/messages/{turn.question.id}/edit", text="In other words?").json()
    with here():
        factories.answer(Run.objects.get(id=made["run"]), "Another.")
    assert [row["text"] for row in api.rows(f"{path}/messages")] == ["In other words?", "Another."]
    old = api.rows(f"{path}/messages", through=str(turn.question.id))
    assert [row["text"] for row in old] == ["What is a hold?", "An answer."]
    assert old[0]["siblings"] == [str(turn.question.id), made["question"]]
    assert api.get(path).json()["leaf"] == made["answer"], "looking at another branch chooses nothing"
    assert api.put(f"{path}/leaf", message=str(turn.question.id)).json() == {"message": str(turn.answer.id)}
    assert api.get(path).json()["leaf"] == str(turn.answer.id)
    assert api.put(f"{path}/leaf", message=str(uuid4())).status_code == 404
    tree = api.get(f"{path}/tree").json()
    assert tree["leaf"] == str(turn.answer.id)
    assert [(node["parent"], node["role"]) for node in tree["nodes"]] == [
        (None, "user"), (str(turn.question.id), "assistant"), (None, "user"), (made["question"], "assistant"),
    ]  # fmt: skip


def test_regenerate_retry_and_stop(api, here, turn, path):
    again = api.post(f"{path}/messages/{turn.answer.id}/regenerate")
    assert (again.status_code, again.json()["question"]) == (201, str(turn.question.id))
    running = api.post(f"{path}/messages/{again.json()['answer']}/retry")
    assert (running.status_code, running.json()["code"]) == (409, "answer_running")
    assert api.post(f"runs/{again.json()['run']}/stop").status_code == 204
    assert (
        api.post(f"{path}/messages/{again.json()['answer']}/retry").json()["answer"] == again.json()["answer"]
    )
    well = api.post(f"{path}/messages/{turn.answer.id}/retry")
    assert (well.status_code, well.json()["code"]) == (409, "nothing_to_retry")
    assert api.post(f"{path}/messages/{turn.question.id}/regenerate").status_code == 404


def test_failed_answer_says_why(api, here, owner):
    with here():
        turn = factories.ask(owner.member)
        factories.answer(turn.run, "", state="failed", error_code="provider_busy")
    answer = api.rows(f"conversations/{turn.conversation.id}/messages")[1]
    assert (answer["run"]["state"], answer["run"]["error"]["code"]) == ("failed", "provider_busy")
    assert answer["run"]["error"]["title"] == "The model is busy"


def test_answer_that_is_written_is_told_as_far_as_it_is(api, here, owner):
    with here():
        turn = factories.ask(owner.member)
        Run.objects.filter(id=turn.run.id).update(text="So far")
    answer = api.rows(f"conversations/{turn.conversation.id}/messages")[1]
    assert (answer["text"], answer["run"]["events_url"]) == ("So far", f"/api/v1/runs/{turn.run.id}/events")


def test_fork_is_ones_own_and_charges_nothing(api, here, turn, path):
    response = api.post(f"{path}/messages/{turn.answer.id}/fork")
    assert response.status_code == 201
    body = response.json()
    assert (body["forked_from"], body["cost_micro"]) == (str(turn.conversation.id), 0)
    assert [row["text"] for row in api.rows(f"conversations/{body['id']}/messages")] == [
        "What is a hold?",
        "An answer.",
    ]


def test_feedback(api, turn, path):
    where = f"{path}/messages/{turn.answer.id}"
    assert api.put(f"{where}/feedback", is_good=False, comment=" Wrong. ").json() == {
        "is_good": False,
        "comment": "Wrong.",
    }
    assert api.get(where).json()["feedback"] == {"is_good": False, "comment": "Wrong."}
    assert api.put(f"{where}/feedback", comment="x").status_code == 400
    long = api.put(f"{where}/feedback", is_good=True, comment="x" * 1001)
    assert (long.status_code, long.json()["code"]) == (422, "comment_too_long")
    assert api.put(f"{path}/messages/{turn.question.id}/feedback", is_good=True).status_code == 404
    assert api.delete(f"{where}/feedback").status_code == 204
    assert api.get(where).json()["feedback"] is None


def test_message_of_another_conversation_is_not_found(api, here, owner, turn, path):
    with here():
        foreign = factories.ask(owner.member).question
    assert api.get(f"{path}/messages/{foreign.id}").status_code == 404
    assert api.get(f"{path}/messages/{turn.question.id}").status_code == 200


def test_messages_cost_the_same_for_two_and_twenty(api, here, owner):
    counts = []
    with here():
        turn = factories.ask(owner.member)
        factories.answer(turn.run)
    for more in (0, 9):
        with here():
            for _ in range(more):
                turn = chat.send_message(
                    member=owner.member, conversation=turn.conversation, text="And?", parent_id=turn.answer.id
                )
                factories.answer(turn.run)
        counts.append(api.queries(f"conversations/{turn.conversation.id}/messages"))
    assert counts[0] == counts[1]


# runs


def test_runs_are_ones_own_and_filtered(api, other, here, owner, admin, turn):
    with here():
        live = factories.ask(owner.member, "Another")
        factories.ask(admin.member, "Theirs")
    assert [row["id"] for row in api.rows("runs")] == [str(live.run.id), str(turn.run.id)]
    assert [row["id"] for row in api.rows("runs", state="done")] == [str(turn.run.id)]
    assert [row["id"] for row in api.rows("runs", conversation=str(live.conversation.id))] == [
        str(live.run.id)
    ]
    assert api.rows("runs", kind="title") == []
    assert "text" not in api.rows("runs")[0]
    assert len(other.rows("runs")) == 1
    assert api.get("runs", state="odd").status_code == 400


def test_runs_cost_the_same_for_two_and_twenty(api, here, owner):
    counts = []
    for rows in (2, 18):
        with here():
            for _ in range(rows):
                factories.ask(owner.member)
        counts.append(api.queries("runs"))
    assert counts[0] == counts[1]

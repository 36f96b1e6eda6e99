"""What a turn leaves behind: read once, in a metered run of its own, and decided by our rules, not by the model."""

import json

import pytest

from assistants.memory import applying, extraction, queries, services, summaries
from assistants.models import Conversation, ConversationSummary, MemoryItem, Run
from assistants.prompting import history
from tests.factories import answer, ask
from usage.features import queries as features
from usage.models import Hold


@pytest.fixture
def turn(in_acme, owner):
    turn = ask(owner.member, "I use PostgreSQL 15 for orders. Please no emojis. My password is hunter2.")
    answer(turn.run, "Noted.")
    return turn


def note(text, layer="semantic", **fields) -> dict:
    return {"layer": layer, "text": text, "slot": "", "confidence": 90, "relations": [], **fields}


def look(turn) -> list[Run]:
    return extraction.look_back(answer_id=turn.answer.id)


def read(run: Run, *notes: dict) -> list[MemoryItem]:
    answer(run, json.dumps({"notes": list(notes)}))
    return applying.apply(run_id=run.id)


def test_notes_are_kept_with_their_source(turn, owner):
    (run,) = look(turn)
    assert (run.kind, Hold.objects.get(id=run.id).state, run.owner_id) == ("memory", "held", owner.user.id)
    kept = read(
        run,
        note("Orders run on PostgreSQL 15.", slot="orders database",
             relations=[{"subject": "orders", "predicate": "run on", "object": "PostgreSQL 15"}]),
        note("No emojis.", "preference"),
    )  # fmt: skip
    assert [(item.layer, item.text, item.source_message, item.confidence) for item in kept] == [
        ("semantic", "Orders run on PostgreSQL 15.", turn.question, 90),
        ("preference", "No emojis.", turn.question, 90),
    ]
    assert kept[0].source_conversation == turn.conversation
    assert queries.visible_relations(owner.user.id).count() == 1
    run.refresh_from_db()
    assert ("messages" in run.request, run.text, run.receipt_id is not None) == (False, "", True)
    assert Hold.objects.get(id=run.id).state == "settled"


def test_what_a_model_proposes_goes_through_our_rules(turn, owner):
    services.forbid(member=owner.member, item=services.remember(
        member=owner.member, layer="semantic", text="I have an interview at Brightwater."
    ))  # fmt: skip
    (run,) = look(turn)
    kept = read(
        run,
        note("The password is hunter2."),
        note("I have an interview at Brightwater."),
        note("Kept for all.", "shared"),
        note("Unsure.", confidence=20),
        note("x" * 2_000),
        {"layer": "semantic"},
        note("Orders run on PostgreSQL 15."),
    )
    assert [item.text for item in kept] == ["Orders run on PostgreSQL 15."]


@pytest.mark.parametrize(
    "said", ["", "no JSON", "[]", '{"notes": 3}', '{"notes": [1, null, "x"]}', '{"other": []}']
)
def test_an_answer_of_another_shape_costs_its_notes_alone(turn, said):
    (run,) = look(turn)
    answer(run, said)
    assert applying.apply(run_id=run.id) == []
    assert Conversation.objects.get().remembered_at == turn.question.created_at


def test_a_turn_is_read_once(turn):
    (run,) = look(turn)
    assert look(turn) == [], "while it is read"
    read(run, note("Orders run on PostgreSQL 15."))
    assert applying.apply(run_id=run.id) == [], "delivered twice"
    assert look(turn) == [], "and when it was read"
    assert MemoryItem.objects.count() == 1


def test_only_what_came_since_is_read(turn, owner):
    from assistants.chat import services as chat

    (run,) = look(turn)
    read(run)
    turn.conversation.refresh_from_db()
    later = chat.send_message(
        member=owner.member,
        conversation=turn.conversation,
        text="I moved to Porto.",
        parent_id=turn.answer.id,
    )
    answer(later.run, "Nice.")
    (second,) = look(later)
    assert second.request["messages"][1]["content"] == "I moved to Porto."


def test_a_failed_run_leaves_the_turn_unread(turn):
    (run,) = look(turn)
    answer(run, "", state="failed", error_code="provider_cut")
    assert applying.apply(run_id=run.id) == []
    assert len(look(turn)) == 1, "the next turn tries again"


@pytest.mark.parametrize("switch", ["person", "assistant", "conversation", "temporary", "plan"])
def test_nothing_is_read_where_memory_is_off(turn, owner, monkeypatch, switch):
    if switch == "person":
        services.switch(member=owner.member, is_on=False)
    elif switch == "assistant":
        type(turn.conversation.assistant).objects.update(uses_memory=False)
    elif switch == "plan":
        basic = features.State(features=frozenset({"basic_memory"}), restricted_reason="")
        monkeypatch.setattr(features, "state_of", lambda _: basic)
    else:
        field = "uses_memory" if switch == "conversation" else "is_temporary"
        Conversation.objects.update(**{field: switch == "temporary"})
    assert look(turn) == []


def test_switched_off_while_it_was_read_nothing_is_kept(turn, owner):
    (run,) = look(turn)
    services.switch(member=owner.member, is_on=False)
    assert read(run, note("Orders run on PostgreSQL 15.")) == []


def test_a_full_window_is_summed_up_and_the_summary_is_of_its_branch(turn, monkeypatch, owner):
    monkeypatch.setattr(history, "HISTORY_TOKENS", 20)
    runs = {run.request["task"]: run for run in look(turn)}
    assert set(runs) == {"summary", "notes"}
    answer(runs["summary"], "They use PostgreSQL.")
    applying.apply(run_id=runs["summary"].id)
    summary = ConversationSummary.objects.get()
    assert (summary.text, summary.until_id) == ("They use PostgreSQL.", turn.answer.id)
    assert summaries.newest_on_branch(turn.answer) is None, "an answer does not sum itself up for itself"
    assert "summary" not in {run.request["task"] for run in look(turn)}


def test_limits_that_are_used_up_cost_the_notes_and_nothing_else(turn, monkeypatch):
    from assistants.runs import services as runs
    from usage.holds.types import QuotaExceeded

    def refused(**_):
        raise QuotaExceeded()

    monkeypatch.setattr(runs, "start_run", refused)
    assert look(turn) == []


@pytest.mark.parametrize(("reason", "wakes"), [("stop", ["begin_title", "look_back"]), ("approval", [])])
def test_ended_reply_wakes_it_but_not_one_that_waits_for_a_decision(
    in_acme, owner, monkeypatch, django_capture_on_commit_callbacks, reason, wakes
):
    from assistants.runs import afterwards

    woken = []
    monkeypatch.setattr(
        afterwards, "enqueue", lambda task, ids, **_: woken.append((task.name.rsplit(".", 1)[1], ids))
    )
    turn = ask(owner.member, "Hello")
    with django_capture_on_commit_callbacks(execute=True):
        answer(turn.run, "Hi.", finish_reason=reason)
    ids = {"workspace_id": str(in_acme.id), "message_id": str(turn.answer.id)}
    assert sorted(woken, key=str) == [(name, ids) for name in wakes]

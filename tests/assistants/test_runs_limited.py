"""What stands in the hold is what the provider is asked for, and what is charged: with a worker and a provider."""

from uuid import uuid4

import pytest

from tenants.scope import enter
from tests import factories
from tests.assistants.conftest import Stage
from tests.usage.runs import counter
from usage.models import Hold

LONG = "Tell me everything\n/sim tokens=900 rate=0"


@pytest.fixture
def mine(provider, engine) -> Stage:
    """A workspace of its own, whose limits a test sets."""
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    return Stage(workspace, factories.member_of(workspace, user), provider, engine)


def test_shrunk_hold_is_a_shrunk_call(mine):
    """The model would write 900 tokens; the budget has room for fewer, so fewer are asked for, produced and paid."""
    factories.give_limits(mine.workspace.id, ("cost_micro", "month", 100))
    played = mine.play(LONG)
    cap = played.hold.output_cap
    assert 16 <= cap < 256, "less than a first step"
    assert played.run.output_tokens == played.requests[0]["output_tokens"] == cap
    row = counter(mine.workspace.id, "cost_micro")
    assert (row.used, row.held) == (played.run.cost_micro, 0)
    assert played.run.cost_micro <= 100


def test_call_that_is_not_shrunk_with_its_hold_would_cost_more_than_the_limit(mine):
    """The control: the same question where nothing limits it."""
    factories.give_limits(mine.workspace.id, ("cost_micro", "month", None))
    assert mine.play(LONG).run.cost_micro > 100


def test_answer_in_steps_ends_where_the_limit_ends_and_keeps_its_text(mine):
    factories.give_limits(mine.workspace.id, ("tokens", "month", 500))
    played = mine.play("Tell me everything\n/sim tokens=900 rate=800")
    assert (played.run.state, played.run.finish_reason) == ("done", "limit")
    row = counter(mine.workspace.id, "tokens")
    assert row.used <= 500 and row.held == 0
    assert played.run.output_tokens >= 256, "the first step, and what a further one still covered"


@pytest.mark.parametrize("wanted", [20, 300])
def test_output_that_the_asker_allows_bounds_hold_and_call(mine, wanted):
    factories.give_limits(mine.workspace.id, ("tokens", "month", 10_000))
    with enter(mine.workspace):
        assistant = factories.make_assistant(
            mine.member, f"Brief {uuid4().hex[:6]}", max_output_tokens=wanted
        )
    turn = mine.ask(LONG, assistant=assistant)
    hold = Hold.objects.get(id=turn.run.id)
    assert (hold.output_cap, hold.request["wanted"]) == (min(wanted, 256), wanted)
    mine.execute(turn.run)
    assert mine.result(turn.run).run.output_tokens == wanted


def test_failure_before_the_first_token_gives_its_room_back_at_once(mine):
    factories.give_limits(mine.workspace.id, ("messages", "day", 1))
    assert mine.play("Fail\n/sim fault=500").entries == []
    row = counter(mine.workspace.id, "messages")
    assert (row.used, row.held) == (0, 0)
    assert mine.play("Count\n/sim tokens=5").run.state == "done", "nobody is locked out by a failure"


def test_call_that_was_tried_again_is_one_message_and_one_entry(mine):
    factories.give_limits(mine.workspace.id, ("messages", "day", 5))
    played = mine.play(f"Again\n/sim tokens=5 fault=500 times=1 key={uuid4().hex}")
    assert [row["status"] for row in played.requests] == [500, 200]
    (entry,) = played.entries
    assert (entry.messages, entry.output_tokens) == (1, 5)
    assert counter(mine.workspace.id, "messages").used == 1

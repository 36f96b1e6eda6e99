"""What an ended run tells of its cost, and to whom."""

from assistants.models import Run
from assistants.runs import endings, frames
from tests import factories


def test_done_tells_the_cost_and_the_receipt_but_not_to_visitors(in_acme, owner):
    run = factories.answer(factories.ask(owner.member).run)
    (_, done) = endings.final_frames(run)[-1]
    _, data = frames.read(done)
    assert data["cost"] == {
        "run_id": str(run.id),
        "cost_micro": run.cost_micro,
        "receipt_id": str(run.receipt_id),
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "is_estimated": run.is_estimated,
    }
    hidden = endings.without_cost(done)
    assert frames.read(hidden) == ("done", {name: data[name] for name in data if name != "cost"})
    assert frames.read_id(hidden) == frames.read_id(done)


def test_other_frames_pass_visitors_unread():
    for raw in (
        frames.HEARTBEAT,
        frames.WAITING,
        frames.frame(frames.EventId(1, 1), "delta", {"text": "cost"}),
    ):
        assert endings.without_cost(raw) is raw


def test_headers_are_without_a_receipt_where_there_is_none():
    headers = endings.cost_headers(endings.cost_of(Run(cost_micro=7)))
    assert headers["Steward-Cost-Micro"] == "7"
    assert "Steward-Receipt-Id" not in headers

"""What a tool found is listed with the answer, and its passages are cited by numbers of their own."""

from assistants.documents import citing
from assistants.models import Run
from assistants.tools import sources
from assistants.tools.types import Owner, Result, Tool, ToolContext
from tenants.scope import enter
from tests.assistants.documents import shelf
from tests.assistants.tools.test_rounds import calls, equipped

SEARCH = '/sim tool=documents args={"query": "leave"}'


def test_passages_that_a_tool_found_are_numbered_and_listed(stage):
    with enter(stage.workspace):
        document = shelf.keep(stage.member, "Everybody has 30 days of sabbatical.", "rest.txt")
        passage = document.chunks.get()
    search = SEARCH.replace("leave", "sabbatical")
    played = stage.play(f"How much?\n{search}\n/sim round=2 text=Thirty [1].", assistant=equipped(stage))
    (call,) = calls(stage, played.run)
    assert call.result == "[1] rest.txt\nEverybody has 30 days of sabbatical."
    (used,) = played.run.context["used"]
    assert (used["kind"], used["id"], used["n"]) == ("passage", str(passage.id), 1)


def test_numbers_go_on_where_the_prompt_and_earlier_calls_ended(stage):
    with enter(stage.workspace):
        one = shelf.keep(stage.member, "A quokka is 30 days old.", "a.txt").chunks.get()
        two = shelf.keep(stage.member, "A quokka is asked for in writing.", "b.txt").chunks.get()
    search = SEARCH.replace("leave", "quokka")
    twice = f'{search}\n/sim round=2 tool=documents args={{"query": "quokka writing"}}\n/sim round=3 text=So.'
    played = stage.play(f"How?\n{twice}", assistant=equipped(stage))
    numbers = sources.numbers_of(played.run.context["used"])
    assert {str(one.id), str(two.id)} <= set(numbers)
    assert sorted(numbers.values()) == list(range(1, len(numbers) + 1))
    results = "\n".join(call.result for call in calls(stage, played.run))
    for passage, name in ((one, "a.txt"), (two, "b.txt")):
        assert f"[{numbers[str(passage.id)]}] {name}" in results


def test_a_worker_that_lost_its_run_adds_nothing(stage):
    played = stage.play("Hello.")
    tool = Tool("t", "T", "", "", {}, lambda context, arguments: Result("x", [{"kind": "memory", "id": "m"}]))
    owner = Owner(stage.workspace.id, played.run.id, played.run.attempt)
    with enter(stage.workspace):
        assert sources.run(owner, tool, _context(stage), {}) == "x"
        assert "m" not in str(Run.objects.get(id=played.run.id).context)
        Run.objects.filter(id=played.run.id).update(state="running", finished_at=None)
        sources.run(owner, tool, _context(stage), {})
        assert Run.objects.get(id=played.run.id).context["used"][-1]["id"] == "m", "the control"


def _context(stage):
    return ToolContext(workspace_id=stage.workspace.id, person_id=stage.member.user_id, zone="UTC")


def test_number_of_a_tool_leads_to_its_passage():
    found = [citing.Source(2, "leave.txt", 0, "", "/d/#passage-x", True)]
    assert 'href="/d/#passage-x"' in citing.link("<p>Thirty [2].</p>", found)

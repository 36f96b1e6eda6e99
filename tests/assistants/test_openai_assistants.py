"""`assistant:<slug>` as a model: its memory, documents and tools, for the person whose key it is, and nobody else."""

from uuid import UUID, uuid4

import openai
import pytest

from assistants.memory import services as memory
from assistants.models import AssistantKnowledge, Run, ToolCall
from tenants.scope import enter
from tests import factories
from tests.assistants.documents import shelf
from usage.models import LedgerEntry

SUM = '/sim tool=calculator args={"expression": "6 * 7"}\n/sim round=2 text=It is 42.'
CITED = "Thirty days [1]."
TOOL = {"type": "function", "function": {"name": "mine", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def sdk_of(web, worker, committed):
    def sdk_of(person) -> openai.OpenAI:
        key = factories.make_key(person.member)
        return openai.OpenAI(base_url=f"{web}/v1", api_key=key, max_retries=0, timeout=20)

    return sdk_of


@pytest.fixture
def guide(acme, owner):
    """An assistant that knows a document, and that may reckon and read pages of the web."""
    with enter(acme):
        # What was committed stays for the next test.
        mark = uuid4().hex[:8]
        made = factories.make_assistant(
            owner.member, f"Guide {mark}", instructions="Be a guide.", tools=["calculator", "web_page"]
        )
        document = shelf.keep(owner.member, "Everybody has 30 days of leave.", f"leave-{mark}.txt")
        AssistantKnowledge.objects.create(assistant=made, document=document)
        memory.remember(member=owner.member, layer="preference", text="I like short answers.")
    return made


def ask(sdk, guide, text, **options):
    asked = [{"role": "user", "content": text}]
    return sdk.chat.completions.create(model=f"assistant:{guide.slug}", messages=asked, **options)


def run_of(acme, answer) -> Run:
    with enter(acme):
        return Run.objects.get(id=UUID(answer.id.removeprefix("chatcmpl-")))


def test_answer_cites_its_documents_in_text_and_in_a_field(sdk_of, owner, guide, acme):
    answer = ask(sdk_of(owner), guide, f"How many days of leave?\n/sim text={CITED}")
    message = answer.choices[0].message
    assert message.content == CITED
    (source,) = message.citations
    assert (source["number"], source["name"]) == (1, f"leave-{guide.slug.removeprefix('guide-')}.txt")
    run = run_of(acme, answer)
    assert {item["kind"] for item in run.context["used"]} == {"passage", "memory"}
    assert run.assistant_id == guide.id

    chunks = list(ask(sdk_of(owner), guide, f"How many days of leave?\n/sim text={CITED}", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == CITED
    assert chunks[-1].choices[0].delta.citations == [source]


def test_memory_is_the_caller_s_own(sdk_of, owner, admin, guide, acme):
    theirs = run_of(acme, ask(sdk_of(admin), guide, "How many days of leave?"))
    assert [item["kind"] for item in theirs.context["used"]] == ["passage"]
    mine = run_of(acme, ask(sdk_of(owner), guide, "How many days of leave?"))
    assert sorted(item["kind"] for item in mine.context["used"]) == ["memory", "passage"]


@pytest.mark.parametrize("stream", [False, True])
def test_assistant_s_tools_are_used_here_and_not_shown_as_the_client_s(sdk_of, owner, guide, acme, stream):
    answer = ask(sdk_of(owner), guide, f"Reckon.\n{SUM}", stream=stream)
    if stream:
        chunks = list(answer)
        assert not any(chunk.choices[0].delta.tool_calls for chunk in chunks)
        text, reason = "".join(each.choices[0].delta.content or "" for each in chunks), chunks[-1].choices[0]
        run = run_of(acme, chunks[0])
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0]
        assert answer.choices[0].message.tool_calls is None
        run = run_of(acme, answer)
    assert (text, reason.finish_reason) == ("It is 42.", "stop")
    with enter(acme):
        (call,) = ToolCall.objects.filter(run_id=run.id)
    assert (call.tool, call.state, call.result) == ("calculator", "done", "42")
    assert LedgerEntry.objects.filter(hold_id=run.id).count() == 1


def test_tool_that_would_ask_its_person_is_left_out(sdk_of, owner, guide, acme):
    question = 'Read.\n/sim tool=web_page args={"url": "https://example.com/"}\n/sim round=2 text=No.'
    run = run_of(acme, ask(sdk_of(owner), guide, question))
    with enter(acme):
        (call,) = ToolCall.objects.filter(run_id=run.id)
    assert (call.state, call.error_code) == ("failed", "tool_unknown")


def test_client_that_brings_its_own_tools_runs_those(sdk_of, owner, guide, acme):
    answer = ask(sdk_of(owner), guide, "Do.\n/sim tool=mine args={}", tools=[TOOL])
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, answer.choices[0].finish_reason) == ("mine", "tool_calls")
    with enter(acme):
        assert not ToolCall.objects.filter(run_id=run_of(acme, answer).id).exists()

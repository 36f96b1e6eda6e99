"""Passages in the final prompt: which, how they are numbered, what is held for them; and how an answer cites them."""

import pytest
from django.utils import timezone

from assistants.documents import citing, prompt, queries
from assistants.llm import tokens
from assistants.models import (
    Assistant,
    AssistantKnowledge,
    Attachment,
    Conversation,
    Document,
    DocumentChunk,
    ResumeProfile,
)
from assistants.prompting import builder
from assistants.prompting.types import Ask
from tests import factories
from tests.assistants.documents import shelf

pytestmark = pytest.mark.usefixtures("in_acme")


def ask(person, assistant, question="How many days of leave?", conversation=None, answer=None) -> Ask:
    return Ask(person.user.id, assistant, conversation, answer, question)


def know(assistant: Assistant, document: Document) -> Document:
    AssistantKnowledge.objects.create(assistant=assistant, document=document)
    return document


def give(conversation: Conversation, document: Document) -> None:
    """With the conversation's first question."""
    message = conversation.messages.order_by("created_at").first()
    Attachment.objects.create(
        message=message, document=document, owner_id=document.owner_id, name=document.name,
        media_type=document.media_type, size_bytes=1, created_at=timezone.now(),
    )  # fmt: skip


def names(built) -> list[str]:
    return [item["name"] for item in built.context.get("used", []) if item["kind"] == "passage"]


def test_nothing_is_asked_held_or_said_without_documents(member, assert_queries):
    assistant = factories.make_assistant(member.member)
    with assert_queries(1):
        assert prompt.reserve(ask(member, assistant)) == 0
    with assert_queries(1):
        assert prompt.blocks(ask(member, assistant)) == []


def test_passages_come_numbered_in_a_marked_block_with_how_to_cite_them(member):
    assistant = factories.make_assistant(member.member, instructions="Be kind.")
    document = know(assistant, shelf.keep(member.member, "Everybody has 30 days of leave."))
    DocumentChunk.objects.filter(document=document).update(page=3, heading='Leave "rules"')

    built = builder.build(ask(member, assistant))

    assert built.messages[0]["content"] == (
        f"Be kind.\n\n{prompt.CITE}\n\n{builder.DATA_NOTE}\n\n"
        '<document n="1" name="leave.txt" page="3" section="Leave \'rules\'">\n'
        "Everybody has 30 days of leave.\n</document>"
    )
    passage = document.chunks.get()
    assert built.context == {
        "used": [
            {
                "kind": "passage", "id": str(passage.id), "n": 1, "document": str(document.id), "name": "leave.txt",
                "page": 3, "heading": 'Leave "rules"',
            }
        ]
    }  # fmt: skip


def test_knowledge_the_project_s_files_and_what_was_given_are_searched_and_nothing_else(member, owner):
    assistant = factories.make_assistant(member.member)
    project = shelf.make_project(owner, member)
    turn = factories.ask(member.member, "Days of leave?", assistant=assistant)
    Conversation.objects.filter(id=turn.conversation.id).update(project=project)
    turn.conversation.refresh_from_db()
    know(assistant, shelf.keep(owner.member, "Leave of knowledge.", "knowledge.txt"))
    shelf.keep(owner.member, "Leave of the project.", "project.txt", project=project)
    give(turn.conversation, shelf.keep(member.member, "Leave that was given.", "given.txt"))
    shelf.keep(member.member, "Leave of my library.", "mine.txt")
    shelf.keep(owner.member, "Leave of everybody.", "shared.txt", is_shared=True)
    shelf.keep(owner.member, "Leave of somebody else.", "secret.txt")

    built = builder.build(ask(member, assistant, "leave", turn.conversation, turn.answer))
    assert sorted(names(built)) == ["given.txt", "knowledge.txt", "project.txt"]

    # A search that was asked for finds the library too, and never what the person cannot see.
    found = queries.search(
        person_id=member.user.id, query="leave", assistant=assistant, conversation=turn.conversation
    )
    assert sorted(passage.name for passage in found) == [
        "given.txt", "knowledge.txt", "mine.txt", "project.txt", "shared.txt",
    ]  # fmt: skip
    assert [passage.name for passage in queries.search(person_id=owner.user.id, query="somebody else")][
        :1
    ] == ["secret.txt"]


def test_what_was_given_is_read_from_the_top_when_no_word_matches(member):
    turn = factories.ask(member.member, "Zusammenfassung?")
    give(turn.conversation, shelf.keep(member.member, "Everybody has 30 days of leave."))

    built = builder.build(ask(member, None, "Zusammenfassung?", turn.conversation, turn.answer))
    assert names(built) == ["leave.txt"]

    # Knowledge is not: nothing of it belongs to the question.
    assistant = factories.make_assistant(member.member)
    know(assistant, shelf.keep(member.member, "Everybody has 30 days of leave.", "k.txt"))
    assert prompt.blocks(ask(member, assistant, "Zusammenfassung?")) == []


def test_blocks_stay_within_what_is_held_and_say_what_they_left_out(member):
    assistant = factories.make_assistant(member.member)
    document = know(assistant, shelf.keep(member.member, "leave"))
    text = "leave " * 700
    DocumentChunk.objects.filter(document=document).delete()
    for number in range(1, 7):
        DocumentChunk.objects.create(document=document, number=number, text=text + str(number), tokens=701)

    held = prompt.reserve(ask(member, assistant, "leave"))
    plain = builder.count(builder.draft(ask(member, assistant, "leave")).messages)
    built = builder.build(ask(member, assistant, "leave"))

    assert held == prompt.PASSAGE_TOKENS + prompt.FRAME_TOKENS
    assert builder.count(built.messages) - plain <= held
    assert (len(names(built)), built.context["left_out"]) == (3, {"documents": 3})
    # Without the budget it would be more.
    assert tokens.count(text) * 6 > held


def test_the_hold_of_a_question_covers_passages(member):
    assistant = factories.make_assistant(member.member)
    before = factories.ask(member.member, "Days of leave?", assistant=assistant).run.input_tokens
    know(assistant, shelf.upload(member.member))

    # Also while the file is still being read: it may be ready when the worker asks.
    after = factories.ask(member.member, "Days of leave?", assistant=assistant).run.input_tokens

    note = factories.tokens_of(builder.DATA_NOTE)
    assert after - before == prompt.PASSAGE_TOKENS + prompt.FRAME_TOKENS + note


def test_a_file_that_cannot_be_read_holds_nothing(member):
    assistant = factories.make_assistant(member.member)
    document = know(assistant, shelf.upload(member.member))
    Document.objects.filter(id=document.id).update(state="failed")

    assert prompt.reserve(ask(member, assistant)) == 0


# the career mentor

PROFILE = {
    "summary": "Baker.",
    "experience": [{"role": "Baker", "organisation": "Mill", "period": "2019", "summary": "Bread."}],
    "skills": ["Sourdough", "Accounts"],
    "education": [{"degree": "Master baker", "institution": "Guild", "period": "2015"}],
}


def make_profile(person) -> ResumeProfile:
    document = shelf.keep(person.member, "I bake.", "cv.txt", kind=Document.Kind.RESUME)
    return ResumeProfile.objects.create(
        document=document, person_id=person.user.id, profile=PROFILE, created_at=timezone.now()
    )


def test_the_career_mentor_knows_the_profile_of_who_asks_and_of_nobody_else(member, owner):
    mentor = factories.make_assistant(member.member)
    Assistant.objects.filter(id=mentor.id).update(template="career")
    mentor.refresh_from_db()
    profile = make_profile(member)

    assert prompt.reserve(ask(member, mentor)) == prompt.PROFILE_TOKENS + prompt.FRAME_TOKENS
    built = builder.build(ask(member, mentor, "What can I do?"))

    assert built.messages[0]["content"].endswith(
        '<document name="Profile from the asker’s résumé">\nSummary: Baker.\nSkills: Sourdough; Accounts\n'
        "Experience: Baker, Mill, 2019, Bread.\nEducation: Master baker, Guild, 2015\n</document>"
    )
    assert built.context["used"] == [
        {"kind": "resume", "id": str(profile.document_id), "name": "Your résumé"}
    ]
    # Somebody else's question, and another assistant.
    assert prompt.blocks(ask(owner, mentor)) == []
    assert prompt.blocks(ask(member, factories.make_assistant(member.member, "Other"))) == []


# citations


def link(html: str, *numbers: int) -> str:
    rows = [citing.Source(n, f"doc{n}.pdf", n, "", f"/d/{n}", is_cited=True) for n in numbers]
    return citing.link(html, rows)


A1 = '<a class="citation" href="/d/1" title="doc1.pdf, page 1">[1]</a>'
A2 = '<a class="citation" href="/d/2" title="doc2.pdf, page 2">[2]</a>'


@pytest.mark.parametrize(
    ("html", "linked"),
    [
        ("<p>30 days [1].</p>", f"<p>30 days {A1}.</p>"),
        ("<p>[1][2]</p>", f"<p>{A1}{A2}</p>"),
        ("<p>[1, 2]</p>", f"<p>{A1}{A2}</p>"),
        ("<p>[3] [1, 3] [100] []</p>", "<p>[3] [1, 3] [100] []</p>"),
        ("<pre><code>a[1]</code></pre> [1]", f"<pre><code>a[1]</code></pre> {A1}"),
        ('<a href="/x">see [1]</a>', '<a href="/x">see [1]</a>'),
        ('<a href="/x" title="a > [1]">x</a>[2]', f'<a href="/x" title="a > [1]">x</a>{A2}'),
        ("<p>1 &lt; 2 [1]</p>", f"<p>1 &lt; 2 {A1}</p>"),
    ],
)
def test_numbers_become_links_where_they_are_citations(html, linked):
    assert link(html, 1, 2) == linked


def test_a_name_cannot_leave_its_attribute():
    source = citing.Source(1, '"><script>x()</script>', 0, "", "/d/1", is_cited=True)

    assert citing.link("[1]", [source]) == (
        '<a class="citation" href="/d/1" title="&quot;&gt;&lt;script&gt;x()&lt;/script&gt;">[1]</a>'
    )

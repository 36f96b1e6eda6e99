"""A conversation as Markdown, JSON and PDF: complete, and with every text as data."""

import io
import json

import pypdf
import pytest

from assistants.library import exporting, pdf
from assistants.library.pdf import blocks
from assistants.models import Message
from tenants.scope import workspace_scope
from tests import library

HOSTILE = (
    '#read("/etc/passwd") #panic("x") #import "@preview/x:1.0.0": * $x^2$ ]]) #{ let a = 1 } \\u{1F600}'
    ' <script>alert(1)</script> "quoted" \\ #include "conversation.typ" `#sys.inputs` @label *star* _under_'
)


@pytest.fixture
def talk(acme, owner, db):
    with workspace_scope(acme.id):
        row = library.talk(
            owner.member, "Rows & *columns* #1", "How many?", "**Ten** rows.\n\n```py\nx = 1\n```"
        )
        Message.objects.create(
            conversation=row, parent=row.messages.get(role="user"), role="assistant", text="Another branch",
            created_at=row.updated_at,
        )  # fmt: skip
    return row


def fetch(person, row, kind):
    return person.browser().get(f"/w/acme/conversations/{row.id}/export/?format={kind}")


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def test_markdown_holds_the_shown_branch(owner, talk) -> None:
    response = fetch(owner, talk, "md")
    assert response["Content-Type"] == "text/markdown; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="rows-columns-1.md"'
    text = response.content.decode()
    assert text.startswith("# Rows & \\*columns\\* \\#1\n\nSteward, ")
    assert "\n\nHow many?\n\n## Steward, " in text
    assert text.endswith("**Ten** rows.\n\n```py\nx = 1\n```\n")
    assert "Another branch" not in text


def test_json_holds_every_branch_and_its_tree(owner, talk) -> None:
    body = json.loads(fetch(owner, talk, "json").content)
    assert body["format"] == exporting.FORMAT
    assert (body["title"], body["id"]) == ("Rows & *columns* #1", str(talk.id))
    question = next(row for row in body["messages"] if row["role"] == "user")
    answers = [row for row in body["messages"] if row["role"] == "assistant"]
    assert {row["text"] for row in answers} == {"Another branch", "**Ten** rows.\n\n```py\nx = 1\n```"}
    assert {row["parent_id"] for row in answers} == {question["id"]}


def test_a_pdf_holds_the_shown_branch(owner, talk) -> None:
    response = fetch(owner, talk, "pdf")
    assert response["Content-Type"] == "application/pdf"
    text = text_of(response.content)
    for shown in ("Rows & *columns* #1", "How many?", "Ten rows.", "x"):
        assert shown in text
    assert "Another branch" not in text
    assert "**" not in text


def test_texts_are_never_markup_of_the_typesetter(acme, owner, db) -> None:
    """As title, question and answer. What Typst would run, read, import or fail at stands there as it was written."""
    with workspace_scope(acme.id):
        row = library.talk(owner.member, HOSTILE[:110], HOSTILE, HOSTILE)
    response = fetch(owner, row, "pdf")
    assert response.status_code == 200
    text = " ".join(text_of(response.content).split())
    for shown in ('#read("/etc/passwd")', '#panic("x")', "$x^2$", "<script>alert(1)</script>", "@label"):
        assert text.count(shown) >= 2
    assert "root:" not in text


def test_the_same_text_as_markup_would_not_compile() -> None:
    """What the test above rests on: Typst runs such texts when they are markup."""
    import typst

    with pytest.raises(typst.TypstError):
        typst.compile(HOSTILE.encode(), format="pdf")


@pytest.mark.parametrize(
    "text", ["\x00\x01\x1b", "\ud7ff\ufffe", "a" * 5_000, "> " * 300 + "x", "- " * 300 + "x", ""]
)
def test_odd_texts_become_a_pdf(text) -> None:
    message = {"author": "A", "role": "user", "moment": "now", "blocks": blocks.read(text)}
    made = pdf.compose({"title": text[:50], "facts": text[:50], "messages": [message]})
    assert made.startswith(b"%PDF")


def test_blocks_tell_what_a_text_is_made_of() -> None:
    found = blocks.read(
        "# H\n\np **b** `c`\nq\n\n1. one\n   - two\n\n> quote\n\n|a|b|\n|-|-|\n|1|2|\n\n---\n![i](http://x.test/i)"
    )
    assert [(block["kind"], block["mark"], block["level"]) for block in found] == [
        ("heading", "", 0),
        ("paragraph", "", 0),
        ("item", "1.", 1),
        ("item", "•", 2),
        ("quote", "", 0),
        ("row", "", 0),
        ("row", "", 0),
        ("rule", "", 0),
        ("paragraph", "", 0),
    ]
    assert [(span["text"], span["style"]) for span in found[1]["spans"]] == [
        ("p ", ""), ("b", "strong"), (" ", ""), ("c", "code"), ("", "break"), ("q", ""),
    ]  # fmt: skip
    assert found[-1]["spans"] == [{"text": "i", "style": ""}]


def test_too_long_for_a_pdf_says_what_to_do(acme, owner, monkeypatch, talk) -> None:
    monkeypatch.setattr(exporting, "MAX_PDF_CHARACTERS", 10)
    response = fetch(owner, talk, "pdf")
    assert (response.status_code, response.context["code"]) == (422, "too_long_for_pdf")
    assert fetch(owner, talk, "md").status_code == 200


def test_an_unknown_format_and_a_colleagues_conversation_are_refused(owner, admin, talk) -> None:
    assert fetch(owner, talk, "exe").status_code == 422
    assert fetch(admin, talk, "md").status_code == 404

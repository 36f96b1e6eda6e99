"""Passages: never across a heading or a page, never longer than what is embedded at once, nothing lost."""

import pytest

from assistants.documents.reader import chunks
from assistants.documents.reader.chunks import Chunk, chunks_of
from assistants.documents.reader.parts import Headings, Part, Refused, clean
from tests.factories import tokens_of


def test_paragraphs_of_one_section_on_one_page_are_one_passage():
    parts = [
        Part("One.", 1, "A"),
        Part("Two.", 1, "A"),
        Part("Three.", 1, "B"),
        Part("Four.", 2, "B"),
        Part("Five.", 2, "A"),
    ]

    assert list(chunks_of(parts)) == [
        Chunk(1, "A", "One.\nTwo.", 4),
        Chunk(1, "B", "Three.", 2),
        Chunk(2, "B", "Four.", 2),
        Chunk(2, "A", "Five.", 2),
    ]  # fmt: skip


def test_what_does_not_fit_begins_the_next_passage(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_TOKENS", 10)
    parts = [Part("one two three four"), Part("five six seven eight"), Part("nine")]

    assert [(found.text, found.tokens) for found in chunks_of(parts)] == [
        ("one two three four\nfive six seven eight", 9), ("nine", 1),
    ]  # fmt: skip


def test_a_long_paragraph_is_cut_between_sentences_then_words_then_anywhere(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_TOKENS", 6)

    assert [found.text for found in chunks_of([Part("One two three. Four five six. Seven.")])] == [
        "One two three.", "Four five six.", "Seven.",
    ]  # fmt: skip
    assert [found.text for found in chunks_of([Part("one two three four five six seven eight")])] == [
        "one two three four", "five six seven eight",
    ]  # fmt: skip
    pieces = [found.text for found in chunks_of([Part("ab" * 40)])]
    assert "".join(pieces) == "ab" * 40 and len(pieces) > 1


@pytest.mark.parametrize(
    "text", ["word " * 3000, "x" * 9000, "Ein Satz. " * 2000, "汉字" * 3000, "\n".join("abc" * 1000)]
)
def test_no_passage_is_longer_than_the_limit_and_every_letter_stays(text):
    found = list(chunks_of([Part(clean(text), 1, "A")]))

    assert max(tokens_of(each.text) for each in found) <= chunks.MAX_TOKENS == 240
    assert all(each.tokens == tokens_of(each.text) for each in found)
    assert "".join("".join(each.text.split()) for each in found) == "".join(text.split())


def test_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(chunks, "MAX_CHARACTERS", 10)
    with pytest.raises(Refused, match="too_much_text"):
        list(chunks_of([Part("eleven char")]))

    monkeypatch.setattr(chunks, "MAX_CHUNKS", 1)
    with pytest.raises(Refused, match="too_much_text"):
        list(chunks_of([Part("a", 1), Part("b", 2)]))


def test_a_heading_ends_those_of_its_level_and_below():
    headings = Headings()
    seen = []
    for level, title in [(1, "A"), (2, "B"), (4, "C"), (2, "D"), (1, "E")]:
        headings.enter(level, title)
        seen.append(headings.text)

    assert seen == ["A", "A › B", "A › B › C", "A › D", "E"]

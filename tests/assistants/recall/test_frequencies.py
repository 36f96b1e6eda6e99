"""Which words of a question are looked up where texts are many."""

import pytest
from django.db.models import Q

from assistants.recall import frequencies, text, words
from assistants.recall.frequencies import Frequencies
from assistants.recall.kinds import SOURCES
from tests.assistants.recall.axes import keep

FOUND = Frequencies(
    words=["cat", "cats", "lesson", "lessons", "railway"], texts=[900.0, 50.0, 1_500.0, 400.0, 1_200.0], unknown=25.0
)  # fmt: skip


@pytest.mark.parametrize(
    ("term", "texts"),
    [("lesson", 1_900), ("lessons", 1_900), ("cat", 900), ("railway", 1_200), ("zeppelin", 25)],
)
def test_a_term_stands_in_the_texts_that_answer_it(term, texts):
    assert FOUND.of(term) == texts


@pytest.mark.parametrize(
    ("asked", "looked_up"),
    [
        (["lesson", "zeppelin", "railway"], ["zeppelin", "railway"]),
        (["lesson", "railway"], ["railway"]),
        (["lesson"], ["lesson"]),
        (["zeppelin", "basalt"], ["basalt", "zeppelin"]),
    ],
)
def test_the_rarest_are_looked_up_as_long_as_their_texts_are_few(monkeypatch, asked, looked_up):
    monkeypatch.setattr(frequencies, "of", lambda table: FOUND)
    assert frequencies.rarest("any", asked) == looked_up
    monkeypatch.setattr(frequencies, "of", lambda table: None)
    assert frequencies.rarest("any", asked) == asked, "where texts are few, all are"


def test_the_newest_of_too_many_are_ranked(in_acme, member, monkeypatch):
    monkeypatch.setattr(text, "LOOKED_AT", 2)
    rows = keep(member.user.id, *(f"cat {n}" for n in range(5)))
    newest = sorted(rows, key=lambda row: (row.updated_at, row.id))[-2:]
    found = text.search(SOURCES["memory"], Q(person_id=member.user.id), "cat", 10)
    assert {row_id for row_id, _ in found} == {row.id for row in newest}


def test_a_matcher_finds_what_the_rule_finds():
    terms = ["lessons", "cat", "2024", "läufe", "hurting"]
    said = ["lesson", "cats", "cat", "2024", "20245", "lauf", "hurts", "hurt", "less", "x"]
    matcher = words.Matcher(terms)
    assert {word: matcher.of(word) for word in said} == {
        word: [term for term in terms if words.matches(term, word)] for word in said
    }

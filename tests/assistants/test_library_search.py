"""Search over titles and texts: ranked, marked, and only in what one may see."""

import pytest

from assistants.library import marks, queries, search, services
from tenants.scope import workspace_scope
from tests import library


def titles(member, text: str, **filters) -> list[str]:
    found = search.search(member, text, filters=queries.Filters(**filters))
    return [hit.conversation.title for hit in found.hits]


def test_titles_and_texts_are_found_and_a_title_counts_more(in_acme, owner) -> None:
    library.talk(owner.member, "Something else", "How long do zeppelins fly?", "Zeppelins fly for days.")
    library.talk(owner.member, "Zeppelins", "Hello", "Hello to you.")
    library.talk(owner.member, "Neither", "Hello", "Hello to you.")
    assert titles(owner.member, "zeppelins") == ["Zeppelins", "Something else"]


def test_every_word_must_occur_and_may_end_early(in_acme, owner) -> None:
    library.talk(owner.member, "One", "Postgres keeps vectors")
    library.talk(owner.member, "Two", "Postgres keeps rows")
    assert titles(owner.member, "postg vect") == ["One"]
    assert titles(owner.member, '"keeps rows"') == ["Two"]
    assert titles(owner.member, '"rows keeps"') == []


def test_the_hit_leads_to_its_message_and_is_marked(in_acme, owner) -> None:
    row = library.talk(owner.member, "Marks", "Tell me of quagmires", "A quagmire is <b>soft</b> & wet.")
    (hit,) = search.search(owner.member, "quagmire soft").hits
    answer = row.messages.get(role="assistant")
    assert hit.message_id == answer.id
    assert hit.snippet == "A <mark>quagmire</mark> is &lt;b&gt;<mark>soft</mark>&lt;/b&gt; &amp; wet."


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain <script>", "plain &lt;script&gt;"),
        ("a <img src=hit> & hits", "a &lt;img src=<mark>hit</mark>&gt; &amp; <mark>hits</mark>"),
        ("whit", "whit"),
        ("HIT\n\nme", "<mark>HIT</mark> me"),
        ("", ""),
    ],
)
def test_marks_never_let_html_through(text, html) -> None:
    pattern = marks.pattern_of(["hit", "hi.."])
    assert marks.snippet(text, pattern) == html
    assert marks.line(text, pattern) == html


def test_a_snippet_is_the_part_with_the_most_different_hits() -> None:
    text = "alpha " + "x " * 400 + "alpha beta " + "y " * 400
    snippet = marks.snippet(text, marks.pattern_of(["alpha", "beta"]))
    assert snippet.startswith("… x x")
    assert "<mark>alpha</mark> <mark>beta</mark> y" in snippet
    assert snippet.endswith("y …")
    assert len(snippet) < marks.LENGTH + 60


def test_words_with_signs_of_patterns_find_only_themselves() -> None:
    assert (
        marks.line("a.b axb (c)", marks.pattern_of(["a.b", "(.*"]))
        == "<mark>a</mark>.<mark>b</mark> <mark>axb</mark> (c)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "'",
        "\\",
        "a' | 'b",
        "!quux",
        "a & b",
        "(",
        ":*",
        "'':*",
        "zepp:*' & 'x",
        "\x00",
        "<->",
        '"',
        '""',
        "%",
        "é'" * 90,
    ],
)
def test_no_text_breaks_the_query(in_acme, owner, text) -> None:
    library.talk(owner.member, "Zeppelin", "Nothing of that")
    assert search.search(owner.member, text).total == 0


def test_a_word_with_a_quote_in_it_is_found(in_acme, owner) -> None:
    library.talk(owner.member, "O'Brien's list", "x")
    assert titles(owner.member, "o'brien") == ["O'Brien's list"]


def test_what_one_may_not_see_is_not_found(in_acme, owner, admin) -> None:
    mine = library.talk(owner.member, "Mine xylophone", "x")
    library.talk(admin.member, "Theirs xylophone", "xylophone")
    assert titles(owner.member, "xylophone") == ["Mine xylophone"]
    assert titles(admin.member, "xylophone") == ["Theirs xylophone"]
    services.delete(member=owner.member, conversation=mine)
    assert titles(owner.member, "xylophone") == []


def test_what_is_archived_is_found_and_filters_narrow(in_acme, owner) -> None:
    row = library.talk(owner.member, "Archived xylophone", tags=["music"])
    library.talk(owner.member, "Other xylophone")
    services.set_archived(conversation=row, is_archived=True)
    assert set(titles(owner.member, "xylophone")) == {"Archived xylophone", "Other xylophone"}
    assert titles(owner.member, "xylophone", tag="music") == ["Archived xylophone"]


def test_pages_of_hits_hold_each_once(in_acme, owner) -> None:
    made = {library.talk(owner.member, f"Xylophone {number}").id for number in range(45)}
    first = search.search(owner.member, "xylophone")
    second = search.search(owner.member, "xylophone", first.next)
    third = search.search(owner.member, "xylophone", second.next)
    found = [hit.conversation.id for page in (first, second, third) for hit in page.hits]
    assert (first.total, len(found), set(found), third.next) == (45, 45, made, "")


def test_the_page_shows_the_hit_and_keeps_what_was_typed(acme, owner, db) -> None:
    with workspace_scope(acme.id):
        row = library.talk(owner.member, "<i>Tuba</i>", "A tuba & a horn")
        question = row.messages.get()
    page = owner.browser().get("/w/acme/conversations/", {"q": "tuba"}).content.decode()
    assert f'href="/w/acme/chat/{row.id}/?at={question.id}"' in page
    assert "A <mark>tuba</mark> &amp; a horn" in page
    assert "<i>" not in page
    assert 'value="tuba"' in page

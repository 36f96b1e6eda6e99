"""Every hostile output through the rendering of answers, and past it through the sanitiser alone."""

import re

import pytest
from markdown_it import MarkdownIt

from assistants.documents import citing
from assistants.rendering import markdown
from tests.assistants.hostile.outputs import Output, load
from tests.assistants.hostile.page import Page

OUTPUTS = load()
TRICKS = 12
SOURCES = [
    citing.Source(number, 'A"><script>', 1, "", "/w/acme/documents/x/#p", True) for number in range(1, 5)
]


def trusting() -> MarkdownIt:
    """The control: what a renderer does that lets HTML and every scheme through."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


def test_there_are_enough_of_them_and_none_twice():
    assert (
        len({output.text for output in OUTPUTS}) == len({output.name for output in OUTPUTS}) == len(OUTPUTS)
    )
    assert len({output.name.split(":")[0] for output in OUTPUTS}) == TRICKS
    assert len(OUTPUTS) >= 370


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_rendered_it_holds_nothing_that_acts(cut: int):
    """Whole, and cut in the middle as a stopped answer is."""
    wrong = {}
    for output in OUTPUTS:
        html = markdown.render(output.text[: len(output.text) * cut // 3])
        if found := Page(html).wrong:
            wrong[output.name] = found
    assert wrong == {}


def test_with_citations_it_holds_no_more_than_links_to_their_passages():
    wrong = {}
    for output in OUTPUTS:
        html = citing.link(markdown.render(output.text), SOURCES)
        plain = re.sub(
            r'<a class="citation" href="/w/acme/documents/x/#p" title="[^"<>]*">(\[\d\])</a>', r"\1", html
        )
        if found := Page(plain).wrong:
            wrong[output.name] = found
    assert wrong == {}


def test_as_a_copy_for_others_it_offers_no_image():
    offering = '<a class="remote-image"'
    copies = [markdown.render(output.text, offers_images=False) for output in OUTPUTS]
    assert [copy for copy in copies if offering in copy] == []
    assert len([output for output in OUTPUTS if offering in markdown.render(output.text)]) > 30


def test_the_sanitiser_alone_holds_back_what_a_trusting_renderer_lets_through():
    wrong = {}
    for output in OUTPUTS:
        page = Page(markdown.sanitise(trusting().render(output.text)))
        # An address without a scheme is followed on a click alone; refusing it is the renderer's part.
        if found := [each for each in page.wrong if not each.startswith("href=")]:
            wrong[output.name] = found
        assert not [
            link
            for link in page.links
            if re.match(r"[\s\x00]*(java|vb)?(script|data|blob|file):", link, re.IGNORECASE)
        ]
    assert wrong == {}


def test_control_a_trusting_renderer_lets_most_of_them_through():
    acting = [output for output in OUTPUTS if Page(trusting().render(output.text)).wrong]
    assert len(acting) > 300


@pytest.mark.parametrize("trick", ["long-word", "long-address", "many-marks", "braces-without-end"])
def test_what_is_long_or_deep_is_shown(trick: str):
    output: Output = next(each for each in OUTPUTS if each.name.endswith(trick))
    assert len(Page(markdown.render(output.text)).text) >= 100

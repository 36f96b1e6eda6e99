"""Do the elements of a web page close? HTML of whatever kind is read by a browser; what is left open is a slip."""

from html.parser import HTMLParser

VOID = frozenset(
    "area base br col embed hr img input link meta source track wbr param".split()  # noqa: SIM905  a list of words
)
# HTML lets these end without saying so.
IMPLIED = frozenset(
    "html head body p li dt dd tr td th thead tbody tfoot colgroup option optgroup rt rp".split()  # noqa: SIM905
)
DEEPEST = 500


class TagProblem(Exception):  # noqa: N818  reads as what happened
    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


def check_tags(text: str) -> None:
    """Raises TagProblem for the first end without a beginning, and for what is left open."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    if reader.rawdata.strip():
        raise TagProblem(reader.getpos()[0], "a tag is not ended")
    reader.end_of_page()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self._open: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        self._open.append((tag, self.getpos()[0]))
        if len(self._open) > DEEPEST:
            raise TagProblem(self.getpos()[0], "it is nested too deeply")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<path/>` within a picture closes itself."""

    def handle_endtag(self, tag: str) -> None:
        line = self.getpos()[0]
        if tag in VOID:
            return
        while self._open and self._open[-1][0] != tag and self._open[-1][0] in IMPLIED:
            self._open.pop()
        if not self._open or self._open[-1][0] != tag:
            if tag in IMPLIED:
                return
            raise TagProblem(line, f"</{tag[:40]}> closes nothing")
        self._open.pop()

    def end_of_page(self) -> None:
        left = [each for each in self._open if each[0] not in IMPLIED]
        if left:
            tag, line = left[-1]
            raise TagProblem(line, f"<{tag[:40]}> is not closed")

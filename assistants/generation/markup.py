"""Do the elements of a web page close? A browser reads HTML of whatever kind; what is left open is a slip.

A scanner of our own: each character is looked at once, whatever the text. Python's `HTMLParser` takes minutes for some.
"""

import re

VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
# HTML lets these end without saying so.
IMPLIED = frozenset({
    "html", "head", "body", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option",
    "optgroup", "rt", "rp",
})  # fmt: skip
RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.I) for name in ("script", "style", "textarea", "title")}
TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*)")
STOP = re.compile("[\"'>]")
DEEPEST = 500


class TagProblem(Exception):  # noqa: N818  reads as what happened
    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


def check_tags(text: str) -> None:
    """Raises TagProblem for the first end without a beginning, and for what is left open."""
    _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[tuple[str, int]] = []

    def read(self) -> None:
        while (at := self._text.find("<", self._at)) >= 0:
            self._at = at
            if self._text.startswith("<!--", at):
                self._skip_to("-->", "a comment is not closed")
            elif self._text.startswith(("<!", "<?"), at):
                self._skip_to(">", "a declaration is not ended")
            elif (found := TAG.match(self._text, at)) is not None:
                self._tag(found[2].lower(), is_end=bool(found[1]), begins=at, ends=found.end())
            else:
                self._at += 1
        left = [each for each in self._open if each[0] not in IMPLIED]
        if left:
            raise self._problem(f"<{left[-1][0][:40]}> is not closed", left[-1][1])

    def _skip_to(self, end: str, problem: str) -> None:
        found = self._text.find(end, self._at + 2)
        if found < 0:
            raise self._problem(problem, self._at)
        self._at = found + len(end)

    def _tag(self, name: str, *, is_end: bool, begins: int, ends: int) -> None:
        self._at = self._after(ends, begins)
        is_whole = self._text[self._at - 2] == "/"
        if name in VOID:
            return
        if is_end:
            self._close(name, begins)
        elif not is_whole:
            self._open.append((name, begins))
            if len(self._open) > DEEPEST:
                raise self._problem("it is nested too deeply", begins)
            self._skip_raw(name, begins)

    def _after(self, at: int, begins: int) -> int:
        """Behind the tag's end, which no quoted value holds."""
        while (found := STOP.search(self._text, at)) is not None:
            if found[0] == ">":
                return found.end()
            at = self._text.find(found[0], found.end()) + 1
            if at == 0:
                break
        raise self._problem("a tag is not ended", begins)

    def _skip_raw(self, name: str, begins: int) -> None:
        """Scripts and styles are no tags."""
        if name in RAW:
            found = RAW[name].search(self._text, self._at)
            if found is None:
                raise self._problem(f"<{name}> is not closed", begins)
            self._at = found.start()

    def _close(self, name: str, begins: int) -> None:
        while self._open and self._open[-1][0] != name and self._open[-1][0] in IMPLIED:
            self._open.pop()
        if self._open and self._open[-1][0] == name:
            self._open.pop()
        elif name not in IMPLIED:
            raise self._problem(f"</{name[:40]}> closes nothing", begins)

    def _problem(self, message: str, at: int) -> TagProblem:
        return TagProblem(self._text.count("\n", 0, at) + 1, message)

"""Text on pages as PDF 1.4: two of the fonts that every reader has, nothing embedded, nothing compressed.

Positions are points from the top left corner of an A4 page; a line is given by its baseline.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

WIDTH, HEIGHT = 595, 842
MARGIN = 56
ENCODING = "cp1252"
# Advance widths of Helvetica for the characters 32 to 126, in thousandths of its size (Adobe's font metrics). Digits
# and the marks in amounts are as wide in bold.
ADVANCES = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip


@dataclass
class Sheet:
    """One page; its drawing commands."""

    commands: list[str] = field(default_factory=list)

    def text(
        self, x: int, y: int, text: str, *, size: int = 10, bold: bool = False, grey: bool = False
    ) -> None:
        self._show(f"{x}", y, text, size, bold, grey)

    def text_before(self, x: int, y: int, text: str, *, size: int = 10, bold: bool = False) -> None:
        """Ends at `x`."""
        whole, rest = divmod(x * 1000 - width_of(text, size), 1000)
        self._show(f"{whole}.{rest:03d}", y, text, size, bold, grey=False)

    def rule(self, y: int) -> None:
        self.commands.append(f"0.8 G 0.7 w {MARGIN} {HEIGHT - y} m {WIDTH - MARGIN} {HEIGHT - y} l S")

    def _show(self, x: str, y: int, text: str, size: int, bold: bool, grey: bool) -> None:
        font, shade = "B" if bold else "R", "0.4" if grey else "0"
        self.commands.append(f"{shade} g BT /{font} {size} Tf {x} {HEIGHT - y} Td ({_escaped(text)}) Tj ET")


def width_of(text: str, size: int) -> int:
    """In thousandths of a point. Characters beyond ASCII count as a digit does."""
    return size * sum(ADVANCES[ord(each) - 32] if 32 <= ord(each) <= 126 else 556 for each in text)


def fitted(text: str, size: int, width: int) -> str:
    """Shortened with an ellipsis to what fits into `width` points."""
    if width_of(text, size) <= width * 1000:
        return text
    while text and width_of(text + "…", size) > width * 1000:
        text = text[:-1]
    return text.rstrip() + "…"


def _escaped(text: str) -> str:
    kept = text.encode(ENCODING, "replace").decode(ENCODING)
    return kept.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def build(sheets: Iterable[Sheet], *, title: str) -> bytes:
    """The file. Its last table says at which byte each object begins, so readers do not have to guess."""
    pages = list(sheets)
    first_page = 6
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        _font("Helvetica"),
        _font("Helvetica-Bold"),
        f"<< /Title ({_escaped(title)}) /Producer (Steward, simulated payments) >>",
    ]
    for number, page in enumerate(pages):
        objects += _page(page, contents=first_page + 2 * number + 1)
    return _file(objects)


def _font(name: str) -> str:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>"


def _page(page: Sheet, *, contents: int) -> tuple[str, str]:
    stream = "\n".join(page.commands)
    size = f"/MediaBox [0 0 {WIDTH} {HEIGHT}]"
    fonts = "/Resources << /Font << /R 3 0 R /B 4 0 R >> >>"
    return (
        f"<< /Type /Page /Parent 2 0 R {size} {fonts} /Contents {contents} 0 R >>",
        f"<< /Length {len(stream.encode(ENCODING))} >>\nstream\n{stream}\nendstream",
    )


def _file(objects: list[str]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    starts = []
    for number, text in enumerate(objects, start=1):
        starts.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n".encode(ENCODING)
    table = len(out)
    rows = "".join(f"{start:010d} 00000 n \n" for start in starts)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{rows}".encode()
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\n".encode()
    out += f"startxref\n{table}\n%%EOF\n".encode()
    return bytes(out)

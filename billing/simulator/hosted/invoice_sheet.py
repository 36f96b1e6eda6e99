"""An invoice on paper."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.simulator.hosted.pdf import HEIGHT, MARGIN, WIDTH, Sheet, build, fitted
from billing.simulator.hosted.words import Bill, Line

RIGHT = WIDTH - MARGIN
ROW, LAST_ROW = 32, HEIGHT - 130
AMOUNT_WIDTH = 110


@dataclass(frozen=True)
class Paper:
    """What an invoice says. `title`: `Invoice STEWARD-0001`; `state`: `Paid on 3 May 2027`."""

    notice: str
    seller: str
    title: str
    state: str
    facts: Sequence[Line]
    bill: Bill


def make_pdf(paper: Paper) -> bytes:
    sheets = [_begin(paper)]
    y = _facts(sheets[0], paper)
    for line in [*paper.bill.lines, *paper.bill.sums, paper.bill.total]:
        if y > LAST_ROW:
            sheets.append(_begin(paper))
            y = 150
        y = _row(sheets[-1], y, line, bold=line is paper.bill.total)
    for number, sheet in enumerate(sheets, start=1):
        sheet.text(
            MARGIN, HEIGHT - 40, f"{paper.notice}. This document is no demand for payment.", size=8, grey=True
        )
        sheet.text_before(RIGHT, HEIGHT - 40, f"Page {number} of {len(sheets)}", size=8)
    return build(sheets, title=f"{paper.title} (simulated)")


def _begin(paper: Paper) -> Sheet:
    """The head of each page: the notice stands first on every one."""
    sheet = Sheet()
    sheet.text(MARGIN, 48, paper.notice, size=11, bold=True)
    sheet.rule(58)
    sheet.text(MARGIN, 92, paper.title, size=18, bold=True)
    sheet.text(MARGIN, 112, paper.state, grey=True)
    sheet.text_before(RIGHT, 92, paper.seller, size=12)
    return sheet


def _facts(sheet: Sheet, paper: Paper) -> int:
    y = 142
    for fact in paper.facts:
        sheet.text(MARGIN, y, fact.label, grey=True)
        sheet.text(MARGIN + 120, y, fitted(fact.amount, 10, RIGHT - MARGIN - 120))
        y += 16
    return y + 20


def _row(sheet: Sheet, y: int, line: Line, *, bold: bool) -> int:
    """The amount is what it is for; the label gives way."""
    sheet.rule(y - 15)
    sheet.text(MARGIN, y, fitted(line.label, 10, RIGHT - MARGIN - AMOUNT_WIDTH), bold=bold)
    sheet.text_before(RIGHT, y, line.amount, bold=bold)
    if line.note:
        sheet.text(MARGIN, y + 13, fitted(line.note, 8, RIGHT - MARGIN), size=8, grey=True)
        return y + ROW + 6
    return y + ROW - 6

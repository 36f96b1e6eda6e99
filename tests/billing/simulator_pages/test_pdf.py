"""The PDF of an invoice is one that readers open, and says that nothing was paid."""

import re

from billing.simulator.hosted import pdf


def objects_of(content: bytes) -> dict[int, bytes]:
    """Read as a reader does: from the end to the table, from the table to each object."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", content)[1])
    head, count = re.match(rb"xref\n0 (\d+)\n()", content[start:]), 0
    assert head is not None
    count = int(head[1])
    rows = content[start + head.end() :].splitlines(keepends=True)[:count]
    assert all(len(row) == 20 for row in rows), "each row of the table has 20 bytes"
    found = {}
    for number, row in enumerate(rows[1:], start=1):
        begin = int(row[:10])
        assert content[begin:].startswith(f"{number} 0 obj\n".encode())
        found[number] = content[begin : content.index(b"endobj", begin)]
    return found


def test_every_object_stands_where_the_table_says():
    sheets = [pdf.Sheet(), pdf.Sheet()]
    for number, sheet in enumerate(sheets):
        sheet.text(56, 100, f"Page {number} — (with \\ marks)")
        sheet.text_before(500, 100, "$1,234.56")
        sheet.rule(120)

    objects = objects_of(pdf.build(sheets, title="Two pages"))

    assert b"/Count 2" in objects[2]
    streams = [text for text in objects.values() if b"stream\n" in text]
    assert len(streams) == 2
    for text in streams:
        length = int(re.search(rb"/Length (\d+)", text)[1])
        assert len(text.split(b"stream\n", 1)[1].split(b"\nendstream")[0]) == length
    assert b"(Page 0 \x97 \\(with \\\\ marks\\))" in streams[0]


def test_amounts_end_at_the_same_place():
    assert pdf.width_of("$10.00", 10) == 10 * (556 + 556 * 4 + 278)
    sheet = pdf.Sheet()
    sheet.text_before(500, 100, "$10.00", size=10)
    assert " 469.420 742 Td " in sheet.commands[0]


def test_characters_that_the_fonts_lack_are_replaced_and_never_fail():
    sheet = pdf.Sheet()
    sheet.text(0, 0, "Łódź 猫")
    content = pdf.build([sheet], title="x")
    assert b"(?\xf3d? ?)" in content


def test_long_text_is_shortened_to_its_place():
    text = "An item with a very long description that would run into the amounts at its right"
    short = pdf.fitted(text, 10, 200)
    assert short.endswith("…")
    assert text.startswith(short[:-1])
    assert pdf.width_of(short, 10) <= 200_000
    assert pdf.fitted("Short", 10, 200) == "Short"

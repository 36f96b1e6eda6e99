"""What is read of each format, and what a reader that misbehaves comes to. Each in a real process with its limits."""

import io
import json
import os
import subprocess
import sys

import pypdf
import pytest
from django.conf import settings

from assistants.documents import formats, sandbox
from assistants.documents.reader import limits
from tests.assistants.documents import files


def read(content: bytes, media_type: str, **options) -> list[tuple[int, str, str]]:
    reading = sandbox.read(io.BytesIO(content), media_type, lambda percent: None, **options)
    return [(found.page, found.heading, found.text) for found in reading.passages]


def refusal(content: bytes, media_type: str, **options) -> str:
    with pytest.raises(sandbox.ReadingFailed) as refused:
        read(content, media_type, **options)
    return refused.value.code


def test_pdf_is_read_by_pages_and_headings():
    told = []
    content = files.pages(
        "= Leave\nEverybody has 30 days.\n== Illness\nTell us by nine.", "Page two.", "= Pay\nMonthly."
    )

    reading = sandbox.read(io.BytesIO(content), formats.PDF, told.append)

    assert reading.pages == 3
    assert [(found.page, found.heading, found.text) for found in reading.passages] == [
        (1, "Leave", "Leave\nEverybody has 30 days."),
        (1, "Leave › Illness", "Illness\nTell us by nine."),
        (2, "Leave › Illness", "Page two."),
        (3, "Pay", "Pay\nMonthly."),
    ]
    assert told == [33, 66, 99]


def test_lines_that_a_pdf_broke_for_want_of_room_are_whole_again():
    source = (
        '#set page(width: 8cm, height: 12cm, margin: 1cm)\n#set text(hyphenate: true, lang: "en")\n'
        "= Leave\nEverybody has thirty days of leave a year, in addition to the public holidays of the country.\n\n"
        "Ask your team.\n\n- One\n- Two"
    )

    assert read(files.pdf(source), formats.PDF) == [
        (
            1,
            "Leave",
            "Leave\nEverybody has thirty days of leave a year, in addition to the public holidays of the country.\n"
            "Ask your team.\n• One\n• Two",
        )
    ]


def test_word_is_read_by_headings_with_its_tables():
    def fill(document):
        document.add_heading("Handbook", 0)
        document.add_heading("Leave", 1)
        document.add_paragraph("Everybody has 30 days.")
        table = document.add_table(2, 2)
        for cell, text in zip(table._cells, ["Role", "Days", "Lead", "32"], strict=True):
            cell.text = text
        document.add_heading("Pay", 1)
        document.add_paragraph("Monthly.")

    assert read(files.word(fill), formats.DOCX) == [
        (0, "Handbook", "Handbook"),
        (0, "Handbook › Leave", "Leave\nEverybody has 30 days.\nRole | Days\nRole: Lead; Days: 32"),
        (0, "Handbook › Pay", "Pay\nMonthly."),
    ]


def test_slides_are_pages_with_their_notes():
    assert read(files.slides("Leave", "Pay"), formats.PPTX) == [
        (1, "Leave", "Leave\nAbout Leave.\nNotes on Leave."),
        (2, "Pay", "Pay\nAbout Pay.\nNotes on Pay."),
    ]


def test_rows_of_a_workbook_name_their_columns():
    content = files.workbook(
        [["Name", "Days", None], ["Mia", 30, None], [None, None, None], ["Max", 28, "late"]]
    )

    assert read(content, formats.XLSX) == [
        (0, "Leave", "Name | Days\nName: Mia; Days: 30\nName: Max; Days: 28; late")
    ]


def test_csv_finds_its_delimiter():
    assert read(b'name;days\nMia;30\n"Max; the 2nd";28\n', formats.CSV) == [
        (0, "", "name | days\nname: Mia; days: 30\nname: Max; the 2nd; days: 28")
    ]


def test_markdown_knows_headings_from_code():
    content = b"Before.\n\n# Leave #\n\n30 days.\n\n```sh\n# no heading\n\nls\n```\n\n## Illness\nBy nine.\n"

    assert read(content, formats.MARKDOWN) == [
        (0, "", "Before."),
        (0, "Leave", "# Leave #\n30 days.\n```sh\n# no heading\n\nls\n```"),
        (0, "Leave › Illness", "## Illness\nBy nine."),
    ]


def test_of_a_web_page_only_what_people_see_is_read():
    content = (
        b"<!doctype html><title>Rules</title><style>a{}</style><body><h1>Leave</h1><p>30 <b>days</b>.</p>"
        b"<script>steal()</script><p hidden>obey</p><p aria-hidden=true>obey</p><!-- obey --><template>obey</template>"
        b"<ul><li>one<li>two</ul><h2>Code</h2><pre>a\n  b</pre>"
    )

    assert read(content, formats.HTML) == [
        (0, "Rules › Leave", "Leave\n30 days.\none\ntwo"),
        (0, "Rules › Leave › Code", "Code\na\n  b"),
    ]


def test_code_keeps_its_lines_and_text_its_letters():
    assert read("def a():\n    return 'ä'\n\n\nb = 1\n".encode(), formats.PLAIN) == [
        (0, "", "def a():\n    return 'ä'\nb = 1")
    ]
    assert read(
        "Überstunden müssen spätestens nächste Woche genommen werden.".encode("cp1252"), formats.PLAIN
    ) == [(0, "", "Überstunden müssen spätestens nächste Woche genommen werden.")]


def test_characters_that_nobody_sees_are_taken_out():
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    content = f"30\u200b days{hidden} of \u202eleave\u202c\u00ad.\ufeff\u2066\u2069".encode()

    assert read(content, formats.PLAIN) == [(0, "", "30 days of leave.")]


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (b"%PDF-1.7\nnothing\n%%EOF", formats.PDF, "file_unreadable"),
        (files.zipped({"word/document.xml": b"<a>"}), formats.DOCX, "file_unreadable"),
        (b"\0\0", formats.PLAIN, "file_unreadable"),
        (b"<html><body></body></html>", formats.HTML, "no_text"),
        (b"x", "application/x-unknown", "type_not_allowed"),
        (
            files.changed(files.word(), {"word/x.xml": b"<!--" + b"x" * 70_000 + b"--><!DOCTYPE a><a/>"}),
            formats.DOCX,
            "file_unsafe",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(content, media_type, code):
    assert refusal(content, media_type) == code


def test_a_pdf_with_a_password_says_so():
    writer = pypdf.PdfWriter(io.BytesIO(files.pdf()))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)

    assert refusal(out.getvalue(), formats.PDF) == "file_encrypted"


def test_a_scan_without_text_says_so():
    assert refusal(files.pdf("#rect(width: 10pt)"), formats.PDF) == "no_text"


def test_a_reader_that_takes_too_long_is_ended():
    assert refusal(b"<b>" * 400_000, formats.HTML, cpu_s=1) == "parser_timeout"
    assert read(b"<b>" * 40 + b"short", formats.HTML) == [(0, "", "short")]


def test_a_reader_that_takes_too_much_memory_is_ended():
    """Small as a file, large as what is read of it."""
    assert refusal(b"<b>" * 800_000, formats.HTML, memory=320 * 1024 * 1024) == "parser_memory"


PROBE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from assistants.documents.reader import limits, main
main._reader_of("text/plain")
limits.set_limits(memory=1 << 30, cpu_s=5, wall_s=20)
limits.forbid()
found = {"environment": sorted(os.environ), "django": "django" in sys.modules, "settings": "config" in sys.modules}
def tried(what, act):
    try:
        act()
        found[what] = "done"
    except (PermissionError, OSError) as error:
        found[what] = type(error).__name__
import socket, subprocess
tried("network", lambda: socket.create_connection(("127.0.0.1", 9), timeout=1))
tried("process", lambda: subprocess.run(["true"], timeout=5))
tried("write", lambda: open("/tmp/written-by-a-reader", "w"))
tried("append", lambda: open("/tmp/written-by-a-reader", "a"))
print(json.dumps(found))
"""  # fmt: skip


def probe(text: str) -> dict:
    """What the process of a reader finds around it: run as the sandbox runs it."""
    os.environ["STEWARD_TEST_SECRET"] = "hunter2"
    command = [sys.executable, "-I", "-c", text, str(settings.BASE_DIR)]
    done = subprocess.run(command, capture_output=True, env={"LANG": "C.UTF-8"}, timeout=30, check=True)
    return json.loads(done.stdout)


def test_the_process_of_a_reader_has_no_django_no_secrets_and_no_way_out():
    found = probe(PROBE)

    assert set(found.pop("environment")) <= {"LANG", "LC_CTYPE"}
    assert found == {
        "django": False, "settings": False, "network": "PermissionError", "process": "PermissionError",
        "write": "PermissionError", "append": "PermissionError",
    }  # fmt: skip


def test_without_the_reader_s_rules_there_would_be_a_way_out():
    """The control of the test above."""
    found = probe(PROBE.replace("limits.forbid()", "").replace('"/tmp/written-by-a-reader"', '"/dev/null"'))

    assert (found["process"], found["write"], found["network"]) == ("done", "done", "ConnectionRefusedError")
    assert limits.FORBIDDEN

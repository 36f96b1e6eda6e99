"""A PDF is uploaded, read, given to an assistant, asked about; the citation of the answer leads to its passage."""

import re
from pathlib import Path

import typst
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE
from tests.patience import PATIENCE_MS

SOURCE = b"= Trains\nTrains are booked in second class.\n#pagebreak()\n"
SOURCE += b"= Flights\nFlights need a trip above seven hours."


def test_upload_a_pdf_and_follow_a_citation(owner, tmp_path: Path, watch) -> None:
    page = owner.page
    good, bad = tmp_path / "Travel rules.pdf", tmp_path / "Broken.pdf"
    good.write_bytes(typst.compile(SOURCE))
    bad.write_bytes(b"This is no PDF.")
    watch.expected_statuses.add(415)

    owner.go("/w/acme/documents/")
    page.get_by_label("Upload files").set_input_files([good, bad])
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("This file is not what its name says.")).to_be_visible()
    row = page.locator(".doc", has_text=good.name)
    expect(row.get_by_text("Ready")).to_be_visible(timeout=PATIENCE_MS)
    owner.check_accessible()

    owner.go("/w/acme/assistants/new/")
    page.get_by_label("Name", exact=True).fill("Travel desk")
    page.get_by_label(good.name).check()
    page.get_by_role("button", name=re.compile("^(Create|Save)")).first.click()
    page.wait_for_url("**/assistants/**")
    owner.go("/w/acme/assistants/")
    page.get_by_role("link", name=re.compile("^Travel desk")).first.click()
    owner.ask("From how many hours on may I take flights?", exact="Above seven hours [1].", rate=0)
    answer = owner.wait_final()
    expect(answer.locator(".answer-sources a")).to_have_text(f"{good.name}, page 2")
    owner.check_accessible("light")

    answer.get_by_role("link", name="[1]").click()

    passage = page.locator(".passage-shown")
    expect(passage).to_be_in_viewport()
    expect(passage).to_contain_text("Flights need a trip above seven hours.")
    expect(passage).to_contain_text("Page 2")
    owner.check_accessible("dark")
    page.set_viewport_size(PHONE)
    owner.check_fits()

"""A picture and a PDF are given with a question: read, sent, seen by the model, shown under the question, cited."""

import io
from pathlib import Path

import typst
from PIL import Image
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE
from tests.patience import PATIENCE_MS


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 200), "teal").save(out, "PNG")
    return out.getvalue()


def test_attach_a_picture_and_a_pdf_and_ask(owner, tmp_path: Path, watch) -> None:
    page = owner.page
    rules, broken, cat = tmp_path / "Rules.pdf", tmp_path / "Broken.pdf", tmp_path / "Cat.png"
    rules.write_bytes(typst.compile(b"= Trains\nTrains are booked in second class."))
    broken.write_bytes(b"This is no PDF.")
    cat.write_bytes(picture())
    watch.expected_statuses.add(415)

    owner.open_chat()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([rules, broken, cat])
    tray = page.get_by_role("list", name="Files to be sent")
    expect(tray.get_by_text("This file is not what its name says.")).to_be_visible()
    expect(tray.locator("[data-given=ready]")).to_have_count(2, timeout=PATIENCE_MS)
    page.reload()
    expect(tray.locator("[data-given=ready]")).to_have_count(2)
    owner.check_accessible()

    owner.composer.fill("Which class are trains booked in, and what is in the picture?")
    owner.composer.press("Enter")
    answer = owner.wait_final()
    expect(answer).to_contain_text("image/png, 320 × 200")
    expect(answer).to_contain_text("Rules.pdf")
    expect(tray.locator("li")).to_have_count(0)
    shown = page.get_by_role("img", name="Cat.png")
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("naturalWidth", 320)
    expect(page.get_by_role("link", name="Rules.pdf").first).to_be_visible()
    owner.check_accessible("light")
    owner.check_accessible("dark")
    page.set_viewport_size(PHONE)
    owner.check_fits()

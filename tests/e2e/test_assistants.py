"""Making and changing an assistant; a refused form keeps what was typed."""

from uuid import uuid4

from playwright.sync_api import expect


def without_browser_checks(page):
    """The server's own check must hold by itself."""
    page.locator("#assistant-form").evaluate("form => { form.noValidate = true; }")


def test_an_assistant_is_made_refused_kept_and_changed(owner, watch):
    watch.expected_statuses.add(422)
    page, name = owner.page, f"Notary {uuid4().hex[:6]}"
    owner.go("/w/acme/assistants/")
    page.get_by_role("link", name="New assistant").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Instructions").fill("Answer in one sentence.")
    page.get_by_label("Temperature").fill("5")
    page.get_by_label("Longest answer").fill("3")
    without_browser_checks(page)

    page.get_by_role("button", name="Create assistant").click()

    expect(page.get_by_label("Temperature")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Choose a value from 0 to 2.")).to_be_visible()
    expect(page.get_by_text("Choose a value from 16 to 32,000.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value(name)
    expect(page.get_by_label("Instructions")).to_have_value("Answer in one sentence.")
    expect(page.get_by_label("Temperature")).to_have_value("5")
    owner.check_accessible()

    page.get_by_label("Temperature").fill("0.3")
    page.get_by_label("Longest answer").fill("300")
    page.get_by_role("button", name="Create assistant").click()
    expect(page.get_by_text(f"{name} is ready.")).to_be_visible()
    owner.check_accessible()

    page.get_by_role("link", name=f"Edit {name}").click()
    expect(page.get_by_label("Longest answer")).to_have_value("300")
    page.get_by_label("Instructions").fill("Answer in two sentences.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(f"{name} is saved.")).to_be_visible()
    expect(page.get_by_label("Instructions")).to_have_value("Answer in two sentences.")


def test_a_viewer_is_offered_no_button_that_would_be_refused(sign_in):
    viewer = sign_in("acme", "viewer")
    viewer.go("/w/acme/assistants/")
    expect(viewer.page.get_by_role("link", name="New assistant")).to_have_count(0)
    viewer.open_chat()
    expect(viewer.composer).to_have_count(0)
    expect(viewer.page.get_by_text("can read conversations but not write")).to_be_visible()
    viewer.check_accessible()

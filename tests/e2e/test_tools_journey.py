"""An answer uses a tool, asks before it reads a page, and goes on when it was allowed."""

from uuid import uuid4

from playwright.sync_api import expect

from tests.e2e.conftest import PHONE
from tests.patience import PATIENCE_MS

# The page is the product itself, on a private address: it is asked for, allowed, and still not read.
QUESTION = """What is six times seven, and what does the page say?
/sim tool=calculator args={"expression": "6 * 7"}
/sim round=2 tool=web_page args={"url": "http://127.0.0.1/terms"}"""


def test_a_tool_is_used_and_another_waits_for_permission(owner):
    page, name = owner.page, f"Researcher {uuid4().hex[:6]}"
    owner.go("/w/acme/assistants/new/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Calculator").check()
    page.get_by_label("Read a web page").check()
    page.get_by_role("button", name="Create assistant").click()
    expect(page.get_by_text(f"{name} is ready.")).to_be_visible()

    owner.go("/w/acme/chat/")
    page.get_by_label("Assistant").select_option(label=name)
    page.get_by_label("Message").fill(QUESTION)
    page.get_by_label("Message").press("Enter")
    answer = page.locator("article.message-assistant").last
    expect(answer.get_by_role("button", name="Allow once")).to_be_visible(timeout=PATIENCE_MS)
    expect(answer.get_by_text("http://127.0.0.1/terms")).to_be_visible()
    expect(answer.locator(".tool-done")).to_contain_text("6 * 7")
    owner.check_accessible()
    page.set_viewport_size(PHONE)
    owner.check_fits()
    page.set_viewport_size({"width": 1280, "height": 900})

    answer.get_by_role("button", name="Allow once").click()
    answer = page.locator("article.message-assistant").last
    expect(answer.locator(".tool-failed")).to_contain_text("Read a web page", timeout=PATIENCE_MS)
    expect(answer).to_have_attribute("data-state", "final", timeout=PATIENCE_MS)
    expect(answer).to_contain_text("A tool returned: 42")
    expect(answer).to_contain_text("This address is not one of the open internet.")
    page.reload()
    answer = page.locator("article.message-assistant").last
    answer.locator(".tool-done summary").click()
    expect(answer.locator(".tool-done .tool-result")).to_have_text("42")
    owner.check_accessible()

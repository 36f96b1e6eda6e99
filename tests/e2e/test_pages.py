"""Every page, wide and narrow, light and dark: no finding of axe, nothing wider than the window. And by keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PHONE
from tests.e2e.visits import Visit

OPEN = (
    "/",
    "/pricing/",
    "/pricing/?interval=year",
    "/enquiry/",
    "/accounts/login/",
    "/sso/",
    "/sso/emergency/",
    "/accounts/signup/",
    "/accounts/login/code/",
    "/accounts/password/reset/",
    "/dev/mail/",
    "/legal/terms/",
    "/legal/privacy/",
    "/legal/data-processing/",
    "/legal/cookies/",
    "/cookies/",
    "/no-such-page/",
    "/share/made-up/",
    "/invitations/made-up/",
)
SIGNED_IN = (
    "/w/acme/audit/", "/w/acme/audit/?group=support", "/w/acme/audit/?first=2026-02-02&last=2026-02-01",
    "/w/acme/receipts/verdicts/?kind=audit",
    "/w/acme/settings/sso/", "/w/acme/settings/sso/oidc/", "/w/acme/settings/sso/saml/",
    "/me/", "/me/profile/", "/accounts/email/", "/accounts/password/change/", "/accounts/logout/", "/w/acme/",
    "/w/acme/chat/",
    "/w/acme/assistants/", "/w/acme/assistants/new/", "/w/acme/assistants/new/?template=career",
    "/w/acme/assistants/templates/", "/w/acme/assistants/?archived=1", "/w/no-such-workspace/", "/w/acme/billing/",
    "/w/acme/conversations/", "/w/acme/conversations/?q=index", "/w/acme/conversations/?show=deleted",
    "/w/acme/conversations/links/", "/w/acme/conversations/import/", "/w/acme/projects/",
    "/w/acme/memory/", "/w/acme/memory/?layer=shared", "/w/acme/memory/graph/", "/w/acme/tools/",
    "/w/acme/projects/new/",
    "/workspaces/new/", "/w/acme/settings/", "/w/acme/settings/brand/", "/w/acme/settings/domain/",
    "/w/acme/billing/plans/", "/w/acme/billing/plans/?plan=pro", "/w/acme/billing/invoices/", "/w/acme/billing/log/",
    "/w/acme/members/", "/w/acme/members/?q=zzz", "/w/acme/members/invite/", "/w/acme/members/roles/",
    "/w/acme/members/leave/",
    "/me/security/", "/me/security/?for=acme", "/me/sessions/", "/accounts/2fa/", "/accounts/2fa/webauthn/",
    "/accounts/2fa/webauthn/add/", "/accounts/3rdparty/", "/w/acme/settings/security/",
    "/me/privacy/", "/me/privacy/delete/", "/me/privacy/deleted/", "/w/acme/settings/export/",
    "/w/acme/settings/ending/", "/w/acme/settings/models/", "/w/acme/settings/models/new/",
    "/w/acme/settings/webhooks/", "/w/acme/settings/webhooks/new/",
    "/w/acme/documents/", "/w/acme/documents/?show=shared", "/w/acme/resume/",
    "/w/acme/keys/", "/w/acme/keys/?state=revoked", "/w/acme/keys/new/",
    "/w/acme/billing/cancel/", "/w/acme/billing/referrals/", "/w/acme/billing/contracts/",
)  # fmt: skip
RICH = """# A heading

A paragraph with `code`, a [link](https://elsewhere.example/) and **bold**.

```python
def a_function_with_a_long_name(first_argument: str, second_argument: str, third_argument: str) -> None:
    raise NotImplementedError("a long line of code must scroll in its own box and not widen the page")
```

| Column one | Column two | Column three | Column four | Column five |
| --- | --- | --- | --- | --- |
| a fairly long cell | another fairly long cell | a third one | a fourth one | and the last one |

https://a-very-long-word.example/without/any/place/to/break/it/because/urls/are/like/that/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
"""


@pytest.fixture
def conversation(owner):
    """A page with all that answers are made of: rich text, a failure, a stopped answer."""
    owner.start("Write it richly.", exact=RICH, rate=0)
    owner.wait_final()
    owner.ask("Fail.", fault=400)
    owner.wait_final("failed")
    owner.ask("Stop.", tokens=2000, rate=30)
    owner.wait_for_text(1)
    owner.page.get_by_role("button", name="Stop the answer").click()
    owner.wait_final("stopped")
    return owner


def check(visit: Visit) -> None:
    """Wide in the dark, then narrow in the light."""
    visit.check_accessible("dark")
    visit.check_fits()
    wide = visit.page.viewport_size
    visit.page.set_viewport_size(PHONE)
    visit.check_accessible("light")
    visit.check_fits()
    visit.page.set_viewport_size(wide)


@pytest.mark.parametrize("path", OPEN)
def test_open_page(stranger, watch, path):
    watch.expected_statuses.add(404)
    stranger.go(path)
    check(stranger)


@pytest.mark.parametrize("path", SIGNED_IN)
def test_page_of_a_workspace(owner, watch, path):
    watch.expected_statuses.update({404, 422})
    owner.go(path)
    check(owner)


def test_entry_of_the_audit_log_opens_in_its_row_and_on_its_page(owner):
    owner.go("/w/acme/audit/")
    entry = owner.page.locator(".audit-entry").first
    entry.locator("summary").focus()
    owner.page.keyboard.press("Enter")
    expect(entry.get_by_role("link", name="This entry")).to_be_visible()
    check(owner)

    entry.get_by_role("link", name="This entry").click()

    expect(owner.page.get_by_role("heading", name="That it stays so")).to_be_visible()
    check(owner)


def test_webhook_is_added_and_its_log_read(owner):
    owner.go("/w/acme/settings/webhooks/new/")
    page = owner.page
    page.get_by_label("Address", exact=True).fill(
        "https://hooks.invalid/a-long-path/that-must-break-somewhere/in-a-narrow-window"
    )
    page.get_by_label("Somebody joined").check()
    page.get_by_role("button", name="Add webhook").click()
    expect(page.get_by_role("region", name="Signing secret")).to_contain_text("whsec_")
    check(owner)
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("button", name="Send a test").click()
    page.locator(".delivery summary").click()
    expect(page.get_by_role("region", name="Message", exact=True)).to_contain_text("webhook.test")
    check(owner)


def test_page_of_a_conversation(conversation):
    check(conversation)


def test_page_while_an_answer_is_written(owner):
    owner.start("Slowly.", tokens=3000, rate=15)
    owner.wait_for_text(10)
    check(owner)
    owner.page.get_by_role("button", name="Stop the answer").click()
    owner.wait_final("stopped")


def test_styleguide(sign_in):
    staff = sign_in("acme", "staff")
    staff.go("/styleguide/")
    check(staff)


def test_on_a_phone_the_drawer_leads_everywhere_and_a_question_can_be_asked(conversation):
    page = conversation.page
    page.set_viewport_size(PHONE)
    page.reload()
    sidebar = page.locator("#sidebar")
    expect(sidebar).to_be_hidden()

    page.get_by_role("button", name="Open navigation").click()
    expect(sidebar).to_be_visible()
    conversation.check_accessible()
    conversation.check_fits()
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    page.get_by_role("button", name="Open navigation").click()
    sidebar.get_by_role("link", name="Assistants").click()
    page.wait_for_url("**/assistants/")
    expect(sidebar).to_be_hidden()

    conversation.start("From a phone.", tokens=30, rate=0)
    conversation.wait_final()
    box = conversation.composer.bounding_box()
    assert box["y"] + box["height"] <= PHONE["height"], "the composer is in view"
    conversation.check_fits()


def test_the_skip_link_comes_first_and_leads_to_the_content(owner):
    owner.go("/w/acme/")
    owner.page.keyboard.press("Tab")
    expect(owner.page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(owner.page.get_by_role("link", name="Skip to content")).to_be_in_viewport()

    owner.page.keyboard.press("Enter")

    expect(owner.page.locator("#main")).to_be_focused()


def test_escape_closes_the_menu_and_gives_the_focus_back(owner):
    owner.go("/w/acme/")
    button = owner.page.locator("summary.person-button")
    button.focus()
    owner.page.keyboard.press("Enter")
    expect(owner.page.get_by_role("button", name="Sign out")).to_be_visible()
    owner.check_accessible()

    owner.page.keyboard.press("Escape")

    expect(owner.page.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(button).to_be_focused()


def test_workspaces_are_switched_by_keyboard(owner):
    """A shortcut opens the switcher at the present one; arrows, letters, Home and End go through it."""
    owner.go("/w/acme/")
    owner.page.wait_for_load_state("load")
    switcher = owner.page.locator("#sidebar details[data-menu-keys]")
    entries = switcher.locator(".menu-item")
    owner.page.keyboard.press("Alt+w")
    expect(switcher.locator('[aria-current="true"]')).to_be_focused()
    owner.check_accessible()
    owner.page.keyboard.press("End")
    expect(entries.last).to_be_focused()
    owner.page.keyboard.press("ArrowDown")
    expect(entries.first).to_be_focused()
    owner.page.keyboard.press("n")
    expect(switcher.get_by_text("New workspace")).to_be_focused()
    owner.page.keyboard.press("Home")
    expect(entries.first).to_be_focused()

    owner.page.keyboard.press("Escape")

    expect(switcher.locator("summary")).to_be_focused()
    expect(entries.first).to_be_hidden()


def test_escape_closes_a_dialog_and_gives_the_focus_back(sign_in):
    staff = sign_in("acme", "staff")
    staff.go("/styleguide/")
    opener = staff.page.get_by_role("button", name="Open a dialog").first
    opener.click()
    dialog = staff.page.locator("dialog[open]")
    expect(dialog).to_be_visible()

    staff.page.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


def test_a_whole_turn_by_keyboard_alone(owner):
    owner.open_chat()
    expect(owner.composer).to_be_focused()
    owner.page.keyboard.type("By keyboard.")
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    expect(owner.composer).to_be_focused()
    owner.wait_final()
    expect(owner.page.locator("[data-announcer]")).to_have_text("Reply finished")
    expect(owner.composer).to_be_focused()
    owner.page.keyboard.type("And again.")
    owner.page.keyboard.press("Enter")
    expect(owner.questions).to_have_count(2)
    expect(owner.composer).to_be_focused()
    owner.wait_final()


def test_signing_out_ends_the_session(sign_in, cookies):
    admin = sign_in("acme", "admin")
    admin.go("/w/acme/")
    admin.page.locator("summary.person-button").click()

    admin.page.get_by_role("button", name="Sign out").click()

    expect(admin.page.get_by_role("link", name="Sign in").first).to_be_visible()
    admin.go("/w/acme/")
    expect(admin.page.get_by_role("heading", name="Sign in")).to_be_visible()

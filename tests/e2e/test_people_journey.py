"""Two people and a workspace: sign-up, a second factor, an invitation, a role, a removal, an export, and the end of an
account. Every page on the way is held against axe."""

import base64
import hashlib
import hmac
import io
import json
import re
import struct
import time
import zipfile
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import WIDE
from tests.e2e.visits import Visit
from tests.patience import PATIENCE_MS

WORD = uuid4().hex[:8]
ADA, BEN = f"ada-{WORD}@example.test", f"ben-{WORD}@example.test"
PASSWORD = "a-long-enough-Passphrase-7"
"""For what a worker makes: mails, exports, an erasure."""


@pytest.fixture
def second(browser, watch, stack):
    """Somebody else's browser."""
    context = browser.new_context(viewport=WIDE)
    watch.attach(context)
    yield Visit(context.new_page(), stack.url)
    context.close()


def code_of(secret: str) -> str:
    """The six digits of now: RFC 6238 over HMAC-SHA-1, 30 seconds."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = mac[-1] & 15
    return f"{(int.from_bytes(mac[start : start + 4]) & 0x7FFFFFFF) % 10**6:06d}"


def open_mail(visit: Visit, address: str, subject: str) -> None:
    """Somebody's latest mail of this subject, once it has been sent."""
    page = visit.page
    for _ in range(60):
        visit.go(f"/dev/mail/?q={address}")
        named = re.compile(f"{subject}.*{re.escape(address)}|{re.escape(address)}.*{subject}", re.DOTALL)
        row = page.get_by_role("link", name=named)
        if row.count():
            break
        page.wait_for_timeout(500)
    row.first.click()


def mailed(visit: Visit, address: str, subject: str, link: str) -> str:
    """The link in it."""
    open_mail(visit, address, subject)
    target = visit.page.get_by_role("link", name=re.compile(link)).first.get_attribute("href")
    assert target is not None
    return target


def sign_up(visit: Visit, address: str) -> None:
    page = visit.page
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    visit.check_accessible()
    page.get_by_role("button", name="Create account").click()


def confirm(visit: Visit, address: str) -> None:
    visit.page.goto(mailed(visit, address, "onfirm", "confirm-email"))
    visit.page.get_by_role("button", name="Yes, confirm").click()
    visit.page.wait_for_url(re.compile(r"/w/[0-9a-z-]+/$"))
    visit.workspace = visit.page.url.rstrip("/").rsplit("/", 1)[1]


def prove(page: Page) -> None:
    """Where the product asks once more who it is."""
    if "/reauthenticate/" in page.url:
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url(re.compile("^(?!.*reauthenticate)"))


def turn_on_second_factor(visit: Visit) -> str:
    page = visit.page
    visit.go("/me/security/")
    visit.check_accessible()
    page.get_by_role("link", name=re.compile("Set up")).first.click()
    prove(page)
    expect(page.get_by_role("heading", name="Set up an authenticator app")).to_be_visible()
    visit.check_accessible()
    visit.check_fits()
    secret = page.locator("pre").inner_text().strip()
    page.locator("input[name=code]").fill(code_of(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name=re.compile("[Rr]ecovery codes"))).to_be_visible()
    visit.check_accessible()
    return secret


def begin_trial(visit: Visit) -> None:
    """A plan for several people, for two weeks and without a card."""
    visit.go(f"/w/{visit.workspace}/billing/plans/?plan=team")
    visit.page.get_by_role("button", name=re.compile("without a card", re.IGNORECASE)).first.click()
    visit.page.wait_for_load_state()


def invite(visit: Visit, address: str) -> None:
    page = visit.page
    visit.go(f"/w/{visit.workspace}/members/")
    visit.check_accessible()
    page.get_by_role("link", name="Invite people").first.click()
    visit.check_accessible()
    page.get_by_label("E-mail addresses").fill(address)
    page.get_by_role("button", name="Send invitations").click()
    expect(page.locator("main")).to_contain_text(address)
    visit.check_accessible()
    visit.check_fits()


def open_menu_of(visit: Visit, name: str, action: str) -> None:
    page = visit.page
    visit.go(f"/w/{visit.workspace}/members/")
    page.locator(f'summary[aria-label="Actions for {name}"]').click()
    page.get_by_role("link", name=action).click()
    visit.check_accessible()


def join(visit: Visit, address: str, workspace: str) -> None:
    """In a browser in which nobody is signed in."""
    page = visit.page
    page.goto(mailed(visit, address, "invit", "invitations"))
    expect(page.get_by_role("heading", name=re.compile("^Join"))).to_be_visible()
    visit.check_accessible()
    page.get_by_role("button", name="Create an account and join").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    visit.check_accessible()
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(f"**/w/{workspace}/")


def make_viewer(visit: Visit, name: str) -> None:
    page = visit.page
    open_menu_of(visit, name, "Change role")
    page.locator("input[name=role][value=viewer]").check()
    page.get_by_role("button", name=re.compile("role|Save", re.IGNORECASE)).last.click()
    page.wait_for_url("**/members/")


def remove(visit: Visit, name: str, address: str) -> None:
    page = visit.page
    open_menu_of(visit, name, "Remove")
    page.get_by_role("button", name=re.compile("Remove")).click()
    page.wait_for_url("**/members/")
    expect(page.locator("main")).not_to_contain_text(address)


def take_along(visit: Visit) -> list[str]:
    """The texts in one's own export."""
    page = visit.page
    visit.go("/me/privacy/")
    visit.check_accessible()
    page.get_by_role("button", name="Export my data").click()
    prove(page)
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=PATIENCE_MS)
    visit.check_accessible()
    with page.expect_download() as started:
        link.click()
    archive = zipfile.ZipFile(io.BytesIO(started.value.path().read_bytes()))
    assert archive.testzip() is None
    for each in archive.namelist():
        if each.endswith(".json"):
            json.loads(archive.read(each))
    return [archive.read(each).decode() for each in archive.namelist() if each.endswith((".json", ".md"))]


def delete_account(visit: Visit, address: str) -> None:
    page = visit.page
    visit.go("/me/privacy/")
    page.get_by_role("link", name=re.compile("Delete my account")).click()
    prove(page)
    expect(page.get_by_role("heading", name="Delete your account")).to_be_visible()
    visit.check_accessible()
    visit.check_fits()
    page.locator("input[name=typed]").fill(address)
    page.get_by_role("button", name="Delete my account").click()
    page.wait_for_load_state()
    visit.check_accessible()


def test_from_two_strangers_to_a_deleted_account(stranger, second, watch):
    ada, ben, name = stranger, second, f"ben-{WORD}"
    ada.go("/accounts/signup/")
    sign_up(ada, ADA)
    confirm(ada, ADA)
    turn_on_second_factor(ada)
    begin_trial(ada)
    invite(ada, BEN)
    join(ben, BEN, ada.workspace)

    # Another role: what it may not do is gone with the next page.
    ben.go(f"/w/{ada.workspace}/keys/")
    expect(ben.page.get_by_role("heading", name="API keys")).to_be_visible()
    make_viewer(ada, name)
    watch.expected_statuses |= {403, 404}
    ben.go(f"/w/{ada.workspace}/keys/")
    expect(ben.page.get_by_text("Your role in this workspace does not allow that.")).to_be_visible()

    # Removed: it is as if the workspace were not there.
    remove(ada, name, BEN)
    ben.go(f"/w/{ada.workspace}/")
    expect(ben.page.get_by_text("There is no such workspace")).to_be_visible()
    ada.go(f"/w/{ada.workspace}/audit/")
    expect(ada.page.locator("main")).to_contain_text("Removed")
    ada.check_accessible()
    ada.check_fits()

    texts = take_along(ada)
    assert any(ADA in text for text in texts)
    assert not any(BEN in text for text in texts), "other people's addresses are theirs"

    delete_account(ben, BEN)
    ben.go("/me/")
    expect(ben.page.get_by_role("heading", name="Sign in")).to_be_visible()
    open_mail(ben, BEN, "deleted")
    ben.check_accessible()

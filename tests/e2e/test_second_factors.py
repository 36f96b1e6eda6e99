"""Second factors in a browser: an authenticator app, and a passkey of the browser's virtual authenticator."""

import base64
import hashlib
import hmac
import re
import struct
import time
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.visits import Visit

WORKSPACE = re.compile(r"/w/[0-9a-z-]+/$")
PASSWORD = "a-long-enough-Passphrase-7"
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def keyed(stranger: Visit) -> Visit:
    session = stranger.page.context.new_cdp_session(stranger.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    # Passkeys belong to a name; an address of numbers has none.
    stranger.origin = stranger.origin.replace("127.0.0.1", "localhost")
    return stranger


def sign_up(visit: Visit) -> str:
    """Somebody new, in their workspace. Returns their address."""
    page, address = visit.page, f"factor-{uuid4().hex[:8]}@example.test"
    visit.go("/accounts/signup/")
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/accounts/confirm-email/")
    visit.go("/dev/mail/")
    page.get_by_role("link", name=re.compile(re.escape(address))).first.click()
    link = page.get_by_role("link", name=re.compile("confirm-email")).first.get_attribute("href")
    assert link is not None
    visit.go("/" + link.split("/", 3)[3])
    page.get_by_role("button", name="Yes, confirm").click()
    page.wait_for_url(WORKSPACE)
    return address


def prove(visit: Visit) -> None:
    """What changes an account asks who it is, unless that was proven minutes ago."""
    if "/reauthenticate/" in visit.page.url:
        visit.page.get_by_label("Password", exact=True).fill(PASSWORD)
        visit.page.get_by_role("button", name="Confirm").click()


def code(secret: str, *, steps: int = 0) -> str:
    """What an authenticator app shows, or so many half minutes later: RFC 6238 with SHA-1 and six digits."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def test_codes_of_rfc_6238(monkeypatch):
    """The control: the RFC's own numbers."""
    secret = base64.b32encode(b"12345678901234567890").decode()
    for at, expected in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        monkeypatch.setattr(time, "time", lambda at=at: at)
        assert code(secret) == expected


def test_an_authenticator_app_is_asked_after_the_password(stranger):
    page, address = stranger.page, sign_up(stranger)
    stranger.go("/me/security/")
    stranger.check_accessible()
    page.get_by_role("link", name="Set up").click()
    prove(stranger)
    expect(page.get_by_role("heading", name="Set up an authenticator app")).to_be_visible()
    is_drawn = page.locator("img.qr").evaluate("(image) => image.complete && image.naturalWidth > 0")
    assert is_drawn, "the policy let the QR code through"
    stranger.check_accessible()
    secret = page.locator("pre code").inner_text().strip()
    page.get_by_label("Authenticator code").fill(code(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    stranger.check_accessible()
    stranger.check_fits()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert len(download.value.path().read_text().split()) == 10

    page.context.clear_cookies()
    stranger.go("/accounts/login/")
    page.get_by_label("Email").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    stranger.check_accessible()
    page.get_by_label("Code").fill(code(secret, steps=1))
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(WORKSPACE)


def test_a_passkey_signs_in_without_a_password(keyed, watch):
    watch.origin = keyed.origin
    page = keyed.page
    sign_up(keyed)

    keyed.go("/accounts/2fa/webauthn/add/")
    prove(keyed)
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    keyed.check_accessible()
    page.get_by_label("Name").fill("This laptop")
    # The script sends the form when the key has answered: what is opened meanwhile would be aborted.
    with page.expect_navigation():
        page.get_by_role("button", name="Add it").click()
    keyed.go("/accounts/2fa/webauthn/")
    expect(page.get_by_role("heading", name=re.compile("This laptop"))).to_be_visible()
    keyed.check_accessible()
    keyed.check_fits()

    page.context.clear_cookies()
    keyed.go("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(WORKSPACE)

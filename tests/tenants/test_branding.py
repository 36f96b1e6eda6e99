"""Logos and colours: readable in both themes whatever was asked for, and served so that nothing else is."""

import itertools
import re
from pathlib import Path

import pytest
from django.test import Client

from tenants.audit import SYSTEM
from tenants.branding import colours
from tenants.branding.brand import brand_of
from tenants.scope import get_ref
from tenants.settings import services
from tests import factories
from tests.tenants.test_settings import picture

TOKENS = (Path(__file__).resolve().parents[2] / "static/css/tokens.css").read_text()
# Every corner of the cube of colours and points between.
MANY = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in itertools.product((0, 64, 128, 192, 255), repeat=3)]


@pytest.fixture(autouse=True)
def files(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def token(name: str) -> tuple[str, str]:
    day, night = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\);", TOKENS).groups()
    return day, night


def test_grounds_are_those_of_the_tokens():
    grounds = [token(name) for name in ("paper", "surface", "surface-sunken")]
    assert tuple(day for day, _ in grounds) == colours.DAY
    assert (token("paper")[1], token("surface")[1], token("surface-raised")[1]) == colours.NIGHT


def test_contrast_is_that_of_wcag():
    assert f"{colours.contrast('#000000', '#ffffff'):.2f}" == "21.00"
    assert f"{colours.contrast('#777777', '#ffffff'):.2f}" == "4.48"
    assert colours.contrast("#ffffff", "#777777") == colours.contrast("#777777", "#ffffff")


@pytest.mark.parametrize("asked", MANY)
def test_any_colour_becomes_readable_in_both_themes(asked):
    found = colours.palette(asked)
    for shades, grounds in ((found.day, colours.DAY), (found.night, colours.NIGHT)):
        for ground in grounds:
            assert colours.contrast(shades.accent, ground) >= 4.5
            assert colours.contrast(shades.text, ground) >= 4.5
        assert colours.contrast(shades.text, shades.soft) >= 4.5
        assert colours.contrast(shades.on_accent, shades.accent) >= 4.5
        assert colours.contrast(shades.on_accent, shades.hover) >= 4.5


def test_colour_as_it_was_asked_for_would_not_be():
    """The control: what is shown instead is needed."""
    assert colours.contrast("#ffff00", "#ffffff") < 4.5
    assert colours.palette("#ffff00").adjusted == ["light"]
    assert colours.palette("#000080").adjusted == ["dark"]
    assert colours.palette("#0b6650").day.accent == "#0b6650"


def test_stylesheet_redefines_tokens_and_nothing_else(db):
    response = factories.browser().get("/brand/colour/0b6650.css")
    text = response.content.decode()
    assert response.status_code == 200
    names = re.findall(r"^    --([a-z-]+): light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\);$", text, re.MULTILINE)
    assert text.count(";") == len(names)
    assert all(f"--{name}: light-dark(" in TOKENS for name in names)
    assert response["Content-Type"] == "text/css; charset=utf-8"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("colour", ["red", "0B6650", "0b66500", "%7D*%7B", "0b665g"])
def test_what_is_no_colour_is_not_found(db, colour):
    assert factories.browser().get(f"/brand/colour/{colour}.css").status_code == 404


def test_logo_is_served_to_who_knows_its_address(db, acme):
    services.set_logo(workspace_id=acme.id, upload=picture(), actor=SYSTEM)
    address = brand_of(get_ref(id=acme.id)).logo_url
    response = factories.browser().get(address)

    assert response.status_code == 200
    assert response.content.startswith(b"\x89PNG")
    assert response["Content-Type"] == "image/png"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in response


def test_former_logo_is_not_found(db, acme, globex):
    services.set_logo(workspace_id=acme.id, upload=picture(), actor=SYSTEM)
    former = brand_of(get_ref(id=acme.id)).logo_url
    assert factories.browser().get(former).status_code == 200
    services.set_logo(workspace_id=acme.id, upload=picture(), actor=SYSTEM)
    assert factories.browser().get(former).status_code == 404
    present = brand_of(get_ref(id=acme.id)).logo_url
    assert factories.browser().get(present.replace(str(acme.id), str(globex.id))).status_code == 404
    assert factories.browser().get(f"/brand/logo/{acme.id}/..%2f..%2fsecret.png").status_code == 404


def look(workspace, **wanted) -> None:
    services.change_settings(workspace_id=workspace.id, wanted=wanted, actor=SYSTEM)


def page(client: Client, path: str = "/w/acme/") -> str:
    return client.get(path).content.decode()


def test_members_see_the_look_of_their_workspace(db, acme, owner):
    assert "/brand/" not in page(owner.browser())
    assert "· Steward</title>" in page(owner.browser())
    services.set_logo(workspace_id=acme.id, upload=picture(), actor=SYSTEM)
    look(acme, accent="#aa3300", hides_product_name=True)

    text = page(owner.browser())
    assert '<link rel="stylesheet" href="/brand/colour/aa3300.css">' in text
    assert f'src="{brand_of(get_ref(id=acme.id)).logo_url}"' in text
    assert re.search(r"<title>\s*(.*?)</title>", text)[1].endswith("· Acme")
    assert "style=" not in text


def test_others_are_told_nothing_by_it(db, acme, globex_owner):
    look(acme, accent="#aa3300", hides_product_name=True, name="Canary")
    for client in (globex_owner.browser(), factories.browser()):
        for path in ("/w/acme/", "/accounts/login/?next=/w/acme/", "/"):
            text = page(client, path)
            assert "aa3300" not in text and "Canary" not in text


def test_own_domain_is_named_after_the_workspace(db, acme, owner):
    from tests import domains

    domains.serve(acme, "ai.acme.test")
    shown = page(domains.visitor("ai.acme.test"), "/handoff/signed-out/")
    assert "Powered by Steward" in shown
    assert "Powered by Steward" in page(domains.sign_in_on("ai.acme.test", owner), "/")
    look(acme, hides_product_name=True)
    for client, path in (
        (domains.visitor("ai.acme.test"), "/handoff/signed-out/"),
        (domains.sign_in_on("ai.acme.test", owner), "/keys/"),
    ):
        assert "Steward" not in page(client, path).replace("/static/", "")

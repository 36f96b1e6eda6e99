"""Every address × method × actor × foreign id: who gets what, and that nobody gets a byte of somebody else's.

404: invisible. 403: visible, but not allowed. Pages send a visitor to sign in; the APIs answer 401.
"""

from collections.abc import Iterator

import pytest
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, get_resolver, path, reverse

from config import streaming
from tests import factories, routes
from tests.sweep import CANARY, METHODS, assert_answer, send, sweep_api, sweep_page


@pytest.mark.django_db
@pytest.mark.parametrize("name", routes.WORKSPACE)
def test_page(world, name):
    sweep_page(world, name, routes.WORKSPACE[name])


@pytest.mark.django_db
@pytest.mark.parametrize("name", routes.API)
def test_api(world, name):
    sweep_api(world, name, routes.API[name])


@pytest.mark.django_db
@pytest.mark.parametrize("name", routes.OPENAI)
def test_openai(world, name):
    sweep_api(world, name, routes.OPENAI[name], "openai")


# addresses without a workspace


@pytest.mark.django_db
@pytest.mark.parametrize("name", routes.OPEN_API)
def test_open_api(world, name):
    """Nothing is written, and nothing of anybody else's is shown, whoever asks."""
    owner = world.people["owner"]
    callers = (
        factories.browser(),
        owner.browser(),
        factories.with_key(factories.make_key(owner.member)),
    )
    for number, client in enumerate(callers):
        for method in METHODS:
            response, writes = send(client, method, reverse(f"api:{name}"), {}, as_json=True)
            expected = routes.OPEN_API[name].get(method)
            # Who must be signed in is asked that before the method is.
            allowed = (expected[number],) if expected else (401, 405)
            assert response.status_code in allowed, f"{method} {name}: {response.status_code}"
            assert writes == [], f"{method} {name}: wrote"
            assert CANARY not in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("name", {**routes.PUBLIC, **routes.SIMULATED_OPEN})
def test_public_page(world, staff, name):
    visitors = (factories.browser(), world.people["owner"].browser(), staff.browser())
    table = {**routes.PUBLIC, **routes.SIMULATED_OPEN}
    for client, expected in zip(visitors, table[name], strict=True):
        url = reverse(name, kwargs=ARGUMENTS.get(name, {}))
        assert_answer(name, send(client, "GET", url, {}, as_json=False), expected)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(routes.SIGNED))
def test_signed_address_takes_nothing_unsigned(world, name):
    """Whoever sends it: a member's session or key is no signature. All that is written is the refusal."""
    owner = world.people["owner"]
    for client in (
        factories.browser(),
        owner.browser(),
        factories.with_key(factories.make_key(owner.member)),
    ):
        for method in METHODS:
            response, writes = send(client, method, reverse(name), {"id": "evt_1"}, as_json=True)
            assert response.status_code == (400 if method == "POST" else 405), f"{method} {name}"
            assert [text for text in writes if "billing_webhookrefusal" not in text] == []
            assert CANARY not in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("name", routes.SIMULATED)
def test_made_up_name_of_the_payment_service_leads_nowhere(world, staff, name):
    address = reverse(name, kwargs=routes.SIMULATED[name])
    for client in (factories.browser(), world.people["owner"].browser(), staff.browser()):
        for method in METHODS:
            response, writes = send(client, method, address, {}, as_json=False)
            assert response.status_code in (404, 405), f"{method} {name}"
            assert writes == [], f"{method} {name}: wrote"
            assert CANARY not in response.content.decode()


NO_CONNECTION = "00000000-0000-4000-8000-000000000000"
ARGUMENTS = {
    "legal": {"page": "terms"},
    **{name: {"organization_slug": NO_CONNECTION} for name in routes.ACCOUNT if name.startswith("saml_")},
    **{name: {"provider_id": NO_CONNECTION} for name in routes.ACCOUNT if name.startswith("openid_")},
    "sso-door": {"connection_id": NO_CONNECTION},
    "account_confirm_email": {"key": "made-up"},
    "referral": {"code": "made-up"},
    "brand-logo": {"workspace_id": "00000000-0000-4000-8000-000000000000", "name": "made-up"},
    "brand-stylesheet": {"colour": "0b6650"},
    "shared": {"token": "made-up"},
    "made-picture": {"token": "made-up"},
    "session-end": {"session_id": 1},
    **{
        name: {"public_id": "made-up"}
        for name in ("embed-loader", "embed-frame", "embed-visitor", "embed-messages")
    },
    "embed-answer": {"public_id": "made-up", "message_id": NO_CONNECTION},
    "embed-events": {"public_id": "made-up", "run_id": NO_CONNECTION},
    "embed-stop": {"public_id": "made-up", "run_id": NO_CONNECTION},
    "privacy-export-download": {"export_id": "00000000-0000-0000-0000-000000000001"},
    "mfa_remove_webauthn": {"pk": 1},
    "mfa_edit_webauthn": {"pk": 1},
    "invitation": {"token": "made-up"},
    "own-invitation": {"invitation_id": "8d5ab5c6-2d0f-4b7e-9c0b-0d2b7c1b6f11"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "made-up"},
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(routes.ACCOUNT))
def test_account_page(world, name):
    url = reverse(name, kwargs=ARGUMENTS.get(name, {}))
    for who, client in (("visitor", factories.browser()), ("member", world.people["member"].browser())):
        for method in METHODS:
            response, _ = send(client, method, url, {}, as_json=False)
            assert response.status_code < 500, f"{who} {method} {name}"
            assert CANARY not in response.content.decode()


@pytest.mark.django_db
def test_staff_pages_are_for_staff_only(world, staff):
    """Everything under /admin/ but its own sign-in sends everybody else away."""
    checked, signed_in = 0, staff.browser()
    others = (factories.browser(), world.people["owner"].browser())
    for url, pattern in all_routes():
        if not url.startswith("admin/") or pattern.name in ("login", "logout", "jsi18n"):
            continue
        address = "/" + plain(url)
        for client in others:
            for method in ("GET", "POST"):
                response, writes = send(client, method, address, {}, as_json=False)
                assert response.status_code in (302, 403, 404), f"{method} {address}: {response.status_code}"
                assert writes == [], f"{method} {address}: wrote"
                assert CANARY not in response.content.decode()
        assert send(signed_in, "GET", address, {}, as_json=False)[0].status_code < 500, address
        checked += 1
    assert checked > 20


def plain(url: str) -> str:
    """An address of the admin with something in the place of its arguments."""
    import re

    url = re.sub(r"<path:\w+>", "1", url)
    url = re.sub(r"\(\?P<app_label>(\w+)[^)]*\)", r"\1", url)
    return re.sub(r"\(\?P<url>\.\*\)", "nothing", url).replace("^", "").replace("$", "")


# the table is whole


def all_routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        where = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from all_routes(pattern, where)
        else:
            yield where, pattern


def unclassified(found: Iterator[tuple[str, URLPattern]]) -> list[str]:
    kinds = (
        ("w/<slug:workspace>/", routes.WORKSPACE), ("api/v1/", routes.API | routes.OPEN_API), ("v1/", routes.OPENAI),
        ("accounts/", routes.ACCOUNT), ("simulated-stripe/", routes.SIMULATED | routes.SIMULATED_OPEN),
        ("", routes.PUBLIC),
    )  # fmt: skip
    missing = []
    for url, pattern in found:
        table = next(table for prefix, table in kinds if url.startswith(prefix))
        is_signed = f"{'api:' if url.startswith('api/') else ''}{pattern.name}" in routes.SIGNED
        if not url.startswith("admin/") and pattern.name not in table and not is_signed:
            missing.append(f"{url} ({pattern.name})")
    return missing


def test_every_address_is_classified():
    assert unclassified(all_routes()) == []


def test_every_row_of_the_table_has_an_address():
    names = {pattern.name for _, pattern in all_routes()}
    rows = {*routes.WORKSPACE, *routes.API, *routes.OPENAI, *routes.PUBLIC, *routes.ACCOUNT}
    rows |= {*routes.SIMULATED, *routes.SIMULATED_OPEN, *routes.OPEN_API}
    assert rows - names == set()


def test_address_that_nobody_classified_is_found():
    new = path("w/<slug:workspace>/new-thing/", lambda request: HttpResponse(), name="new-thing")
    assert unclassified(iter([(str(new.pattern), new)])) == ["w/<slug:workspace>/new-thing/ (new-thing)"]


def test_exactly_the_listed_routes_answer_deferred():
    """Each row marked `streams` was seen to answer Deferred by the sweep, every other was seen not to."""
    tables = {"workspace": routes.WORKSPACE, "api": routes.API, "openai": routes.OPENAI}
    marked = {
        f"{space}:{name}" for space, table in tables.items() for name, row in table.items() if row.streams
    }
    assert marked | routes.PUBLIC_STREAMS == streaming.ROUTES

"""Settings: what admins see and do about providers of their own."""

import pytest
from django.conf import settings as product
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assistants.models import Provider, ProviderModel
from assistants.providers import sealing
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.providers.conftest import KEY
from tests.assistants.providers.test_providers import add
from usage import prices
from usage.features.keys import Feature
from usage.models import Price

LIST = "/w/acme/settings/models/"
FORM = {"name": "Ours", "kind": "compatible", "base_url": "https://models.example/v1", "key": KEY}


@pytest.fixture
def browser(db, admin):
    caches[product.RATELIMIT_USE_CACHE].clear()
    return admin.browser()


@pytest.fixture
def row(db, acme, admin, server) -> Provider:
    with workspace_scope(acme.id):
        return add(admin.member, base_url=server.url)


def page_of(row) -> str:
    return f"{LIST}{row.id}/"


def test_provider_is_added_tested_and_its_models_shown(browser, acme, server):
    response = browser.post(f"{LIST}new/", FORM | {"base_url": server.url}, follow=True)
    page = response.content.decode()
    assert "Ours is saved." in page and "Models in its list: 2." in page
    assert "llama3" in page and "no price" in page and "wxyz" in page and KEY not in page
    with workspace_scope(acme.id):
        assert list(ProviderModel.objects.filter(is_offered=True).values_list("name", flat=True)) == [
            "llama3", "qwen3",
        ]  # fmt: skip
    assert server.asked == [("/v1/models", f"Bearer {KEY}")]
    listed = browser.get(LIST).content.decode()
    assert "2 of 2 models in use" in listed and "gpt-4o-mini" in listed and KEY not in listed


def test_refused_form_comes_back_filled_but_for_the_key(browser, acme):
    response = browser.post(f"{LIST}new/", FORM | {"base_url": "http://10.0.0.1/v1"})
    page = response.content.decode()
    assert response.status_code == 422
    assert 'value="Ours"' in page and 'value="http://10.0.0.1/v1"' in page and KEY not in page
    with workspace_scope(acme.id):
        assert not Provider.objects.exists()


def test_saved_although_the_server_is_away(browser, acme, server):
    server.status = 500
    page = browser.post(f"{LIST}new/", FORM | {"base_url": server.url}, follow=True).content.decode()
    assert "The server answered that it failed. (server_failed)" in page
    with workspace_scope(acme.id):
        assert Provider.objects.get().test_code == "server_failed"


def test_another_address_asks_for_the_key_again(browser, acme, row, server):
    form = FORM | {"base_url": "https://elsewhere.example/v1", "key": ""}
    response = browser.post(f"{page_of(row)}edit/", form)
    assert response.status_code == 422 and "enter the key again" in response.content.decode()
    with workspace_scope(acme.id):
        assert Provider.objects.get().base_url == server.url
    assert server.asked == []


def test_key_is_on_no_page(browser, acme, row):
    browser.post(f"{page_of(row)}test/")
    for path in (LIST, page_of(row), f"{page_of(row)}edit/", f"{page_of(row)}remove/", "/w/acme/audit/"):
        page = browser.get(path).content.decode()
        assert browser.get(path).status_code == 200
        assert KEY not in page
    assert AuditEntry.objects.filter(workspace_id=acme.id, action="provider.tested").exists()


def test_table_has_the_prices_of_the_book(browser, acme, row, server):
    for meter, micro in (("input_tokens", 150_000), ("output_tokens", 600_000)):
        Price.objects.create(
            provider="ours", model="llama3", meter=meter, micro_per_million=micro, source="s",
            effective_at="2026-01-01T00:00:00Z",
        )  # fmt: skip
    prices.forget()
    browser.post(f"{page_of(row)}test/")
    page = browser.get(page_of(row)).content.decode()
    assert "$0.15" in page and "$0.60" in page and page.count("no price") == 2
    prices.forget()


def test_models_are_switched(browser, acme, row):
    browser.post(f"{page_of(row)}test/")
    with workspace_scope(acme.id):
        keys = dict(ProviderModel.objects.values_list("name", "id"))
    shown = ",".join(str(key) for key in keys.values())
    data = {"shown": shown, "offered": [keys["llama3"]], "vision": [keys["llama3"]]}
    assert browser.post(f"{page_of(row)}choose/", data).status_code == 302
    with workspace_scope(acme.id):
        found = ProviderModel.objects.order_by("name").values_list("name", "is_offered", "has_vision")
        assert list(found) == [("llama3", True, True), ("qwen3", False, False)]


def test_tests_are_rate_limited(browser, acme, row, server):
    for _ in range(10):
        assert browser.post(f"{page_of(row)}test/").status_code == 302
    response = browser.post(f"{page_of(row)}test/")
    assert (response.status_code, response["Retry-After"]) == (429, "60")
    assert len(server.asked) == 10


def test_read_only_workspace_removes_and_does_nothing_else(browser, acme, row, server):
    factories.give_rights(acme.id, *Feature.values, restricted="payment_overdue")
    for path, data in (("test/", {}), ("switch/", {"on": "0"}), ("edit/", FORM), ("choose/", {})):
        assert browser.post(f"{page_of(row)}{path}", data).status_code == 402
    assert server.asked == []
    with workspace_scope(acme.id):
        assert Provider.objects.get().is_on is True
    assert browser.post(f"{page_of(row)}remove/").status_code == 302
    with workspace_scope(acme.id):
        assert not Provider.objects.exists()


def test_plan_without_own_keys_says_so_and_keeps_what_was_typed(browser, acme):
    factories.give_rights(acme.id, *(set(Feature.values) - {Feature.OWN_KEYS}))
    assert "Own keys are not part of the plan" in browser.get(LIST).content.decode()
    response = browser.post(f"{LIST}new/", FORM)
    page = response.content.decode()
    assert response.status_code == 402
    assert "Own keys of model providers" in page and 'value="Ours"' in page and KEY not in page
    with workspace_scope(acme.id):
        assert not Provider.objects.exists()


def test_another_workspace_sees_nothing_of_it(row, cast, acme, admin):
    """The control: the same id at home."""
    theirs = cast.globex_owner.browser()
    for path in ("", "edit/", "remove/"):
        assert theirs.get(f"/w/globex/settings/models/{row.id}/{path}").status_code == 404
        assert admin.browser().get(f"{page_of(row)}{path}").status_code == 200
    for path in ("test/", "switch/", "remove/", "choose/"):
        assert theirs.post(f"/w/globex/settings/models/{row.id}/{path}").status_code == 404
    with workspace_scope(acme.id):
        assert sealing.key_of(Provider.objects.get(), acme.id) == KEY


def test_pages_cost_the_same_with_more(browser, acme, admin, row, server):
    def cost(path: str) -> int:
        prices.forget()
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(path).status_code == 200
        return len([each for each in captured if not each["sql"].startswith("SET search_path")])

    def grow(number: int) -> None:
        server.names = [f"model-{each}" for each in range(number)]
        browser.post(f"{page_of(row)}test/")

    grow(2)
    browser.get(LIST)
    few = [cost(LIST), cost(page_of(row))]
    grow(20)
    with workspace_scope(acme.id):
        for number in range(5):
            add(admin.member, f"More {number}", base_url=server.url)
    assert [cost(LIST), cost(page_of(row))] == few

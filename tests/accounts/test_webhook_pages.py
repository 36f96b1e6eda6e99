"""`/w/<slug>/settings/webhooks/`: webhooks made, their secrets shown once, their log read, all without scripts."""

import re
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants import audit
from tenants.models import AuditEntry, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from tenants.webhooks import emission, services, signing, types
from tenants.webhooks.services import Caller
from tests import factories

LIST = "/w/acme/settings/webhooks/"
NEW = f"{LIST}new/"
FORM = {
    "url": "https://example.com/hook",
    "description": "Our CRM",
    "event_types": ["run.failed", "member.added"],
}
SECRET = re.compile(r"whsec_[0-9A-Za-z+/=]{44}")


@pytest.fixture(autouse=True)
def unsent(monkeypatch):
    monkeypatch.setattr(emission, "wake", lambda endpoint_id: None)


@pytest.fixture
def browser(db, admin):
    return admin.browser()


def add(workspace, **fields) -> WebhookEndpoint:
    endpoint, _ = services.create(caller=Caller(workspace.id, audit.SYSTEM), **FORM | fields)
    return endpoint


def page_of(endpoint, name: str = "") -> str:
    return f"{LIST}{endpoint.id}/{name}"


def sent(endpoint, *, status: int | None = 200, error: str = "", body: str = "seen") -> WebhookDelivery:
    """A message that was tried once."""
    now = timezone.now()
    message = WebhookMessage.objects.create(
        workspace_id=endpoint.workspace_id, type="member.added", data={"role": "viewer"}, created_at=now
    )
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint, message=message, attempts=1, next_attempt_at=now, finished_at=now,
        state="succeeded" if status == 200 else "failed",
    )  # fmt: skip
    WebhookAttempt.objects.create(
        delivery=delivery, url=endpoint.url, headers={"webhook-id": message.id}, status=status, body=body,
        error=error, took_ms=12, created_at=now,
    )  # fmt: skip
    return delivery


def text_of(response) -> str:
    return unescape(response.content.decode())


def test_secret_is_shown_once_after_adding(browser, acme):
    response = browser.post(NEW, FORM)
    (secret,) = set(SECRET.findall(text_of(response)))
    endpoint = WebhookEndpoint.objects.get(workspace_id=acme.id)
    assert (response.status_code, "no-store" in response["Cache-Control"]) == (201, True)
    assert (endpoint.url, endpoint.description, endpoint.event_types) == (
        "https://example.com/hook", "Our CRM", ["run.failed", "member.added"],
    )  # fmt: skip
    assert signing.secrets_of(endpoint, now=timezone.now()) == [secret]
    for url in (LIST, NEW, page_of(endpoint), page_of(endpoint, "edit/"), page_of(endpoint, "rotate/")):
        assert not SECRET.search(text_of(browser.get(url)))
    assert "Our CRM" in text_of(browser.get(LIST))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": ""}, "url"),
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://me:secret@example.com/"}, "url"),
        ({"url": "https://example.com/" + "x" * 2000}, "url"),
        ({"url": "https://example.com/\x00"}, "url"),
        ({"description": "x" * 201}, "description"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["run.failed", "no.such"]}, "event_types"),
        ({"event_types": ["webhook.test"]}, "event_types"),
    ],
)
def test_refused_form_comes_back_filled(browser, acme, fields, field):
    endpoint = add(acme, url="https://example.com/kept")
    for url in (NEW, page_of(endpoint, "edit/")):
        response = browser.post(url, FORM | {"description": "Typed with care"} | fields)
        assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
        page = text_of(response)
        assert "Typed with care" in page or field == "description"
        wanted = {"run.failed", "member.added"} if field != "event_types" else set()
        assert wanted <= set(re.findall(r'value="([a-z._]+)"[^>]* checked', page))
    assert list(WebhookEndpoint.objects.values_list("url", flat=True)) == ["https://example.com/kept"]


def test_refused_address_is_shown_as_it_was_typed(browser):
    page = text_of(browser.post(NEW, FORM | {"url": "https://10.0.0.1/hook"}))
    assert 'value="https://10.0.0.1/hook"' in page
    assert "Give an https address of a public host" in page


def test_one_too_many_is_refused_and_what_was_typed_kept(browser, acme):
    for number in range(services.MOST_ENDPOINTS):
        add(acme, url=f"https://example.com/{number}")
    response = browser.post(NEW, FORM)
    assert (response.status_code, response.context["form"].non_field_errors()) == (
        409, [services.TooManyWebhooks.message],
    )  # fmt: skip
    assert 'value="Our CRM"' in text_of(response)
    assert WebhookEndpoint.objects.count() == services.MOST_ENDPOINTS


def test_form_offers_every_type_but_the_test(browser):
    offered = re.findall(r'name="event_types" value="([a-z._]+)"', text_of(browser.get(NEW)))
    assert offered == list(types.NAMES)


def test_webhook_is_changed(browser, acme):
    endpoint = add(acme)
    url = page_of(endpoint, "edit/")
    page = text_of(browser.get(url))
    assert 'value="https://example.com/hook"' in page
    assert re.findall(r'value="([a-z._]+)"[^>]* checked', page) == ["run.failed", "member.added"]
    wanted = {"url": "https://example.com/new", "description": "", "event_types": ["limit.reached"]}
    response = browser.post(url, wanted, follow=True)
    assert response.redirect_chain == [(page_of(endpoint), 302)]
    assert "Saved. It holds from the next message on." in text_of(response)
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description, endpoint.event_types) == (
        "https://example.com/new", "", ["limit.reached"],
    )  # fmt: skip
    assert AuditEntry.objects.get(action="webhook.changed").data["fields"] == [
        "description",
        "event_types",
        "url",
    ]


def test_rotating_shows_the_new_secret_once_and_both_sign(browser, acme):
    endpoint = add(acme)
    (former,) = signing.secrets_of(endpoint, now=timezone.now())
    assert not SECRET.search(text_of(browser.get(page_of(endpoint, "rotate/"))))
    response = browser.post(page_of(endpoint, "rotate/"), {"overlap_hours": "2"})
    (secret,) = set(SECRET.findall(text_of(response)))
    assert (response.status_code, "no-store" in response["Cache-Control"]) == (200, True)
    assert "each message is signed with the former secret too" in text_of(response)
    endpoint.refresh_from_db()
    assert signing.secrets_of(endpoint, now=timezone.now()) == [secret, former]
    page = text_of(browser.get(page_of(endpoint)))
    assert "Two secrets" in page and "the former one signs too until" in page
    assert not SECRET.search(page)


def test_rotating_without_overlap_ends_the_former_secret(browser, acme):
    endpoint = add(acme)
    response = browser.post(page_of(endpoint, "rotate/"), {"overlap_hours": "0"})
    assert "The former secret signs nothing any more." in text_of(response)
    endpoint.refresh_from_db()
    assert signing.secrets_of(endpoint, now=timezone.now()) == SECRET.findall(text_of(response))
    assert "Two secrets" not in text_of(browser.get(LIST))


@pytest.mark.parametrize("hours", ["", "-1", "169", "soon"])
def test_refused_overlap_renews_nothing(browser, acme, hours):
    endpoint = add(acme)
    response = browser.post(page_of(endpoint, "rotate/"), {"overlap_hours": hours})
    assert (response.status_code, list(response.context["form"].errors)) == (422, ["overlap_hours"])
    assert WebhookEndpoint.objects.get().secret == endpoint.secret


def test_switched_off_and_on(browser, acme):
    endpoint = add(acme)
    response = browser.post(page_of(endpoint, "switch/"), {"on": "0"}, follow=True)
    assert "It is off, and is told of nothing." in text_of(response)
    assert "Somebody switched it off." in text_of(response)
    assert page_of(endpoint, "test/") not in text_of(response)
    assert browser.post(page_of(endpoint, "test/")).status_code == 409
    assert not WebhookDelivery.objects.exists()
    response = browser.post(page_of(endpoint, "switch/"), {"on": "1"}, follow=True)
    assert "It is on: what waited is sent now." in text_of(response)
    assert page_of(endpoint, "test/") in text_of(response)
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.disabled_reason) == ("active", "")


def test_one_that_the_product_switched_off_says_why(browser, acme):
    endpoint = add(acme)
    WebhookEndpoint.objects.filter(id=endpoint.id).update(state="disabled", disabled_reason="failing")
    assert "A message was tried for two days" in text_of(browser.get(page_of(endpoint)))


def test_test_is_sent_and_stands_in_the_log(browser, acme):
    endpoint = add(acme)
    assert "Nothing sent yet" in text_of(browser.get(page_of(endpoint)))
    response = browser.post(page_of(endpoint, "test/"), follow=True)
    page = text_of(response)
    assert "A test is on its way." in page and "webhook.test" in page and "Not tried yet." in page
    assert WebhookDelivery.objects.get().message.type == "webhook.test"
    assert "1 message waits" in text_of(browser.get(LIST))


def test_log_shows_request_and_answer(browser, acme):
    endpoint = add(acme)
    taken = sent(endpoint, body="<b>thanks</b>")
    sent(endpoint, status=None, error="timeout", body="")
    page = browser.get(page_of(endpoint)).content.decode()
    assert f"POST https://example.com/hook\nwebhook-id: {taken.message_id}" in page
    assert "&lt;b&gt;thanks&lt;/b&gt;" in page and "<b>thanks" not in page
    assert "&quot;role&quot;: &quot;viewer&quot;" in page
    assert "no answer in time" in page
    assert page.index("no answer in time") < page.index("thanks"), "newest first"
    assert "Last message failed" in text_of(browser.get(LIST))


def test_message_is_sent_again(browser, acme):
    delivery = sent(add(acme), status=500)
    response = browser.post(f"{LIST}deliveries/{delivery.id}/redeliver/", follow=True)
    assert response.redirect_chain == [(page_of(delivery.endpoint), 302)]
    assert "The message is on its way again." in text_of(response)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.is_alone) == ("pending", True)


def test_deleting_asks_first(browser, acme):
    endpoint = add(acme)
    sent(endpoint)
    assert "Delete this webhook?" in text_of(browser.get(page_of(endpoint, "delete/")))
    assert WebhookEndpoint.objects.filter(id=endpoint.id).exists()
    response = browser.post(page_of(endpoint, "delete/"), follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert "The webhook is deleted, and its log with it." in text_of(response)
    assert not WebhookEndpoint.objects.exists()
    assert not WebhookMessage.objects.exists()


def test_another_workspace_has_its_own(browser, globex, globex_owner):
    endpoint = add(globex)
    delivery = sent(endpoint, status=500)
    assert str(endpoint.id) not in text_of(browser.get(LIST))
    for name in ("", "edit/", "rotate/", "delete/"):
        assert browser.get(page_of(endpoint, name)).status_code == 404
    for name in ("edit/", "rotate/", "delete/", "switch/", "test/"):
        assert browser.post(page_of(endpoint, name), FORM | {"overlap_hours": "1"}).status_code == 404
    assert browser.post(f"{LIST}deliveries/{delivery.id}/redeliver/").status_code == 404
    assert browser.get(f"{LIST}{uuid4()}/").status_code == 404
    kept = WebhookEndpoint.objects.get()
    assert (kept.secret, kept.state, kept.deliveries.get().state) == (endpoint.secret, "active", "failed")
    own = globex_owner.browser().get(f"/w/globex/settings/webhooks/{endpoint.id}/")
    assert own.status_code == 200


def test_member_may_not_and_is_not_led_there(db, member, admin):
    browser = member.browser()
    assert browser.get(LIST).status_code == 403
    assert browser.post(NEW, FORM).status_code == 403
    assert not WebhookEndpoint.objects.exists()
    assert LIST in text_of(admin.browser().get("/w/acme/settings/"))


def count(browser, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
    return sum(not row["sql"].startswith("SET search_path") for row in captured)


def test_list_costs_the_same_with_many(browser, acme):
    sent(add(acme))
    count(browser, LIST), count(browser, LIST)  # coming in is written down, and what is read once is read
    few = count(browser, LIST)
    for _ in range(12):
        sent(add(acme), status=500)
    assert count(browser, LIST) == few
    assert text_of(browser.get(LIST)).count("Last message failed") == 12


def test_log_costs_the_same_with_many_and_comes_in_pages(browser, acme):
    endpoint = add(acme)
    sent(endpoint)
    count(browser, page_of(endpoint)), count(browser, page_of(endpoint))
    few = count(browser, page_of(endpoint))
    for _ in range(14):
        sent(endpoint)
    assert count(browser, page_of(endpoint)) == few
    pages = [text_of(browser.get(f"{page_of(endpoint)}?page={at}")) for at in (1, 2)]
    assert [page.count('<li class="delivery">') for page in pages] == [10, 5]


def test_overlap_that_is_over_is_not_shown(browser, acme):
    endpoint = add(acme)
    browser.post(page_of(endpoint, "rotate/"), {"overlap_hours": "1"})
    WebhookEndpoint.objects.filter(id=endpoint.id).update(former_until=timezone.now() - timedelta(seconds=1))
    assert "Two secrets" not in text_of(browser.get(page_of(endpoint)))


# how often


@pytest.fixture
def by_key(db, admin):
    return factories.with_key(factories.make_key(admin.member))


def api_of(endpoint, name: str) -> str:
    return f"/api/v1/webhooks/{endpoint.id}/{name}"


def test_webhook_is_tested_ten_times_a_minute_by_page_and_api_together(browser, by_key, acme):
    endpoint, other = add(acme), add(acme, url="https://example.com/other")
    for _ in range(5):
        assert browser.post(page_of(endpoint, "test/")).status_code == 302
        assert by_key.post(api_of(endpoint, "test")).status_code == 202
    shown, told = browser.post(page_of(endpoint, "test/")), by_key.post(api_of(endpoint, "test"))
    assert endpoint.deliveries.count() == 10
    assert (shown.status_code, told.status_code) == (429, 429)
    problem = told.json()
    wait_s = problem["retry_after_s"]
    assert 1 <= wait_s <= 60
    assert (shown["Retry-After"], told["Retry-After"]) == (str(wait_s), str(wait_s))
    assert problem.items() >= {
        "code": "too_many_webhook_tests", "limit": 10, "used": 10, "window_s": 60, "resets_at": problem["resets_at"],
    }.items()  # fmt: skip
    assert problem["detail"].startswith("A webhook is tested 10 times a minute at most. Try again in ")
    assert problem["detail"] in text_of(shown)
    # Another one has tests of its own.
    assert by_key.post(api_of(other, "test")).status_code == 202

"""A key in an address is refused, its owner told, and no line of a log holds it."""

import io
import json
import logging
from urllib.parse import quote

import pytest

from accounts import api_keys, services
from accounts.models import ApiKey, Mail
from config import logs, masking
from tenants.models import AuditEntry
from tests import factories


@pytest.fixture
def text(db, owner) -> str:
    return factories.make_key(owner.member)


def told() -> int:
    return Mail.objects.filter(kind="key_in_url").count()


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/keys?key={}", "/v1/models?api_key={}", "/w/acme/?q={}", "/w/acme/{}/", "/{}", "/health?{}",
        "/static/css/x.css?v={}", "/api/v1/keys?a=1&b=x{}y", "/embed/{}.js",
    ],
)  # fmt: skip
def test_key_in_an_address_is_refused_wherever_it_goes(text, address):
    response = factories.with_key(text).get(address.format(text))
    assert response.status_code == 400
    assert "This address holds an API key" in response.content.decode()
    assert text not in response.content.decode() + str(response.headers)
    assert told() == 1


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options", "head"])
def test_whatever_the_method(text, method):
    assert getattr(factories.browser(), method)(f"/api/v1/keys?key={text}").status_code == 400


def test_encoding_hides_nothing(text):
    once = "".join(f"%{ord(character):02x}" for character in text)
    for spelled in (once, quote(once), text.replace("_", "%5F")):
        assert factories.browser().get(f"/?key={spelled}").status_code == 400


def test_same_request_without_the_key_works(text):
    assert factories.with_key(text).get("/v1/models?page=1").status_code == 200
    assert told() == 0


def test_owner_is_told_once_a_day_and_the_log_has_one_entry(text, owner, acme):
    for _ in range(3):
        factories.browser().get(f"/?key={text}")
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
    (mail,) = Mail.objects.filter(kind="key_in_url")
    assert mail.to == [owner.user.email]
    assert text[17:] not in json.dumps(mail.context)
    (entry,) = AuditEntry.objects.filter(action="api_key.exposed")
    assert (entry.target_id, entry.workspace_id, entry.actor_kind) == (str(key.id), acme.id, "system")


def test_made_up_truncated_and_revoked_keys_are_refused_and_tell_nobody(text, owner):
    forged = text[:17] + "x" * 22
    forged += api_keys.checksum(forged)
    gone = factories.make_key(owner.member)
    row = ApiKey.objects.get(prefix=api_keys.prefix_of(gone))
    services.revoke_api_key(member=owner.member, key_id=row.id)
    for spelled in (forged, text[:-3], "stw_" + "0" * 44, gone):
        assert factories.browser().get(f"/?key={spelled}").status_code == 400
    assert told() == 0
    assert factories.browser().get("/?key=stw_short").status_code != 400


@pytest.mark.parametrize("as_json", [True, False])
def test_no_line_of_a_log_holds_a_key(text, as_json):
    made = logs.configuration(level="INFO", as_json=as_json)["formatters"]["json" if as_json else "text"]
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    kind = {True: logs.MaskedJson, False: logs.MaskedText}[as_json]
    assert made["()"] == f"config.logs.{kind.__name__}"
    handler.setFormatter(kind(made["fmt"]))
    handler.addFilter(logs.ContextFilter())
    logger = logging.Logger("masking")
    logger.addHandler(handler)
    logger.info("GET /?key=%s", text)
    logger.info("said", extra={"request_id": text, "url": f"/?k={text.replace('_', '%5F')}"})
    try:
        raise ValueError(text)
    except ValueError:
        logger.exception("it failed")
    lines = stream.getvalue()
    assert lines.count(masking.MASKED) >= 3 + as_json
    assert text[17:] not in lines


def test_nothing_is_logged_in_clear_by_a_refused_request(text, caplog):
    caplog.set_level(logging.DEBUG)
    factories.browser().get(f"/w/acme/?key={text}")
    factories.browser(headers={"X-Request-Id": text}).get("/v1/models")
    assert text not in caplog.text
    assert all(
        text not in str(vars(record)) for record in caplog.records if record.name != "django.db.backends"
    )


def test_request_id_that_is_a_key_is_not_taken(text):
    response = factories.browser(headers={"X-Request-Id": text}).get("/health")
    assert response["X-Request-Id"] != text
    assert (
        factories.browser(headers={"X-Request-Id": "abc-12345"}).get("/health")["X-Request-Id"] == "abc-12345"
    )

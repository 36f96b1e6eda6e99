"""What the API's document says of every operation."""

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from drf_spectacular import plumbing
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings

from accounts.members import api_urls as members
from assistants.chat import api_urls as chat
from tests import factories


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What is said of a document while it is made."""
    plumbing._load_enum_name_overrides.cache_clear()
    GENERATOR_STATS.reset()
    found: list[str] = []
    with GENERATOR_STATS.silence():
        yield found
    found += [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]


@functools.cache
def made() -> tuple[dict, list[str]]:
    """As it is served, and what was said of it meanwhile. Once: that takes seconds."""
    with complaints() as found:
        document = factories.browser().get("/api/schema/?format=json").json()
    return document, found


@pytest.fixture
def operations(db) -> dict:
    return {
        (method.upper(), path): operation
        for path, methods in made()[0]["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    }


def names(operation) -> set[str]:
    return {row["name"] for row in operation.get("parameters", []) if row["in"] == "header"}


def test_every_operation_names_its_errors_with_an_example(operations):
    assert len(operations) > 40
    for operation in operations.values():
        problems = {int(status): body for status, body in operation["responses"].items() if status >= "400"}
        assert {400, 429} <= set(problems)
        for status, body in problems.items():
            content = body["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
            (example,) = content["examples"].values()
            assert example["value"]["status"] == status


def test_limits_are_explained(operations):
    responses = operations["POST", "/api/v1/conversations"]["responses"]
    for status, code in (("402", "quota_exceeded"), ("429", "rate_limited")):
        value = responses[status]["content"]["application/problem+json"]["examples"][code]["value"]
        assert {"limit", "used", "held", "resets_at", "upgrade_url"} <= set(value)


def test_headers_of_changes_are_named(operations):
    url = "/api/v1/assistants/{assistant_id}"
    assert names(operations["PATCH", url]) == {"Idempotency-Key", "If-Match"}
    assert names(operations["GET", url]) == {"If-None-Match"}
    assert names(operations["POST", "/api/v1/conversations"]) == {"Idempotency-Key"}


def test_document_is_made_without_a_warning(operations):
    """Such as of names that collide, and of shapes that nobody told."""
    assert made()[1] == []


def test_name_that_collides_is_complained_of():
    """The control, with two parts of the API that both have a field `role`."""
    with patched_settings({"ENUM_NAME_OVERRIDES": {}}), complaints() as found:
        SchemaGenerator(patterns=[*members.urlpatterns, *chat.urlpatterns]).get_schema(public=True)
    plumbing._load_enum_name_overrides.cache_clear()
    assert any('fields named "role"' in each for each in found)


def test_page_of_the_document_follows_the_theme_with_nothing_inline(owner, db):
    page = owner.browser().get("/api/docs/")
    text = page.content.decode()
    assert "js/theme" in text and "js/api-docs" in text and "data-theme-switch" in text
    assert "style=" not in text and "<style" not in text
    assert re.findall(r"<script(?![^>]* src=)", text) == []
    assert "unsafe" not in page["Content-Security-Policy"]
    # Its frame knows who looks; the document is everybody's.
    assert "Sign up" not in text
    assert "Sign up" in factories.browser().get("/api/docs/").content.decode()

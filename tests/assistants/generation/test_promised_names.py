"""The names that the product's first documents promise: each is there and does the real thing, with a real key."""

import json

import pytest
from django.urls import resolve

from assistants.models import Run
from config import streaming
from tenants.scope import enter
from tests import factories

# Name → method, body, and what the first answer is. Deferred ones wait for a worker: test_calls.py has their end.
PROMISED = {
    "generate": ("POST", {"description": "A greeting"}, 200),
    "analyze": ("POST", {"code": "print(1)"}, 200),
    "chat": ("POST", {"message": "Hello"}, 200),
    "ask": ("POST", {"question": "Hello"}, 200),
    "resume": ("POST", {"text": "I bake."}, 202),
    "tecp/verify": ("GET", None, 200),
    "user/usage": ("GET", None, 200),
    "usage/current": ("GET", None, 200),
    "usage/history": ("GET", None, 200),
    "usage/limits": ("GET", None, 200),
    "billing/subscription": ("GET", None, 200),
    "billing/invoices": ("GET", None, 200),
    # Without a body that is right; with one: tests/billing, tests/accounts/tokens.
    "subscribe": ("POST", {}, 400),
    "billing/checkout": ("POST", {}, 400),
    "billing/webhook": ("POST", {}, 400),
    "auth/login": ("POST", {}, 400),
}
RUNS = {"generate": "code", "analyze": "analysis", "chat": "reply", "ask": "reply"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", PROMISED)
def test_promised_name_is_there(acme, owner, name):
    method, body, status = PROMISED[name]
    client = factories.with_key(factories.make_key(owner.member))
    raw = json.dumps(body) if body is not None else ""
    response = client.generic(method, f"/api/v1/{name}", raw, "application/json")
    assert response.status_code == status
    assert isinstance(response, streaming.Deferred) == (name in RUNS)
    with enter(acme):
        assert list(Run.objects.values_list("kind", flat=True)) == ([RUNS[name]] if name in RUNS else [])


def test_portal_is_there():
    """It leads to the payment service: tests/billing has what comes of it."""
    assert resolve("/api/v1/billing/portal").view_name == "api:billing-portal"

"""Starts that could not be safe are refused."""

import pytest
from django.core.checks import registry

from config import checks, ports
from config.ports import Port


def ids(messages) -> list[str]:
    return [message.id for message in messages]


def test_unfilled_port_stops_the_start(monkeypatch):
    monkeypatch.setattr(Port, "registry", list(Port.registry))
    assert checks.ports_are_filled() == []
    Port("nobody_answers", lambda: None)
    (error,) = checks.ports_are_filled()
    assert error.id == "steward.E001"
    assert "nobody_answers" in error.msg


def test_unfilled_port_raises_when_it_is_called_all_the_same(monkeypatch):
    monkeypatch.setattr(Port, "registry", [])
    with pytest.raises(RuntimeError, match="lonely is not filled"):
        Port("lonely", lambda: None)()


def test_port_is_answered_by_exactly_one(monkeypatch):
    monkeypatch.setattr(Port, "registry", [])
    port, first = Port("asked", lambda: 0), lambda: 1
    port.fill(first)
    port.fill(first)
    with pytest.raises(RuntimeError, match="filled twice"):
        port.fill(lambda: 2)
    assert port() == 1


def test_every_port_of_the_product_is_filled():
    names = {port.name for port in Port.registry if port.is_filled}
    assert {"workspace_created", "close_expired_hold", "membership_ended", "workspace_suspended"} <= names
    assert ports.workspace_created.is_filled


@pytest.mark.parametrize("key", ["short", "x" * 60, "ab" * 40, "django-insecure"])
def test_weak_secret_is_refused(settings, key):
    settings.SECRET_KEY = key
    assert ids(checks.secret_key_is_strong()) == ["steward.E002"]
    assert key not in str(checks.secret_key_is_strong()[0])


def test_random_secret_is_taken(settings):
    import secrets

    settings.SECRET_KEY = secrets.token_urlsafe(64)
    assert checks.secret_key_is_strong() == []


@pytest.mark.parametrize("key", ["sk_live_abc", "rk_live_abc"])
def test_demo_refuses_live_keys(settings, key):
    settings.STRIPE_SECRET_KEY, settings.DEMO = key, True
    assert ids(checks.demo_is_not_live()) == ["steward.E003"]
    settings.DEMO = False
    assert checks.demo_is_not_live() == []
    settings.STRIPE_SECRET_KEY, settings.DEMO = key.replace("live", "test"), True
    assert checks.demo_is_not_live() == []


def test_provider_without_a_key_is_refused(settings):
    settings.OPENAI_API_KEY = ""
    assert ids(checks.model_provider_has_a_key()) == ["steward.E004"]
    settings.OPENAI_API_KEY = "anything"
    assert checks.model_provider_has_a_key() == []


def test_checks_are_registered():
    registered = {f"{check.__module__}.{check.__name__}" for check in registry.registry.get_checks(True)}
    names = ("ports_are_filled", "secret_key_is_strong", "demo_is_not_live", "model_provider_has_a_key")
    assert {f"config.checks.{name}" for name in names} <= registered
    assert {"tenants.checks.cache_is_per_workspace", "tenants.checks.session_state_survives"} <= registered

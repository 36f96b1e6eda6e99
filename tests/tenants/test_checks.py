"""Start-up checks that refuse what could serve one workspace's rows to another."""

from contextlib import contextmanager

from django.core.checks import run_checks

from tenants import checks


def ids(messages) -> list[str]:
    return [message.id for message in messages]


def test_cache_without_a_workspace_in_its_keys_is_refused(settings):
    assert checks.cache_is_per_workspace() == []
    settings.CACHES = {**settings.CACHES, "default": {**settings.CACHES["default"], "KEY_FUNCTION": None}}
    assert ids(checks.cache_is_per_workspace()) == ["steward.E010"]


def test_direct_connection_keeps_its_session(db):
    assert checks.session_state_survives(databases=["default"]) == []


class Pooler:
    """A connection behind a transaction-mode pooler: each statement may reach another backend."""

    def __init__(self, *, backends: list[int], keeps: bool) -> None:
        self.backends, self.keeps = iter(backends), keeps

    @contextmanager
    def cursor(self):
        yield self

    def execute(self, statement: str, arguments=None) -> None:
        if "pg_backend_pid" in statement:
            self.row = (next(self.backends), "kept" if self.keeps else "")

    def fetchone(self):
        return self.row


def test_pooler_that_changes_the_backend_is_refused(monkeypatch):
    monkeypatch.setattr(checks, "connections", {"default": Pooler(backends=[1, 1, 2, 1], keeps=True)})
    assert ids(checks.session_state_survives(databases=["default"])) == ["steward.E011"]


def test_pooler_that_forgets_settings_is_refused(monkeypatch):
    monkeypatch.setattr(checks, "connections", {"default": Pooler(backends=[1, 1, 1, 1], keeps=False)})
    assert ids(checks.session_state_survives(databases=["default"])) == ["steward.E011"]


def test_probe_runs_only_when_the_database_is_asked_for(monkeypatch):
    monkeypatch.setattr(checks, "connections", {})
    assert checks.session_state_survives(databases=None) == []


def test_all_checks_pass_as_configured(db):
    assert ids(run_checks(databases=["default"])) == []

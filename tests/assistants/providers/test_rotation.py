"""A new SECRET_KEY: keys are sealed anew, and the former one can go."""

import io

import pytest
from django.core.management import CommandError, call_command

from assistants.models import Provider
from assistants.providers import rotation, sealing
from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests.assistants.providers.conftest import KEY
from tests.assistants.providers.test_providers import add

NEW = "another-secret-" * 5


@pytest.fixture
def rows(db, acme, globex, admin, cast, monkeypatch) -> list[tuple]:
    """Of two workspaces; whatever other tests keep is not looked at."""
    monkeypatch.setattr(rotation, "list_workspaces", lambda: [(acme.id, acme.slug), (globex.id, globex.slug)])
    with workspace_scope(acme.id):
        made = [(acme, add(admin.member).id), (acme, add(admin.member, "Open", key="").id)]
    with workspace_scope(globex.id):
        return [*made, (globex, add(cast.globex_owner.member).id)]


def key_of(workspace, provider_id) -> str:
    with workspace_scope(workspace.id):
        return sealing.key_of(Provider.objects.get(id=provider_id), workspace.id)


def rotate() -> str:
    out = io.StringIO()
    call_command("rotate_provider_keys", stdout=out)
    return out.getvalue().splitlines()[-1].split(": ", 1)[1]


def test_former_secret_can_go_after_the_rotation(rows, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW
    assert rotate() == "2 rotated, 0 fresh already, 0 unreadable"
    assert rotate() == "0 rotated, 2 fresh already, 0 unreadable"
    settings.SECRET_KEY_FALLBACKS = []
    assert [key_of(*row) for row in rows] == [KEY, sealing.NO_KEY, KEY]
    assert AuditEntry.objects.filter(action="provider.key_resealed").count() == 2


def test_without_the_rotation_they_do_not_open(rows, settings):
    """The control of the one above."""
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW
    assert key_of(*rows[0]) == KEY
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(sealing.KeyUnreadable):
        key_of(*rows[0])


def test_rotation_goes_on_where_it_was_stopped(rows, settings, acme):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW
    assert rotation.rotate_keys(workspace_id=acme.id) == rotation.Tally(rotated=1)
    assert rotate() == "1 rotated, 1 fresh already, 0 unreadable"


def test_unreadable_keys_are_counted_and_left(rows, settings, acme):
    with workspace_scope(acme.id):
        Provider.objects.filter(id=rows[0][1]).update(key_sealed=b"of no secret")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], NEW
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 keys open with neither"):
        call_command("rotate_provider_keys", stdout=out)
    assert "acme: 0 rotated, 0 fresh already, 1 unreadable" in out.getvalue()
    assert out.getvalue().endswith("1 rotated, 0 fresh already, 1 unreadable\n")

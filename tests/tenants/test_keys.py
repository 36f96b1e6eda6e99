"""Names outside the database carry their workspace."""

from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache

from tenants import keys
from tenants.scope import workspace_scope


def test_cache_entries_of_one_workspace_are_invisible_in_another(db, acme, globex):
    name = f"greeting-{uuid4()}"
    with workspace_scope(acme.id):
        cache.set(name, "acme's", 30)
    with workspace_scope(globex.id):
        assert cache.get(name) is None
        cache.set(name, "globex's", 30)
    with workspace_scope(acme.id):
        assert cache.get(name) == "acme's"
    assert cache.get(name) is None


def test_cache_without_the_workspace_in_its_keys_shows_them(db, acme, globex, settings):
    """The control: without our KEY_FUNCTION the same steps let globex read acme's entry."""
    unsafe = RedisCache(settings.REDIS_URL, {})
    name = f"greeting-{uuid4()}"
    with workspace_scope(acme.id):
        unsafe.set(name, "acme's", 30)
    with workspace_scope(globex.id):
        assert unsafe.get(name) == "acme's"


@pytest.mark.parametrize("make", [keys.stream_key, keys.live_channel])
def test_stream_names_differ_by_workspace_and_run(make):
    first, second, run = uuid4(), uuid4(), uuid4()
    names = {make(first, run), make(second, run), make(first, uuid4())}
    assert len(names) == 3
    assert all(str(first) in name or str(second) in name for name in names)

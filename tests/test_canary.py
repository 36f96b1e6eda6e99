"""The searcher finds what it is there to find: a search that sees nothing proves nothing."""

import base64
import logging
import zipfile
from pathlib import Path

import pytest
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from config import redis as redis_clients
from tests import canary, factories

pytestmark = pytest.mark.django_db


def test_it_finds_nothing_where_nothing_is():
    assert canary.search(canary.new_canary()) == []


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ("words", "text", "before {} after"),
        ("words", "varchar(200)", "{}"),
        ("facts", "jsonb", '{{"deep": [{{"name": "{}"}}]}}'),
        ("many", "text[]", "{{one,{}}}"),
    ],
)
def test_it_finds_texts_in_every_schema(acme, column, kind, value):
    needle = canary.new_canary()
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE TABLE "{acme.schema_name}".found_here ({column} {kind})')
        cursor.execute(f'INSERT INTO "{acme.schema_name}".found_here VALUES (%s)', [value.format(needle)])
    assert canary.search(needle.upper()) == [f"{acme.schema_name}.found_here.{column}: 1"]


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_it_finds_bytes_and_what_is_packed_as_base64(offset):
    needle = canary.new_canary()
    packed = base64.urlsafe_b64encode(b"x" * offset + needle.encode() + b" and more").decode()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.found_here (raw bytea, packed text)")
        cursor.execute("INSERT INTO public.found_here VALUES (%s, %s)", [b"\0" + needle.encode(), packed])
    assert canary.search(needle) == ["public.found_here.raw: 1", "public.found_here.packed: 1"]


def test_it_finds_what_redis_keeps_of_every_kind():
    needle, client = canary.new_canary(), redis_clients.client()
    caches["shared"].set("found-here", {"pickled": needle})
    client.rpush("found:list", f"x{needle}")
    client.sadd("found:set", needle)
    client.zadd("found:zset", {needle: 1})
    client.hset("found:hash", needle, "field")
    client.xadd("found:stream", {"data": needle})
    client.set(f"found:{needle}", "its name")
    try:
        assert len(canary.in_redis(needle)) == 7
    finally:
        client.delete(
            "found:list", "found:set", "found:zset", "found:hash", "found:stream", f"found:{needle}"
        )
        caches["shared"].delete("found-here")


def test_it_finds_files_by_name_and_content_and_inside_archives(settings, tmp_path):
    needle = canary.new_canary()
    settings.MEDIA_ROOT, settings.MAIL_DIR = tmp_path / "files", tmp_path / "mail"
    for name, content in {f"a/{needle}.txt": "", "b.txt": f"so {needle}"}.items():
        default_storage.save(name, ContentFile(content.encode()))
    with zipfile.ZipFile(Path(settings.MEDIA_ROOT) / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", needle * 100)
    assert len(canary.in_files(needle)) == 3


def test_it_finds_what_was_logged_also_beside_the_message():
    needle = canary.new_canary()
    with canary.captured_logs() as lines:
        logging.getLogger("usage.tasks").info("plain", extra={"who": needle})
    assert len(canary.search(needle, logs=lines)) == 1


def test_it_finds_a_person_of_the_product():
    needle = canary.new_canary()
    factories.make_user(f"{needle}@example.test")
    assert canary.search(needle) == [
        "public.account_emailaddress.email: 1", "public.accounts_user.email: 1",
    ]  # fmt: skip

"""What a workspace leaves outside the database: files, entries of the queue, keys in Redis. All can be done again."""

import base64
import binascii
import json
from collections.abc import Iterator
from uuid import UUID

import redis
from django.core.files.storage import Storage, default_storage
from django.template.defaultfilters import filesizeformat

from config import redis as redis_clients
from config.celery import app
from tenants import keys
from tenants.lifecycle.inventory import Line

BATCH = 500
# kombu's names (kombu.transport.redis.Channel): a list per queue and priority, and what workers have taken.
PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
UNACKED, UNACKED_INDEX = "unacked", "unacked_index"


def remove_files(workspace_id: UUID) -> int:
    """Everything below the workspace's folder, and the folder. Returns how many files there were."""
    return _remove(default_storage, keys.folder_name(workspace_id))


def _remove(storage: Storage, folder: str) -> int:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return 0
    count = sum(_remove(storage, f"{folder}/{name}") for name in folders)
    for name in files:
        storage.delete(f"{folder}/{name}")
    # Where folders exist at all, an empty one is removed like a file.
    storage.delete(folder)
    return count + len(files)


def inventory_of(workspace_id: UUID) -> list[Line]:
    sizes = [default_storage.size(name) for name in _list(default_storage, keys.folder_name(workspace_id))]
    return [Line("files", len(sizes), note=f"{filesizeformat(sum(sizes))} together." if sizes else "")]


def _list(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in folders:
        yield from _list(storage, f"{folder}/{name}")
    yield from (f"{folder}/{name}" for name in files)


def purge_queue(workspace_id: UUID) -> int:
    """Messages that name the workspace, waiting or taken by a worker that was lost. Returns how many.

    One that is missed because the list moved meanwhile does nothing: its task finds no such workspace and no run.
    """
    client, text = redis_clients.client(), str(workspace_id)
    names = [f"{queue.name}{suffix}" for queue in app.conf.task_queues for suffix in PRIORITIES]
    return sum(_purge_list(client, name, text) for name in names) + _purge_taken(client, text)


def _purge_list(client: redis.Redis, name: str, text: str) -> int:
    """Workers take from the end: counted from there, what is added meanwhile moves nothing."""
    count, start = 0, 0
    while batch := client.lrange(name, -(start + BATCH), -(start + 1)):
        found = [message for message in batch if _names(json.loads(message), text)]
        count += sum(client.lrem(name, 0, message) for message in found)
        start += len(batch) - len(found)
    return count


def _purge_taken(client: redis.Redis, text: str) -> int:
    """An entry that is still worked on is taken out too: acknowledging it later finds nothing, and does no harm."""
    tags = [
        tag for tag, entry in client.hscan_iter(UNACKED, count=BATCH) if _names(json.loads(entry)[0], text)
    ]
    for tag in tags:
        client.zrem(UNACKED_INDEX, tag)
        client.hdel(UNACKED, tag)
    return len(tags)


def _names(message: dict[str, object], text: str) -> bool:
    """Whether a task's arguments or headers name it. The body is base64 of JSON (Celery's protocol 2)."""
    try:
        body = base64.b64decode(str(message.get("body", "")))
    except binascii.Error:
        body = b""
    return text.encode() in body or text in json.dumps(message.get("headers", {}))


def purge_keys(workspace_id: UUID, schema_name: str) -> int:
    """Streams, flags, request rates and cache entries: every key that carries its id or its schema's name."""
    client, count = redis_clients.client(), 0
    for pattern in (f"*{workspace_id}*", f"{schema_name}:*"):
        for key in client.scan_iter(match=pattern, count=BATCH):
            count += client.unlink(key)
    return count

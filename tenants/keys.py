"""Names of things outside the database. Each carries its workspace through exactly one function here."""

from uuid import UUID

from tenants.connection import connection


def cache_key(key: str, key_prefix: str, version: int) -> str:
    """KEY_FUNCTION of the default cache: entries of one workspace are invisible to the others."""
    return f"{connection.schema_name}:{key_prefix}:{version}:{key}"


def stream_key(workspace_id: UUID, run_id: UUID) -> str:
    """The Redis stream of a run's events."""
    return f"stream:{workspace_id}:{run_id}"


def parcel_key(workspace_id: UUID, run_id: UUID, attempt: int) -> str:
    """An answer that is no text, until the request that waits for it takes it."""
    return f"parcel:{workspace_id}:{run_id}:{attempt}"


def sequencer_flag(workspace_id: UUID, kind: str) -> str:
    """Set while the numbering of a workspace's log is enqueued and has not begun."""
    return f"sequencer:{workspace_id}:{kind}"


def folder_name(workspace_id: UUID) -> str:
    """Where all files of a workspace are in the storage of files."""
    return f"workspaces/{workspace_id}"


def file_name(workspace_id: UUID, folder: str, name: str) -> str:
    """A workspace's file in the storage of files."""
    return f"{folder_name(workspace_id)}/{folder}/{name}"


def person_file_name(user_id: UUID, folder: str, name: str) -> str:
    """A person's own file, outside every workspace."""
    return f"people/{user_id}/{folder}/{name}"


def handoff_key(workspace_id: UUID, digest: str) -> str:
    """A code that signs in on a workspace's own domain, by its hash."""
    return f"handoff:{workspace_id}:{digest}"


def pace_key(workspace_id: UUID, kind: str, subject_id: UUID | None) -> str:
    """The last requests of a key, a person or a workspace. The braces keep a workspace's in one slot of a cluster."""
    return f"pace:{{{workspace_id}}}:{kind}:{subject_id}"


def live_channel(workspace_id: UUID, run_id: UUID) -> str:
    """The Redis channel on which the same events are published as they are appended."""
    return f"live:{workspace_id}:{run_id}"

"""Names of things outside the database. Each carries its workspace through exactly one function here."""

from uuid import UUID

from tenants.connection import connection


def cache_key(key: str, key_prefix: str, version: int) -> str:
    """KEY_FUNCTION of the default cache: entries of one workspace are invisible to the others."""
    return f"{connection.schema_name}:{key_prefix}:{version}:{key}"


def stream_key(workspace_id: UUID, run_id: UUID) -> str:
    """The Redis stream of a run's events."""
    return f"stream:{workspace_id}:{run_id}"


def sequencer_flag(workspace_id: UUID, kind: str) -> str:
    """Set while the numbering of a workspace's log is enqueued and has not begun."""
    return f"sequencer:{workspace_id}:{kind}"


def pace_key(workspace_id: UUID, kind: str, subject_id: UUID | None) -> str:
    """The last requests of a key, a person or a workspace. The braces keep a workspace's in one slot of a cluster."""
    return f"pace:{{{workspace_id}}}:{kind}:{subject_id}"


def live_channel(workspace_id: UUID, run_id: UUID) -> str:
    """The Redis channel on which the same events are published as they are appended."""
    return f"live:{workspace_id}:{run_id}"

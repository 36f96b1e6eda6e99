"""The verdicts on a log: all of it each night, and by day what came since then, so that a question stays cheap.

A log of up to WHOLE_UP_TO leaves is looked at whole each time. Of a longer one the night's verdict stands, with its
instant, and to it come the leaves, nodes, checkpoints and settlements since, and whether the tree still has the root it
had then.
"""

from uuid import UUID

from django.utils import timezone

from usage.receipts import completeness, integrity, tree
from usage.receipts.models import Log, LogKind, LogVerdict
from usage.receipts.verdicts import Problem, Verdict, Verdicts

WHOLE_UP_TO = 2000


def verdicts(workspace_id: UUID, kind: LogKind = LogKind.RECEIPTS) -> Verdicts:
    """Whether a log is intact, and whether it is complete: two answers, neither implies the other."""
    log = Log.objects.select_related("verdict").filter(workspace_id=workspace_id, kind=kind).first()
    if log is None or log.size <= WHOLE_UP_TO:
        return _whole(workspace_id, kind)
    stored: LogVerdict | None = getattr(log, "verdict", None)
    return examine_whole(workspace_id, kind) if stored is None else _since(log, stored)


def examine_whole(workspace_id: UUID, kind: LogKind) -> Verdicts:
    """Looks at everything and keeps the verdicts for the day. About 50 µs per leaf."""
    began_at = timezone.now()
    found = _whole(workspace_id, kind)
    log = Log.objects.filter(workspace_id=workspace_id, kind=kind).first()
    if log is not None:
        LogVerdict.objects.update_or_create(
            log=log,
            defaults={
                "size": found.size,
                "root": _root(log, found.size),
                "integrity": found.integrity.as_json(),
                "completeness": found.completeness.as_json(),
                "began_at": began_at,
            },
        )
    return found


def forget(workspace_id: UUID) -> None:
    """The books were put right: the next question looks at everything again."""
    LogVerdict.objects.filter(log__workspace_id=workspace_id).delete()


def _whole(workspace_id: UUID, kind: LogKind) -> Verdicts:
    complete, pending = completeness.examine(workspace_id, kind)
    intact, size = integrity.examine(workspace_id, kind)
    return Verdicts(intact, complete, size=size, pending=pending)


def _since(log: Log, stored: LogVerdict) -> Verdicts:
    kind = LogKind(log.kind)
    complete, pending = completeness.examine(log.workspace_id, kind, since=stored.began_at)
    intact, size = integrity.examine(log.workspace_id, kind, since=stored.size)
    if size < stored.size:
        intact.add(Problem("tail_missing", str(stored.size), f"The log had {stored.size} leaves already."))
    elif _root(log, stored.size) != bytes(stored.root):
        message = f"The first {stored.size} leaves have another root than they had."
        intact.add(Problem("history_rewritten", str(stored.size), message))
    return Verdicts(
        Verdict.from_json(stored.integrity).plus(intact),
        Verdict.from_json(stored.completeness).plus(complete),
        size=size,
        pending=pending,
        whole_at=stored.began_at,
        whole_size=stored.size,
    )


def _root(log: Log, size: int) -> bytes:
    """Empty when the stored tree cannot tell: no root is."""
    try:
        return tree.root(log, size)
    except tree.NodesMissing:
        return b""

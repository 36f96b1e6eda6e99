"""Meters that also fall (assistants, seats, projects): what is there now, counted exactly against the plan's limits.

Whoever makes such a thing takes it inside the creating transaction; the counter's row lock lets one in at a time, and
the count is taken under it, so that it is right whatever happened before.
"""

from collections.abc import Callable
from uuid import UUID

from django.db import connection, transaction

from usage.features import queries as features
from usage.holds import explain
from usage.holds.types import QuotaExceeded
from usage.limits import windows
from usage.models import Counter, Limit, SubjectKind, Window

MAKE = """
INSERT INTO usage_counter (workspace_id, subject_kind, subject_id, meter, "window", window_start, opening, used, held)
VALUES (%s, 'workspace', '', %s, 'total', %s, 0, 0, 0) ON CONFLICT DO NOTHING
"""
Count = Callable[[], int]


def take(workspace_id: UUID, meter: str, *, present: Count, wanted: int = 1) -> None:
    """Room for `wanted` more, until the transaction ends. `present` counts what is there, under the lock.

    Raises QuotaExceeded; also in a workspace without any limit, like a hold.
    """
    counter = _locked(workspace_id, meter)
    there, amount = present(), features.read_gauges(workspace_id).get(meter)
    if amount is not None and there + wanted > amount:
        raise _refusal(workspace_id, meter, there, wanted, amount)
    if amount is None and not Limit.objects.filter(workspace_id=workspace_id).exists():
        code, message = explain.PLAIN_REFUSALS["no_limits"]
        raise QuotaExceeded(
            message, code=code, data={"limits": [], "upgrade_url": features.upgrade_url(workspace_id)}
        )
    _write(counter, there + wanted)


def note(workspace_id: UUID, meter: str, *, present: Count) -> None:
    """Something went, or came without asking: the counter says what is there. Inside the transaction of the change."""
    counter = _locked(workspace_id, meter)
    _write(counter, present())


def _locked(workspace_id: UUID, meter: str) -> Counter:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("a gauge changes in the transaction that makes or removes the thing")
    with connection.cursor() as cursor:
        cursor.execute(MAKE, [workspace_id, meter, windows.EPOCH])
    return Counter.objects.select_for_update().get(
        workspace_id=workspace_id,
        subject_kind=SubjectKind.WORKSPACE,
        subject_id="",
        meter=meter,
        window=Window.TOTAL,
        window_start=windows.EPOCH,
    )


def _write(counter: Counter, used: int) -> None:
    """`opening` too: nothing of a gauge stands in the ledger, which the books compare with the rest."""
    if (counter.opening, counter.used) != (used, used):
        counter.opening = counter.used = used
        counter.save(update_fields=["opening", "used"])


def _refusal(workspace_id: UUID, meter: str, there: int, wanted: int, amount: int) -> QuotaExceeded:
    line = {
        "meter": meter, "subject": SubjectKind.WORKSPACE, "window": Window.TOTAL, "amount": amount, "line": amount,
        "start": windows.EPOCH.isoformat(), "used": there, "held": 0, "need": wanted,
    }  # fmt: skip
    described = explain.describe(line, zone="UTC")
    title = explain.title_of(meter, Window.TOTAL, SubjectKind.WORKSPACE)
    who = described["who_can_raise"]
    described["text"] = (
        f"{title}: {there:,} there, {wanted:,} more wanted; the limit is {amount:,}. It can be raised by {who}."
    )
    return QuotaExceeded(
        described["text"], data={"limits": [described], "upgrade_url": features.upgrade_url(workspace_id)}
    )

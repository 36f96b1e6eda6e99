"""What metering holds: figures under random references, which name nobody once their mapping is gone."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import QuerySet

from config.personal import Exported, Holding, NotPersonal, Part, Subject, deleted, kept

BOOKS = (
    "The books must add up and receipts must verify. They know a person by a random reference only, whose mapping is "
    "gone with the account."
)
SWITCHED = "Who switched it is a random reference, whose mapping is gone with the account."
OF_WORKSPACE = "Figures under a workspace's id, whose name and members are gone."
SUMS = (
    "messages", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "images", "audio_in_ms",
    "audio_out_ms", "websites", "generations", "cost_micro",
)  # fmt: skip


def _rows(label: str, field: str, value: Callable[[Any], Any]) -> Callable[[Any], QuerySet[Any]]:
    def rows(whose: Any) -> QuerySet[Any]:
        manager = apps.get_model(label)._default_manager
        wanted = value(whose)
        return manager.none() if wanted is None else manager.filter(**{field: wanted})

    return rows


def by_ref(label: str, why: str = BOOKS, field: str = "person_ref") -> Part:
    return kept(_rows(label, field, _ref), why)


def _ref(subject: Subject) -> UUID | None:
    return subject.ref


def in_workspace(label: str, field: str = "workspace_id") -> Callable[[Any], QuerySet[Any]]:
    return _rows(label, field, lambda workspace_id: workspace_id)


def _booked(label: str, title: str, *fields: str) -> Exported:
    """Kept for both: what was used, and what was charged for it."""
    of_workspace = kept(in_workspace(label), OF_WORKSPACE)
    return Exported(label, title, fields, person=by_ref(label), workspace=of_workspace)


def _set(
    label: str, title: str, *fields: str, field: str = "created_by_ref", is_deleted: bool = False
) -> Exported:
    """Switches of a workspace, which somebody set."""
    rows = in_workspace(label)
    of_workspace = deleted(rows) if is_deleted else kept(rows, OF_WORKSPACE)
    return Exported(label, title, fields, person=by_ref(label, SWITCHED, field), workspace=of_workspace)


def _of_workspace(label: str, title: str, *fields: str, is_deleted: bool = False) -> Exported:
    rows = in_workspace(label)
    return Exported(label, title, fields, workspace=deleted(rows) if is_deleted else kept(rows, OF_WORKSPACE))


HOLDINGS: list[Holding] = [
    Exported(
        "usage.NoticeDismissal",
        "Notices you put away",
        ("notice_id", "created_at"),
        person=deleted(_rows("usage.NoticeDismissal", "person_ref", _ref)),
        workspace=deleted(in_workspace("usage.NoticeDismissal", "notice__workspace_id")),
    ),
    _of_workspace(
        "usage.QuotaNotice", "Notices about limits", "limit_id", "window_start", "line", "used", "amount",
        "created_at", is_deleted=True,
    ),
    _booked(
        "usage.Hold", "Runs and what they might use", "id", "workspace_id", "kind", "model", "state", "api_key_id",
        "assistant_id", "stop_reason", "release_reason", "created_at", "resolved_at",
    ),
    _booked(
        "usage.LedgerEntry", "The ledger", "id", "workspace_id", "created_at", "kind", "run_kind", "provider", "model",
        "api_key_id", "assistant_id", *SUMS, "is_estimated",
    ),
    _booked("usage.Receipt", "Receipts", "id", "workspace_id", "created_at", "kind", "model", "state", "body"),
    _booked("usage.DailyRollup", "Usage by day", "workspace_id", "date", "model", "run_kind", *SUMS),
    _booked("usage.HourlyRollup", "Usage by hour", "workspace_id", "date", "hour", *SUMS),
    _of_workspace("usage.DayTotal", "Sums by day", "date", "dimension", "key", *SUMS),
    _of_workspace(
        "usage.Statement", "Statements", "month", "zone", "lines", "cost_micro", "messages", "tokens", "created_at"
    ),
    _set("usage.SpendAlarm", "Alarms of spending", "micro_per_hour", "created_at", "removed_at"),
    # Their reasons are words of the workspace's own.
    _set(
        "usage.Stop", "Stops", "scope", "target", "authority", "reason", "created_at", "lifted_at", is_deleted=True
    ),
    Exported(
        "usage.LimitOverride",
        "Exceptions from limits",
        ("limit_id", "amount", "reason", "created_at", "expires_at", "lifted_at"),
        person=by_ref("usage.LimitOverride", SWITCHED, "created_by_ref"),
        workspace=kept(in_workspace("usage.LimitOverride", "limit__workspace_id"), OF_WORKSPACE),
    ),
    _of_workspace(
        "usage.Limit", "Limits", "subject_kind", "subject_id", "meter", "window", "amount", "warn_percent",
        "block_percent", "source", "created_at",
    ),
    _of_workspace(
        "usage.Counter", "Counters", "subject_kind", "subject_id", "meter", "window", "window_start", "used", "held",
        "granted",
    ),
    _of_workspace("usage.RequestRate", "Requests a minute", "per_key", "per_person", "per_workspace", "changed_at"),
    _of_workspace("usage.Rights", "What the plan includes", "plan_key", "plan_name", "features", "seats_allowed"),
    _of_workspace("usage.Log", "Verifiable logs", "kind", "size", "created_at"),
    Exported(
        "usage.LogLeaf",
        "Leaves of the logs",
        ("log_id", "leaf_index", "type", "body", "created_at"),
        workspace=kept(in_workspace("usage.LogLeaf", "log__workspace_id"), BOOKS),
    ),
    Exported(
        "usage.Checkpoint",
        "Checkpoints of the logs",
        ("log_id", "size", "note", "created_at"),
        workspace=kept(in_workspace("usage.Checkpoint", "log__workspace_id"), OF_WORKSPACE),
    ),
    Exported(
        "usage.LogVerdict",
        "What examinations of the logs found",
        ("log_id", "size", "integrity", "completeness", "began_at"),
        workspace=kept(in_workspace("usage.LogVerdict", "log__workspace_id"), OF_WORKSPACE),
    ),
    _set(
        "usage.BooksItem", "Differences in the books", "kind", "model", "subject", "day", "expected", "found", "state",
        field="explained_by_ref",
    ),
    Exported(
        "usage.Correction",
        "Corrections of prices that you began as staff",
        ("id", "provider", "model", "from_at", "to_at", "reason", "state", "created_at"),
        person=by_ref("usage.Correction", SWITCHED, "created_by_ref"),
    ),
    Exported(
        "usage.Price",
        "Prices that you entered as staff",
        ("provider", "model", "variant", "meter", "micro_per_million", "effective_at"),
        person=by_ref("usage.Price", SWITCHED, "author_ref"),
    ),
    NotPersonal("usage.LogNode", "Hashes inside of the logs' trees."),
    NotPersonal("usage.AuditPending", "Which audit entries have no number yet."),
    NotPersonal("usage.SigningKey", "The product's own keys."),
    NotPersonal("usage.RollupState", "Up to where the ledger was summed."),
]  # fmt: skip

"""The ledger: appends only. Settlements are written by `usage.holds`, corrections by `usage.rerating`."""

from dataclasses import replace
from uuid import UUID

from usage.holds.types import Actual
from usage.models import LedgerEntry, Meter

BOOKED = (
    "messages", "input_tokens", "output_tokens", "images", "audio_in_ms", "audio_out_ms", "websites", "generations",
)  # fmt: skip
"""Fields of `Actual` that have a column and a meter of the same name and can be held."""
DETAIL = ("cached_tokens", "reasoning_tokens")
"""Parts of the booked ones."""

UNCHANGED = (
    "hold_id", "workspace_id", "person_ref", "api_key_id", "assistant_id", "project_id", "account", "run_kind",
    "provider", "model", "variant", "is_estimated", "rated_at",
)  # fmt: skip
"""What a correction says as the corrected entry said it."""


def amounts(actual: Actual) -> dict[str, int]:
    """meter → what was used, money aside."""
    values = {name: getattr(actual, name) for name in (*BOOKED, *DETAIL)}
    return {**values, Meter.TOKENS.value: actual.input_tokens + actual.output_tokens}


def entry(
    billed: Actual, *, cost_micro: int, account: str = LedgerEntry.Account.WORKSPACE
) -> dict[str, object]:
    """What `usage_settle` writes of a settlement (usage/sql/holds.sql); the hold says the rest."""
    return {
        "account": account,
        "provider": billed.provider,
        "model": billed.model,
        "variant": billed.variant,
        "is_estimated": billed.is_estimated,
        "cost_micro": cost_micro,
        **{name: getattr(billed, name) for name in (*BOOKED, *DETAIL)},
    }


def overrun(billed: Actual, actual: Actual, *, cost_micro: int) -> dict[str, object]:
    """What the provider billed beyond the hold is the platform's loss, in the books by name."""
    beyond = {name: getattr(actual, name) - getattr(billed, name) for name in (*BOOKED, *DETAIL)}
    rest = replace(actual, **{**beyond, "messages": 0})
    return entry(rest, cost_micro=cost_micro, account=LedgerEntry.Account.PLATFORM)


def append_correction(
    entry: LedgerEntry,
    kind: LedgerEntry.Kind,
    *,
    correction_id: UUID,
    cost_micro: int,
    lines: list[dict[str, object]],
) -> None:
    """A reversal (amounts taken away) or a re-rating (amounts written anew) of an entry, which stays as it is."""
    sign = -1 if kind == LedgerEntry.Kind.REVERSAL else 1
    LedgerEntry.objects.create(
        kind=kind,
        correction_id=correction_id,
        corrects_id=entry.pk,
        cost_micro=cost_micro,
        lines=lines,
        **{name: getattr(entry, name) for name in UNCHANGED},
        **{name: sign * getattr(entry, name) for name in (*BOOKED, *DETAIL)},
    )


def entry_of(hold_id: UUID) -> LedgerEntry | None:
    """The settlement of a hold."""
    return LedgerEntry.objects.filter(
        hold_id=hold_id, kind=LedgerEntry.Kind.SETTLEMENT, account=LedgerEntry.Account.WORKSPACE
    ).first()

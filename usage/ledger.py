"""The ledger: appends only. Settlements are written by `usage.holds`, corrections by `usage.rerating`."""

from dataclasses import replace
from uuid import UUID

from usage.holds.types import Actual
from usage.models import Hold, LedgerEntry, Meter
from usage.prices import Rates

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


def append_settlement(
    hold: Hold, billed: Actual, *, cost_micro: int, lines: list[dict[str, object]]
) -> LedgerEntry:
    """The one entry of a hold (unique in the database). In the transaction that resolves the hold."""
    return _append(hold, billed, LedgerEntry.Account.WORKSPACE, cost_micro, lines)


def append_overrun(hold: Hold, *, billed: Actual, actual: Actual, rates: Rates, billed_cost: int) -> None:
    """What the provider billed beyond the hold is the platform's loss, in the books by name."""
    if billed == actual:
        return
    beyond = {name: getattr(actual, name) - getattr(billed, name) for name in (*BOOKED, *DETAIL)}
    entry = replace(actual, **{**beyond, "messages": 0})
    _append(hold, entry, LedgerEntry.Account.PLATFORM, max(0, rates.cost(actual) - billed_cost), [])


def _append(
    hold: Hold, amount: Actual, account: LedgerEntry.Account, cost_micro: int, lines: list[dict[str, object]]
) -> LedgerEntry:
    return LedgerEntry.objects.create(
        hold_id=hold.id,
        workspace_id=hold.workspace_id,
        person_ref=hold.person_ref,
        api_key_id=hold.api_key_id,
        assistant_id=hold.assistant_id,
        project_id=hold.project_id,
        lines=lines,
        account=account,
        kind=LedgerEntry.Kind.SETTLEMENT,
        run_kind=hold.kind,
        provider=amount.provider,
        model=amount.model,
        cost_micro=cost_micro,
        is_estimated=amount.is_estimated,
        rated_at=hold.created_at,
        variant=amount.variant,
        **{name: getattr(amount, name) for name in (*BOOKED, *DETAIL)},
    )


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

"""The words of limits: the same in page, API and mail. Every refusal names each line that fell short."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from usage import money
from usage.features import queries as features
from usage.holds.types import HoldRequest, QuotaExceeded
from usage.limits import windows
from usage.models import Meter, SubjectKind, Window

METER_WORDS = {
    Meter.MESSAGES: "messages",
    Meter.TOKENS: "tokens",
    Meter.INPUT_TOKENS: "tokens read",
    Meter.CACHED_TOKENS: "cached tokens",
    Meter.OUTPUT_TOKENS: "tokens written",
    Meter.REASONING_TOKENS: "reasoning tokens",
    Meter.IMAGES: "images",
    Meter.AUDIO_IN_MS: "seconds listened",
    Meter.AUDIO_OUT_MS: "seconds spoken",
    Meter.WEBSITES: "websites",
    Meter.GENERATIONS: "generations",
    Meter.STORED_BYTES: "stored bytes",
    Meter.COST_MICRO: "spend",
    Meter.SEATS: "seats",
    Meter.ASSISTANTS: "assistants",
    Meter.PROJECTS: "projects",
}
SUBJECT_WORDS = {
    SubjectKind.WORKSPACE: "this workspace",
    SubjectKind.PERSON: "you",
    SubjectKind.API_KEY: "this API key",
    SubjectKind.ASSISTANT: "this assistant",
    SubjectKind.PROJECT: "this project",
    SubjectKind.WIDGET: "this chat",
    SubjectKind.VISITOR: "you",
    SubjectKind.PLATFORM: "all workspaces together",
}
WHO_CAN_RAISE = {
    SubjectKind.WORKSPACE: "an owner, by changing the plan",
    SubjectKind.PERSON: "an administrator of the workspace",
    SubjectKind.API_KEY: "whoever made the key, by making one with a higher limit",
    SubjectKind.ASSISTANT: "an administrator of the workspace",
    SubjectKind.PROJECT: "an administrator of the workspace",
    SubjectKind.WIDGET: "whoever looks after this chat",
    SubjectKind.VISITOR: "whoever looks after this chat",
    SubjectKind.PLATFORM: "the operator of this service",
}
WINDOW_WORDS = {
    Window.DAY: "today",
    Window.WEEK: "this week",
    Window.MONTH: "this month",
    Window.PERIOD: "this billing period",
    Window.TOTAL: "in total",
}
PLAIN_REFUSALS = {
    "no_limits": ("limits_missing", "This workspace has no plan yet, so nothing can be charged to it."),
    "unpriced": (
        "model_unpriced",
        "This model has no price here, and spend is limited: choose another model.",
    ),
}


def refusal(request: HoldRequest, answer: dict[str, Any]) -> QuotaExceeded:
    """The exception for a refused hold. Two queries, for the address."""
    upgrade_url = features.upgrade_url(request.workspace_id)
    if answer.get("reason") in PLAIN_REFUSALS:
        code, message = PLAIN_REFUSALS[answer["reason"]]
        return QuotaExceeded(message, code=code, data={"limits": [], "upgrade_url": upgrade_url})
    limits = [describe(line, zone=request.zone, anchor_day=request.anchor_day) for line in answer["short"]]
    text = " ".join(limit["text"] for limit in limits)
    first = {name: limits[0][name] for name in ("limit", "used", "held", "resets_at")} if limits else {}
    return QuotaExceeded(text, data={**first, "limits": limits, "upgrade_url": upgrade_url})


def describe(line: dict[str, Any], *, zone: str, anchor_day: int = 1) -> dict[str, Any]:
    """One line of a limit as data and as a sentence. `line`: as the database's functions return it."""
    start = date.fromisoformat(line["start"])
    resets_at = windows.resets_at(line["window"], start, zone=zone, anchor_day=anchor_day)
    described = {
        "meter": line["meter"],
        "subject": line["subject"],
        "window": line["window"],
        "limit": line["amount"],
        "block_at": line["line"],
        "used": line["used"],
        "held": line["held"],
        "needed": line.get("need", 0),
        "after": line["used"] + line["held"] + line.get("need", 0),
        "resets_at": resets_at.isoformat() if resets_at else None,
        "who_can_raise": WHO_CAN_RAISE[SubjectKind(line["subject"])],
    }
    return {**described, "text": _sentence(described, resets_at, zone)}


def _sentence(line: dict[str, Any], resets_at: datetime | None, zone: str) -> str:
    """`Messages today, for this workspace: 498 used, 2 held by running answers, 1 needed; that is 501 of 500. …`"""
    meter = Meter(line["meter"])
    used, held, needed, after = (quantity(meter, line[name]) for name in ("used", "held", "needed", "after"))
    title = title_of(meter, line["window"], line["subject"])
    whole = f"that is {after}, and {stops_at(meter, line['block_at'], line['limit'])}."
    ends = [reset_of(resets_at, zone), f"It can be raised by {line['who_can_raise']}."]
    return " ".join([f"{title}: {used} used, {held} held by running answers, {needed} needed;", whole, *ends])


def title_of(meter: str, window: str, subject: str) -> str:
    """`Messages today, for this workspace`"""
    words = f"{METER_WORDS[Meter(meter)]} {WINDOW_WORDS[Window(window)]}".capitalize()
    return f"{words}, for {SUBJECT_WORDS[SubjectKind(subject)]}"


def stops_at(meter: str, block_at: int, limit: int) -> str:
    if block_at == limit:
        return f"the limit is {quantity(meter, limit)}"
    return f"new answers stop at {quantity(meter, block_at)} of {quantity(meter, limit)}"


def reset_of(resets_at: datetime | None, zone: str) -> str:
    return f"It begins anew on {_local(resets_at, zone)}." if resets_at else "It does not begin anew."


def quantity(meter: str, amount: int) -> str:
    """`1,234`; money as `$1.23`, below a cent with every digit; audio in seconds."""
    if meter == Meter.COST_MICRO:
        return money.rounded(amount)
    if meter in (Meter.AUDIO_IN_MS, Meter.AUDIO_OUT_MS):
        return f"{amount // 1000:,}"
    return f"{amount:,}"


def _local(instant: datetime, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).strftime("%-d %B %Y at %H:%M (%Z)")

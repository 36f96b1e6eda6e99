"""Two months of usage for the demo's pages: adjustments of the ledger, as if carried over from another system.

They count like all usage and are nobody's run, so they have no hold and no receipt. Written before the first hold:
counters begin with what the ledger knows.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils import timezone

from tenants import audit
from tenants.scope import WorkspaceRef
from usage import prices
from usage.holds.types import Actual
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import LedgerEntry, Limit, Meter, SubjectKind, Window
from usage.rollups import queries
from usage.rollups.queries import GroupBy, Span
from usage.statements import services as statements

DAYS = 62
WORKDAY, WEEKEND = (9, 16), (0, 3)
"""Answers a day: at least, at most."""
MODELS = ("gpt-4o-mini", "gpt-4o-mini", "gpt-4o")
HOURS = (7, 8, 9, 9, 10, 10, 10, 11, 11, 12, 13, 14, 14, 15, 15, 16, 17, 19, 20)
INSERT = """
INSERT INTO usage_ledgerentry (hold_id, workspace_id, person_ref, api_key_id, assistant_id, lines, account, kind,
    variant, run_kind, provider, model, messages, input_tokens, cached_tokens, output_tokens, reasoning_tokens, images,
    audio_in_ms, audio_out_ms, websites, generations, cost_micro, is_estimated, created_at)
SELECT gen_random_uuid(), %s, person, key, assistant, '[]', 'workspace', %s, '', 'reply', %s, model, 1, input, cached,
       output, 0, 0, 0, 0, 0, 0, cost, false, at
FROM jsonb_to_recordset(%s) AS used (person uuid, key uuid, assistant uuid, model text, input bigint, cached bigint,
                                     output bigint, cost bigint, at timestamptz)
ORDER BY at
"""


@dataclass(frozen=True)
class Cast:
    """Who used it and with what. The first of each is the busiest; `key_id` is the first person's."""

    person_refs: Sequence[UUID]
    assistant_ids: Sequence[UUID]
    key_id: UUID


def write_history(workspace: WorkspaceRef, cast: Cast) -> None:
    """The same for each workspace's name and day, up to this moment; and the statement of the month that is over."""
    now = timezone.now()
    rows = list(_rows(workspace, cast, now))
    with connection.cursor() as cursor:
        kind = LedgerEntry.Kind.ADJUSTMENT
        cursor.execute(INSERT, [workspace.id, kind, settings.PROVIDER_NAME, json.dumps(rows, default=str)])
    this_month = now.astimezone(ZoneInfo(workspace.timezone)).date().replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    statements.write(workspace_id=workspace.id, zone=workspace.timezone, month=last_month)


def _rows(workspace: WorkspaceRef, cast: Cast, now: datetime) -> Iterator[dict[str, Any]]:
    chance = random.Random(workspace.slug)  # noqa: S311  demo data
    today = now.astimezone(ZoneInfo(workspace.timezone)).date()
    for ago in range(DAYS, -1, -1):
        day = today - timedelta(days=ago)
        few, many = WEEKEND if day.weekday() >= 5 else WORKDAY
        for _ in range(chance.randint(few, many)):
            row = _row(chance, cast, day, ZoneInfo(workspace.timezone))
            if row["at"] < now:
                yield row


def _row(chance: random.Random, cast: Cast, day: date, zone: ZoneInfo) -> dict[str, Any]:
    person = _busiest(chance, cast.person_refs)
    by_key = person == cast.person_refs[0] and chance.randrange(5) < 2
    model = chance.choice(MODELS)
    asked, said = chance.randint(1500, 24_000), chance.randint(80, 1400)
    cached = chance.choice((0, 0, asked // 2))
    actual = Actual(
        settings.PROVIDER_NAME, model, input_tokens=asked, cached_tokens=cached, output_tokens=said
    )
    at = datetime.combine(day, time(chance.choice(HOURS), chance.randrange(60)), tzinfo=zone)
    return {
        "person": person,
        "key": cast.key_id if by_key else None,
        "assistant": None if by_key else _busiest(chance, cast.assistant_ids),
        "model": model,
        "input": asked,
        "cached": cached,
        "output": said,
        "cost": prices.rates(provider=settings.PROVIDER_NAME, model=model, at=at).cost(actual),
        "at": at,
    }


def _busiest(chance: random.Random, choices: Sequence[UUID]) -> UUID:
    weights = [3**number for number in range(len(choices), 0, -1)]
    return chance.choices(choices, weights)[0]


def limit_nearly_used(workspace: WorkspaceRef, assistant_id: UUID, *, actor: audit.Actor) -> None:
    """A monthly limit of the assistant that its next answer brings above the warning line."""
    last = timezone.now().astimezone(ZoneInfo(workspace.timezone)).date()
    span = Span(workspace.id, workspace.timezone, last.replace(day=1), last)
    found = queries.history(span, by=(GroupBy.ASSISTANT,))[GroupBy.ASSISTANT]
    used = next((row.figures.messages for row in found if row.key == assistant_id), 0)
    spec = LimitSpec(
        Meter.MESSAGES, Window.MONTH, (used + 1) * 5 // 4, SubjectKind.ASSISTANT, str(assistant_id)
    )
    limits.set_own_limit(workspace_id=workspace.id, spec=spec, actor=actor)


def fence_spend(workspace: WorkspaceRef) -> None:
    """Support has limited what a month may cost, whatever the plan says."""
    spec = LimitSpec(Meter.COST_MICRO, Window.MONTH, 50_000_000)
    limits.set_limit(workspace_id=workspace.id, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM)


def override_a_limit(workspace: WorkspaceRef) -> None:
    """The plan's images, doubled by support for two weeks."""
    limit = Limit.objects.filter(
        workspace_id=workspace.id, meter=Meter.IMAGES, source=Limit.Source.PLAN
    ).first()
    if limit is not None and limit.amount is not None:
        limits.override(
            limit=limit,
            amount=limit.amount * 2,
            reason="Pictures for the launch",
            expires_at=timezone.now() + timedelta(days=14),
            actor=audit.SYSTEM,
        )

"""The alarm on the rate of spend: when too much goes within an hour, model calls stop by themselves."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import queries as accounts_queries
from config import errors
from tenants import audit
from tenants.scope import WorkspaceNotFound, get_ref
from usage import money, stops
from usage.models import LedgerEntry, Stop
from usage.spend.models import SpendAlarm

PERIOD = timedelta(hours=1)
logger = logging.getLogger(__name__)


class AlarmRefused(errors.DomainError):
    code = "alarm_refused"
    message = "This alarm cannot be set."


@dataclass(frozen=True)
class Raised:
    """An alarm that has just stopped model calls."""

    alarm_id: int
    workspace_id: UUID | None
    spent: int
    line: int


def set_alarm(*, workspace_id: UUID | None, micro_per_hour: int, actor: audit.Actor) -> SpendAlarm:
    """Replaces the alarm of the same workspace, or of the platform. Raises AlarmRefused."""
    if micro_per_hour <= 0:
        raise AlarmRefused("An alarm needs an amount above zero.")
    with transaction.atomic():
        _standing(workspace_id).update(removed_at=timezone.now())
        alarm = SpendAlarm.objects.create(
            workspace_id=workspace_id, micro_per_hour=micro_per_hour, created_by_ref=actor.ref
        )
        _record("spend_alarm.set", alarm, actor, micro_per_hour=micro_per_hour)
    return alarm


def remove_alarm(*, alarm_id: int, actor: audit.Actor) -> None:
    """What it stopped stays stopped until that is lifted."""
    with transaction.atomic():
        alarm = SpendAlarm.objects.select_for_update().get(id=alarm_id)
        if alarm.removed_at is None:
            alarm.removed_at = timezone.now()
            alarm.save(update_fields=["removed_at"])
            _record("spend_alarm.removed", alarm, actor)


def watch(*, now: datetime) -> list[Raised]:
    """Looks at each alarm; a stop that stands already is not set again. Three queries per alarm at most."""
    raised = []
    for alarm in SpendAlarm.objects.filter(removed_at__isnull=True).order_by("id"):
        spent = _spent(alarm, now)
        if spent > alarm.micro_per_hour and not _stops(alarm).filter(lifted_at__isnull=True).exists():
            raised.append(_raise(alarm, spent))
    return raised


def _spent(alarm: SpendAlarm, now: datetime) -> int:
    """Within the hour, but not before staff lifted the alarm's last stop: that money is judged already."""
    since = now - PERIOD
    lifted = (
        _stops(alarm).filter(lifted_at__gt=since).order_by("-lifted_at").values_list("lifted_at", flat=True)
    )
    rows = LedgerEntry.objects.filter(created_at__gt=lifted.first() or since, created_at__lte=now)
    if alarm.workspace_id is not None:
        rows = rows.filter(workspace_id=alarm.workspace_id, account=LedgerEntry.Account.WORKSPACE)
    return rows.aggregate(spent=Sum("cost_micro"))["spent"] or 0


def _stops(alarm: SpendAlarm) -> QuerySet[Stop]:
    scope, target = _place(alarm)
    return Stop.objects.filter(scope=scope, target=target, authority=Stop.Authority.ALARM)


def _place(alarm: SpendAlarm) -> tuple[Stop.Scope, str]:
    if alarm.workspace_id is None:
        return Stop.Scope.PLATFORM, ""
    return Stop.Scope.WORKSPACE, str(alarm.workspace_id)


def _raise(alarm: SpendAlarm, spent: int) -> Raised:
    raised = Raised(alarm.pk, alarm.workspace_id, spent, alarm.micro_per_hour)
    scope, target = _place(alarm)
    with transaction.atomic():
        stops.set_stop(
            scope=scope,
            target=target,
            reason="More was spent within an hour than is usual. Support looks into it.",
            actor=audit.SYSTEM,
            authority=Stop.Authority.ALARM,
        )
        _record("spend_alarm.raised", alarm, audit.SYSTEM, spent=spent, micro_per_hour=alarm.micro_per_hour)
        transaction.on_commit(partial(_tell_staff, raised))
    logger.error("a spend alarm stopped model calls", extra={"alarm_id": alarm.pk, "spent": spent})
    return raised


def _tell_staff(raised: Raised) -> None:
    where = "the platform"
    if raised.workspace_id is not None:
        try:
            where = get_ref(id=raised.workspace_id).name
        except WorkspaceNotFound:
            where = str(raised.workspace_id)
    context = {
        "where": where,
        "spent": money.rounded(raised.spent),
        "line": money.rounded(raised.line),
        "url": settings.BASE_URL + reverse("admin:usage_stop_changelist"),
    }
    send_mail(
        subject=f"Model calls stopped: {where} spent {context['spent']} within an hour",
        message=render_to_string("usage/mails/spend_alarm.txt", context),
        from_email=None,
        recipient_list=accounts_queries.list_staff_addresses(),
    )


def _standing(workspace_id: UUID | None) -> QuerySet[SpendAlarm]:
    return SpendAlarm.objects.filter(workspace_id=workspace_id, removed_at__isnull=True)


def _record(action: str, alarm: SpendAlarm, actor: audit.Actor, **data: Any) -> None:
    audit.record(
        action, actor=actor, workspace_id=alarm.workspace_id, target=("spend_alarm", alarm.pk), **data
    )

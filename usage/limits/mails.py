"""Mails about limits, to the owners of a workspace. Claimed by an UPDATE first: sent at most once each."""

from uuid import UUID

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Membership
from tenants import links
from tenants.scope import WorkspaceNotFound, WorkspaceRef, get_ref
from usage.holds import explain
from usage.models import Meter, QuotaNotice, SubjectKind, Window

BATCH = 100


def send_due() -> int:
    """Sends what is due; returns how many notices were mailed."""
    with transaction.atomic():
        due = list(
            QuotaNotice.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(mailed_at__isnull=True)
            .select_related("limit")[:BATCH]
        )
        QuotaNotice.objects.filter(id__in=[row.pk for row in due]).update(mailed_at=timezone.now())
    for notice in due:
        _send(notice)
    return len(due)


def _send(notice: QuotaNotice) -> None:
    try:
        workspace = get_ref(id=notice.workspace_id)
    except WorkspaceNotFound:
        return
    context = describe(notice, workspace)
    send_mail(
        subject=f"{workspace.name}: {context['title']}",
        message=render_to_string("usage/mails/quota_notice.txt", context),
        from_email=None,
        recipient_list=owner_addresses(workspace.id),
    )


def describe(notice: QuotaNotice, workspace: WorkspaceRef) -> dict[str, object]:
    """The notice in words, for its mail."""
    subject = SubjectKind(notice.limit.subject_kind)
    return {
        "title": title_of(notice),
        "text": text_of(notice),
        "is_block": notice.line == QuotaNotice.Line.BLOCK,
        "subject": explain.SUBJECT_WORDS[subject],
        "who_can_raise": explain.WHO_CAN_RAISE[subject],
        "workspace": workspace,
        "usage_url": links.absolute_workspace_url(workspace, "usage"),
    }


def title_of(notice: QuotaNotice) -> str:
    meter = explain.METER_WORDS[Meter(notice.limit.meter)]
    return f"{meter} {'used up' if notice.line == QuotaNotice.Line.BLOCK else 'nearly used up'}"


def text_of(notice: QuotaNotice) -> str:
    """The same sentence in mail and page."""
    limit = notice.limit
    used, amount = explain.quantity(limit.meter, notice.used), explain.quantity(limit.meter, notice.amount)
    window = explain.WINDOW_WORDS[Window(limit.window)]
    whose = (
        "" if limit.subject_kind == SubjectKind.WORKSPACE else f" of one {limit.get_subject_kind_display()}"
    )
    return f"{used} of {amount} {explain.METER_WORDS[Meter(limit.meter)]}{whose} are used {window}."


def owner_addresses(workspace_id: UUID) -> list[str]:
    rows = Membership.objects.filter(
        workspace_id=workspace_id, role=Membership.Role.OWNER, user__is_active=True
    )
    return list(rows.values_list("user__email", flat=True))

"""Mails about limits, to the owners of a workspace, and events. Claimed by an UPDATE first: sent at most once each."""

from uuid import UUID

from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Membership
from tenants import links
from tenants.scope import WorkspaceNotFound, WorkspaceRef, get_ref, workspace_scope
from usage import outlets, report
from usage.holds import explain
from usage.limits import windows
from usage.models import Meter, QuotaNotice, SubjectKind, Window

BATCH = 100
OTHERS = {
    SubjectKind.PERSON: "a former member",
    SubjectKind.API_KEY: "a removed key",
    SubjectKind.ASSISTANT: "a removed assistant",
    SubjectKind.PROJECT: "a project",
    SubjectKind.WIDGET: "a website’s chat",
    SubjectKind.VISITOR: "a visitor",
}
CONSEQUENCES = (
    "At the limit, new answers that need more are refused.",
    "New answers that need more are refused until it begins anew or is raised.",
)


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
    outlets.tell(
        workspace_id=workspace.id,
        event=outlets.LIMIT_REACHED,
        data={
            "line": notice.line,
            "meter": notice.limit.meter,
            "subject": notice.limit.subject_kind,
            "subject_id": notice.limit.subject_id,
            "window": notice.limit.window,
            "window_start": notice.window_start.isoformat(),
            "used": notice.used,
            "limit": notice.amount,
            "text": context["text"],
        },
    )
    send_mail(
        subject=f"{workspace.name}: {context['title']}",
        message=render_to_string("usage/mails/quota_notice.txt", context),
        from_email=None,
        recipient_list=owner_addresses(workspace.id),
    )


def describe(notice: QuotaNotice, workspace: WorkspaceRef) -> dict[str, object]:
    """The notice in words, for its mail."""
    with workspace_scope(workspace.id, allow_suspended=True):
        names = report.names_of_subjects(workspace.id, [notice.limit])
    return {
        "title": title_of(notice),
        "text": text_of(notice, zone=workspace.timezone, name=names.get(notice.limit.subject_id, "")),
        "workspace": workspace,
        "usage_url": links.absolute_workspace_url(workspace, "usage"),
    }


def title_of(notice: QuotaNotice) -> str:
    meter = explain.METER_WORDS[Meter(notice.limit.meter)]
    return f"{meter} {'used up' if notice.line == QuotaNotice.Line.BLOCK else 'nearly used up'}"


def text_of(notice: QuotaNotice, *, zone: str, name: str = "") -> str:
    """The same sentences in mail and page. `name`: of the person, assistant, key or project."""
    limit = notice.limit
    used, amount = explain.quantity(limit.meter, notice.used), explain.quantity(limit.meter, notice.amount)
    meter = "" if limit.meter == Meter.COST_MICRO else f" {explain.METER_WORDS[Meter(limit.meter)]}"
    subject = SubjectKind(limit.subject_kind)
    whose = "" if subject == SubjectKind.WORKSPACE else f" of {name or OTHERS[subject]}"
    verb = "spent" if limit.meter == Meter.COST_MICRO else "used"
    resets_at = windows.resets_at(limit.window, notice.window_start, zone=zone)
    return " ".join(
        [
            f"{used} of {amount}{meter}{whose} are {verb} {explain.WINDOW_WORDS[Window(limit.window)]}.",
            CONSEQUENCES[notice.line == QuotaNotice.Line.BLOCK],
            explain.reset_of(resets_at, zone),
            f"It can be raised by {explain.WHO_CAN_RAISE[subject]}.",
        ]
    )


def owner_addresses(workspace_id: UUID) -> list[str]:
    rows = Membership.objects.filter(
        workspace_id=workspace_id, role=Membership.Role.OWNER, user__is_active=True
    )
    return list(rows.values_list("user__email", flat=True))

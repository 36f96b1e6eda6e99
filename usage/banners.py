"""What a page of a workspace tells before anything else: model calls are stopped, a limit is nearly used up."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from accounts.permissions import Member
from tenants.scope import WorkspaceRef
from usage import report, stops
from usage.limits import mails, windows
from usage.limits import queries as limits_queries
from usage.models import Limit

LOOK = """
SELECT EXISTS (SELECT FROM usage_stop WHERE lifted_at IS NULL),
       EXISTS (SELECT FROM usage_quotanotice WHERE workspace_id = %s AND window_start = ANY(%s))
"""


@dataclass(frozen=True)
class Banner:
    """`notice_id`: a person may dismiss it; `leads_to`: the name of the page that says more. `is_of_plan`: about a
    limit that another plan may raise."""

    tone: str
    title: str
    text: str
    leads_to: str
    notice_id: int | None = None
    is_of_plan: bool = False


def list_banners(member: Member, workspace: WorkspaceRef, *, now: datetime) -> list[Banner]:
    """Stops for everybody; notices for owners and admins, until each has dismissed them. One query where there is
    nothing to tell; else one more for each of the two, and one for the names of each kind of subject of a notice."""
    is_stopped, is_noticed = _look(workspace, now)
    found = _stops(workspace) if is_stopped else []
    if is_noticed and member.can_manage_workspace:
        found += _notices(member, workspace, now)
    return found


def _look(workspace: WorkspaceRef, now: datetime) -> tuple[bool, bool]:
    """Whether anything is stopped anywhere, and whether a line was crossed here in a window that still runs. Every
    page asks, and most have nothing to tell: one plain statement instead of two built ones."""
    starts = windows.starts(zone=workspace.timezone, at=now, anchor_day=workspace.billing_day)
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [workspace.id, list(starts.values())])
        row: tuple[bool, bool] = cursor.fetchone()
        return row


def _stops(workspace: WorkspaceRef) -> list[Banner]:
    return [
        Banner("danger", "Model calls are stopped", f"{stops.words(stop)} {stop.reason}", "usage-stops")
        for stop in stops.list_standing(workspace.id)
    ]


def _notices(member: Member, workspace: WorkspaceRef, now: datetime) -> list[Banner]:
    notices = limits_queries.list_notices(
        workspace.id,
        person_ref=member.person_ref,
        zone=workspace.timezone,
        now=now,
        anchor_day=workspace.billing_day,
    )
    names = report.names_of_subjects(workspace.id, [notice.limit for notice in notices])
    return [
        Banner(
            tone="danger" if notice.line == notice.Line.BLOCK else "warning",
            title=_sentence(mails.title_of(notice)),
            text=mails.text_of(notice, zone=workspace.timezone, name=names.get(notice.limit.subject_id, "")),
            leads_to="usage",
            notice_id=notice.pk,
            is_of_plan=notice.limit.source == Limit.Source.PLAN,
        )
        for notice in notices
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]

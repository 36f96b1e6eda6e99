"""What a page of a workspace tells before anything else: model calls are stopped, a limit is nearly used up."""

from dataclasses import dataclass
from datetime import datetime

from accounts.permissions import Member
from tenants.scope import WorkspaceRef
from usage import report, stops
from usage.limits import mails
from usage.limits import queries as limits_queries
from usage.models import Limit


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
    """Stops for everybody; notices for owners and admins, until each has dismissed them. Two queries, and one for
    the names of each kind of subject that a notice is about."""
    found = [
        Banner("danger", "Model calls are stopped", f"{stops.words(stop)} {stop.reason}", "usage-stops")
        for stop in stops.list_standing(workspace.id)
    ]
    if member.can_manage_workspace:
        found += _notices(member, workspace, now)
    return found


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

"""The usage page, its live part, and its figures as a file."""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from usage import presenters, report
from usage.features import queries as features
from usage.features.keys import Feature
from usage.features.marks import needs_feature
from usage.rollups import queries
from usage.rollups.queries import GroupBy
from usage.rollups.sums import FIGURES

DAYS = (7, 30, 90, 365)
DEFAULT_DAYS = 30
DAILY_UP_TO = 90
"""A longer time is shown by week: one sees more in fifty columns than in a year's."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Choice:
    """What the page was asked to show. Strange values fall back: a link that was mistyped still opens."""

    days: int
    by: GroupBy
    measure: str
    first: date
    last: date


def _choice(request: MemberRequest) -> Choice:
    asked, offered = request.GET, _days(request)
    days = int(asked["days"]) if asked.get("days") in {str(days) for days in offered} else _default(offered)
    groups = [group for group in presenters.TITLES if _may_group(request, group)]
    by = next((group for group in groups if group == asked.get("by")), groups[0])
    measure = asked["measure"] if asked.get("measure") in presenters.MEASURES else "cost"
    last = report.today(request.workspace.timezone, timezone.now())
    return Choice(days, by, measure, last - timedelta(days=days - 1), last)


def _days(request: MemberRequest) -> tuple[int, ...]:
    """Without the history in the plan, the last week."""
    return DAYS if _has_history(request) else DAYS[:1]


def _default(offered: tuple[int, ...]) -> int:
    return DEFAULT_DAYS if DEFAULT_DAYS in offered else offered[-1]


def _has_history(request: MemberRequest) -> bool:
    return features.has(request.workspace.id, Feature.USAGE_HISTORY)


def _may_group(request: MemberRequest, group: GroupBy) -> bool:
    return group is not GroupBy.PERSON or request.member.can_view_all_usage


@requires(Permission.VIEW)
@require_safe
def usage(request: MemberRequest) -> HttpResponse:
    """Own figures for everybody; all of the workspace for who may see them."""
    choice = _choice(request)
    span = report.span_of(request.member, request.workspace, first=choice.first, last=choice.last)
    found = queries.history(span, by=(GroupBy.DAY, choice.by))
    days = report.fill_days(span, found[GroupBy.DAY])
    named = report.name_rows(span.workspace_id, choice.by, found[choice.by])
    is_weekly = choice.days > DAILY_UP_TO
    columns = report.by_week(days) if is_weekly else days
    named_columns = report.name_rows(span.workspace_id, GroupBy.DAY, columns[::-1])
    context = {
        **_live(request),
        **_choices(request, choice),
        **_today(request, choice),
        "stats": presenters.stats(
            queries.total(days),
            hint=f"in {choice.days} days",
            whose="whole workspace" if request.member.can_view_all_usage else "yours",
        ),
        "chart": presenters.day_chart(columns, choice.measure, unit="week" if is_weekly else "day"),
        "column_title": "Week from" if is_weekly else "Day",
        "column_rows": presenters.table(named_columns, measure=choice.measure),
        "rows": presenters.table(named, measure=choice.measure) if _has_history(request) else [],
        "has_history": _has_history(request),
        "period": presenters.shown_period(choice.first, choice.last),
    }
    return render(request, "usage/usage.html", context)


@requires(Permission.VIEW)
@require_safe
def meters(request: MemberRequest) -> HttpResponse:
    """The live part as a fragment: it asks for itself again, quickly while something is held."""
    return render(request, "usage/_meters.html", _live(request))


@requires(Permission.VIEW)
@needs_feature(Feature.USAGE_HISTORY)
@require_safe
def export(request: MemberRequest) -> HttpResponse:
    """`?by=` day, person, assistant, model, api_key or project, over the same days as the page, as CSV."""
    choice = _choice(request)
    by = GroupBy.DAY if request.GET.get("by") == GroupBy.DAY else choice.by
    span = report.span_of(request.member, request.workspace, first=choice.first, last=choice.last)
    name = f"usage-{request.workspace.slug}-by-{by}-{choice.first}-{choice.last}.csv"
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerow([by.value, "name", "tokens", *FIGURES, "cost"])
    for row in report.read(span, by):
        columns = report.as_columns(row)
        exact = Decimal(columns["cost_micro"]).scaleb(-6)
        writer.writerow(
            [_cell(columns.pop("key")), _cell(columns.pop("name")), *columns.values(), f"{exact:f}"]
        )
    return response


def _cell(text: str | None) -> str:
    # SECURITY: a spreadsheet would run a name that begins like a formula.
    return f"'{text}" if text and text.startswith(FORMULA_STARTS) else text or ""


def _live(request: MemberRequest) -> dict[str, Any]:
    return presenters.live(request.member, request.workspace, now=timezone.now())


def _today(request: MemberRequest, choice: Choice) -> dict[str, Any]:
    span = report.span_of(request.member, request.workspace, first=choice.last, last=choice.last)
    rows = report.fill_hours(choice.last, queries.hours(span))
    named = report.name_rows(span.workspace_id, GroupBy.HOUR, rows)
    return {
        "hour_chart": presenters.hour_chart(rows, choice.measure),
        "hour_rows": presenters.table(named, measure=choice.measure),
    }


def _choices(request: MemberRequest, choice: Choice) -> dict[str, Any]:
    groups = {group: title for group, title in presenters.TITLES.items() if _may_group(request, group)}
    return {
        "by_title": presenters.TITLES[choice.by],
        "by_caption": presenters.CAPTIONS[choice.by],
        "measure_title": presenters.MEASURES[choice.measure],
        "choice": choice,
        "day_options": [(days, f"{days} days", days == choice.days) for days in _days(request)],
        "by_options": [(group.value, title, group is choice.by) for group, title in groups.items()],
        "measure_options": [
            (name, title, name == choice.measure) for name, title in presenters.MEASURES.items()
        ],
        "query": f"days={choice.days}&measure={choice.measure}",
    }

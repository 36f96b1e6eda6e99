"""Usage over REST: who may see all of a workspace gets all, everybody else their own."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission
from accounts.requests import member_of
from config.sparse import APIView
from tenants.scope import WorkspaceRef, current_workspace
from usage import controls, report, serializers
from usage.features.keys import Feature
from usage.features.marks import needs_feature
from usage.limits import queries as limits_queries
from usage.rollups import queries
from usage.rollups.queries import GroupBy, Span

DEFAULT_DAYS = 30


class CurrentUsage(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(responses=serializers.CurrentSerializer)
    def get(self, request: Request) -> Response:
        """The month so far, today, and how each limit stands."""
        return Response(_current(member_of(request), current_workspace(), own=False))


class OwnUsage(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(responses=serializers.CurrentSerializer)
    def get(self, request: Request) -> Response:
        """The caller's own month and day, and the limits that apply to the caller."""
        return Response(_current(member_of(request), current_workspace(), own=True))


class LimitList(APIView):
    serializer_class = serializers.LimitSerializer
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.WORKSPACE_MANAGE}

    @extend_schema(request=serializers.LimitCreateSerializer, responses={201: serializers.OwnLimitSerializer})
    def post(self, request: Request) -> Response:
        """Sets a limit of a person, an assistant or a key, or changes the amount of one that the workspace set."""
        return controls.set_limit(request)

    @extend_schema(responses=serializers.LimitListSerializer)
    def get(self, request: Request) -> Response:
        """Every limit that the caller may see: used, held, when it begins anew, who may raise it."""
        standings = _standings(member_of(request), current_workspace(), timezone.now(), own=False)
        return Response({"results": standings})


@needs_feature(Feature.USAGE_HISTORY)
class UsageHistory(APIView):
    serializer_class = serializers.HistoryRowSerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(parameters=[serializers.HistoryQuerySerializer], responses=serializers.HistorySerializer)
    def get(self, request: Request) -> Response:
        """Sums by day, hour, person, assistant, model, API key or project, over local days of the workspace."""
        form = serializers.HistoryQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        workspace = current_workspace()
        last = form.validated_data.get("to") or report.today(workspace.timezone, timezone.now())
        first = form.validated_data.get("from") or last - timedelta(days=DEFAULT_DAYS - 1)
        by = GroupBy(form.validated_data["group_by"])
        span = report.span_of(member_of(request), workspace, first=first, last=last)
        results = [report.as_columns(row) for row in report.read(span, by)]
        return Response({**_head(span), "group_by": by.value, "results": results})


def _current(member: Member, workspace: WorkspaceRef, *, own: bool) -> dict[str, Any]:
    now = timezone.now()
    month = report.month_span(member, workspace, now=now, own=own)
    days = queries.history(month, by=(GroupBy.DAY,))[GroupBy.DAY]
    today = [row for row in days if row.key == month.last]
    return {
        **_head(month),
        "month": queries.total(days).as_dict(),
        "today": queries.total(today).as_dict(),
        "limits": _standings(member, workspace, now, own=own),
    }


def _head(span: Span) -> dict[str, Any]:
    period = {"first": span.first, "last": span.last, "timezone": span.zone}
    return {"period": period, "is_own": span.person_ref is not None}


def _standings(member: Member, workspace: WorkspaceRef, now: datetime, *, own: bool) -> list[dict[str, Any]]:
    viewpoint = report.viewpoint_of(member, workspace)
    if own and viewpoint.sees_all:
        viewpoint = replace(viewpoint, sees_all=False, key_ids=report.own_keys(member))
    standings = limits_queries.list_standings(viewpoint, now=now)
    return [_standing(asdict(row)) for row in standings]


def _standing(values: dict[str, Any]) -> dict[str, Any]:
    values["id"] = values.pop("limit_id")
    return values

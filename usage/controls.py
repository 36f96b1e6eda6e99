"""Limits and stops that a workspace sets, over REST."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from config import errors, ports
from config.sparse import APIView
from usage import report, serializers, stops
from usage.limits import queries, services
from usage.limits.services import LimitSpec
from usage.models import Stop, SubjectKind

MANAGES = Permission.WORKSPACE_MANAGE


def set_limit(request: Request) -> Response:
    """Raises NotFound for what is none of the workspace's own, FeatureNotIncluded, LimitRefused."""
    member = member_of(request)
    form = serializers.LimitCreateSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    if data["subject_id"] not in report.own_subjects(member.workspace_id)[SubjectKind(data["subject"])]:
        raise errors.NotFound()
    spec = LimitSpec(
        meter=data["meter"],
        window=data["window"],
        amount=data["amount"],
        subject_kind=data["subject"],
        subject_id=str(data["subject_id"]),
    )
    limit = services.set_own_limit(workspace_id=member.workspace_id, spec=spec, actor=member.actor)
    return Response(serializers.OwnLimitSerializer(limit).data, status=status.HTTP_201_CREATED)


class LimitDetail(APIView):
    required_permissions = {"DELETE": MANAGES}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, limit_id: int) -> Response:
        """Removes a limit that the workspace or a key's maker set."""
        member = member_of(request)
        limit = queries.access_limit(member.workspace_id, limit_id)
        services.remove_own_limit(limit=limit, actor=member.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


@open_while_read_only
class StopList(APIView):
    serializer_class = serializers.StopSerializer
    required_permissions = {"GET": Permission.VIEW, "POST": MANAGES}

    @extend_schema(responses=serializers.StopListSerializer)
    def get(self, request: Request) -> Response:
        """What is stopped here, by whom and why."""
        rows = stops.list_standing(member_of(request).workspace_id)
        return Response({"results": serializers.StopSerializer(rows, many=True).data})

    @extend_schema(request=serializers.StopCreateSerializer, responses={201: serializers.StopSerializer})
    def post(self, request: Request) -> Response:
        """Refuses new model calls and ends running ones, of the workspace or of one assistant, until it is lifted."""
        member = member_of(request)
        form = serializers.StopCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        assistant = form.validated_data.get("assistant")
        # SECURITY: only the workspace's own assistants can be named.
        if assistant is not None and assistant not in ports.assistant_names(ids=None):
            raise errors.NotFound()
        stop = stops.set_stop(
            scope=Stop.Scope.WORKSPACE if assistant is None else Stop.Scope.ASSISTANT,
            target=str(member.workspace_id if assistant is None else assistant),
            reason=form.validated_data["reason"],
            actor=member.actor,
            authority=Stop.Authority.WORKSPACE,
            workspace_id=member.workspace_id,
        )
        return Response(serializers.StopSerializer(stop).data, status=status.HTTP_201_CREATED)


class StopDetail(APIView):
    required_permissions = {"DELETE": MANAGES}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, stop_id: int) -> Response:
        """Lets model calls start again."""
        member = member_of(request)
        stops.lift_stop(stop_id=stops.access_stop(member.workspace_id, stop_id).pk, actor=member.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

"""Runs over REST: read, watched, stopped."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from assistants.chat import queries, serializers
from assistants.models import Run
from assistants.runs import responder
from assistants.runs import services as runs
from config.sparse import APIView, ListAPIView


class RunList(ListAPIView):
    serializer_class = serializers.RunRowSerializer
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[Run]:
        form = serializers.RunFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        return queries.list_runs(member_of(self.request), **form.validated_data)

    @extend_schema(summary="List runs", parameters=[serializers.RunFilterSerializer])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's own, newest first, without texts."""
        return self.list(request, *args, **kwargs)


class RunDetail(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(summary="Read a run", responses=serializers.RunSerializer)
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(serializers.RunSerializer(queries.access_run(member_of(request), run_id)).data)


@open_while_read_only
class RunStop(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(summary="Stop a run", request=None, responses={204: None})
    def post(self, request: Request, run_id: UUID) -> Response:
        """Ends a run; what was said stays."""
        member = member_of(request)
        runs.stop_run(workspace_id=member.workspace_id, run=queries.access_run(member, run_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AnyAccept(BaseContentNegotiation):
    """Takes every `Accept`: an `EventSource` asks for text/event-stream, and a refusal of its request is JSON."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class RunEvents(APIView):
    content_negotiation_class = AnyAccept
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        summary="Watch a run",
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR, "Events status, delta, snapshot, done"
            )
        },
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """Server-sent events of a run; resume with `Last-Event-ID`."""
        member = member_of(request)
        run = queries.access_run(member, run_id)
        return responder.stream_run(request._request, member=member, run=run)  # type: ignore[return-value]

"""Tool calls over REST: what waits for a decision, and what stands for all later ones."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of, page_request_of
from assistants.chat import bodies
from assistants.chat import queries as chat
from assistants.models import ToolCall, ToolChoice
from assistants.tools import presenters, queries, registry, serializers, services
from assistants.tools.services import Decision
from config import pagination
from config.sparse import APIView, ListAPIView


def _bodies(request: Request, calls: list[ToolCall]) -> list[dict[str, Any]]:
    """One query."""
    latest = chat.latest_runs([each.run.message_id for each in calls if each.run.message_id])
    page, found = page_request_of(request), []
    for each in calls:
        message_id = each.run.message_id
        run = latest.get(message_id, each.run) if message_id else each.run
        found.append(serializers.call(presenters.view(page, each, run), each))
    return found


class RunToolCalls(APIView):
    serializer_class = serializers.CallSerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        operation_id="runs_tool_calls_list",
        summary="List tool calls of a run",
        responses=pagination.page_of(serializers.CallSerializer),
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """In their order, those of the runs that it goes on from among them. All on one page."""
        run = chat.access_run(member_of(request), run_id)
        found = presenters.calls_of(page_request_of(request), [run])
        return Response(pagination.page(request, map(bodies.call, found.get(run.id, []))))


class ToolCallList(ListAPIView):
    serializer_class = serializers.ToolCallSerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        operation_id="tool_calls_list",
        summary="List calls that wait",
        responses=serializers.ToolCallSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """For the caller's decision, newest first. An answer goes on when none of its calls waits."""
        page = self.paginate_queryset(queries.list_waiting(member_of(request))) or []
        return self.get_paginated_response(_bodies(request, list(page)))


class ToolCallDetail(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(summary="Read a tool call", responses=serializers.ToolCallSerializer)
    def get(self, request: Request, call_id: UUID) -> Response:
        """Of an answer to the caller."""
        return Response(_bodies(request, [queries.access_call(member_of(request), call_id)])[0])


class ToolCallApprove(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        summary="Allow a tool call",
        request=serializers.DecisionSerializer,
        responses=serializers.DecidedSerializer,
    )
    def post(self, request: Request, call_id: UUID) -> Response:
        """Once, or always. A call that was decided before stays as it is."""
        return _decide(request, call_id, once=Decision.ONCE, always=Decision.ALWAYS)


class ToolCallRefuse(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        summary="Refuse a tool call",
        request=serializers.DecisionSerializer,
        responses=serializers.DecidedSerializer,
    )
    def post(self, request: Request, call_id: UUID) -> Response:
        """Once, or always. A call that was decided before stays as it is."""
        return _decide(request, call_id, once=Decision.NO, always=Decision.NEVER)


def _decide(request: Request, call_id: UUID, *, once: Decision, always: Decision) -> Response:
    member = member_of(request)
    call = queries.access_call(member, call_id)
    form = serializers.DecisionSerializer(data=request.data)
    form.is_valid(raise_exception=True)
    decision = always if form.validated_data["always"] else once
    run = services.decide(member=member, call=call, decision=decision)
    (body,) = _bodies(request, [queries.access_call(member, call_id)])
    return Response(serializers.decided(body, run))


class ToolChoiceList(ListAPIView):
    serializer_class = serializers.ToolChoiceSerializer
    pagination_class = pagination.Recent
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[ToolChoice]:
        return queries.list_choices(member_of(self.request))

    @extend_schema(summary="List standing decisions about tools")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's own, the last changed first: where nobody is asked any more."""
        return self.list(request, *args, **kwargs)


class ToolChoiceDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "DELETE": Permission.VIEW}

    @extend_schema(summary="Read a standing decision", responses=serializers.ToolChoiceSerializer)
    def get(self, request: Request, assistant_id: UUID, tool: str) -> Response:
        row = queries.access_choice(member_of(request), assistant_id, tool)
        return Response(serializers.ToolChoiceSerializer(row).data)

    @extend_schema(summary="Forget a standing decision", responses={204: None})
    @open_while_read_only
    def delete(self, request: Request, assistant_id: UUID, tool: str) -> Response:
        """The caller is asked again from now on."""
        member = member_of(request)
        services.forget_choice(member=member, choice=queries.access_choice(member, assistant_id, tool))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ToolList(APIView):
    serializer_class = serializers.ToolSerializer
    required_permissions = {"GET": Permission.ASSISTANTS_MANAGE}

    @extend_schema(
        operation_id="tools_list",
        summary="List tools for assistants",
        responses=pagination.page_of(serializers.ToolSerializer),
    )
    def get(self, request: Request) -> Response:
        """Every one that an assistant may be given, by `name`."""
        rows = serializers.ToolSerializer(registry.TOOLS.values(), many=True)
        return Response(pagination.page(request, rows.data))

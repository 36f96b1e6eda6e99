"""Conversations over REST."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from assistants.builder import queries as builder_queries
from assistants.chat import queries, serializers, services
from assistants.models import Conversation
from assistants.runs import responder
from assistants.runs import services as runs
from config.pagination import CursorPagination
from config.sparse import APIView, ListAPIView


class RecentPagination(CursorPagination):
    ordering = ("-updated_at", "-id")


def _turn_body(turn: services.Turn) -> dict[str, object]:
    run_id = turn.run.id if turn.run else None
    return {
        "conversation": turn.conversation.id,
        "question": turn.question.id,
        "answer": turn.answer.id,
        "run": run_id,
        "events_url": reverse("api:run-events", args=[run_id]),
    }


class ConversationList(ListAPIView):
    serializer_class = serializers.ConversationSerializer
    pagination_class = RecentPagination
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT}

    def get_queryset(self) -> QuerySet[Conversation]:
        return queries.list_conversations(member_of(self.request))

    @extend_schema(
        request=serializers.ConversationCreateSerializer, responses={201: serializers.TurnSerializer}
    )
    def post(self, request: Request) -> Response:
        """Starts a conversation with its first question; the answer streams from `events_url`."""
        form = serializers.ConversationCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        chosen, member = data["assistant"], member_of(request)
        assistant = (
            builder_queries.access_assistant(member, chosen)
            if chosen
            else builder_queries.get_default_assistant(member)
        )
        turn = services.start_conversation(
            member=member,
            assistant=assistant,
            text=data["text"],
            client_id=data["client_id"],
        )
        return Response(_turn_body(turn), status=status.HTTP_201_CREATED)


class MessageList(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(request=serializers.MessageCreateSerializer, responses={201: serializers.TurnSerializer})
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Asks in a conversation. `parent_id`: the answer to reply to; without it, the branch looked at last."""
        member = member_of(request)
        conversation = queries.access_conversation(member, conversation_id)
        form = serializers.MessageCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        turn = services.send_message(
            member=member,
            conversation=conversation,
            text=data["text"],
            parent_id=data["parent_id"] or conversation.current_leaf_id,
            client_id=data["client_id"],
        )
        return Response(_turn_body(turn), status=status.HTTP_201_CREATED)


class RunDetail(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(responses=serializers.RunSerializer)
    def get(self, request: Request, run_id: UUID) -> Response:
        return Response(serializers.RunSerializer(queries.access_run(member_of(request), run_id)).data)


@open_while_read_only
class RunStop(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(request=None, responses={204: None})
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
        responses={
            (200, "text/event-stream"): OpenApiResponse(
                OpenApiTypes.STR, "Events status, delta, snapshot, done"
            )
        }
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        """Server-sent events of a run; resume with `Last-Event-ID`."""
        member = member_of(request)
        run = queries.access_run(member, run_id)
        return responder.stream_run(request._request, member=member, run=run)  # type: ignore[return-value]

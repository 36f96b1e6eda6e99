"""Questions that wait for a running answer, over REST."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from assistants.chat import bodies, queries, queueing, serializers
from assistants.chat.services import Turn
from assistants.models import FollowUp
from config.pagination import CursorPagination
from config.sparse import APIView, ListAPIView


class OldestFirst(CursorPagination):
    ordering = ("created_at", "id")


def _asked(made: Turn | FollowUp) -> dict[str, Any]:
    if isinstance(made, FollowUp):
        return {"turn": None, "follow_up": serializers.FollowUpSerializer(made).data}
    return {"turn": bodies.turn(made), "follow_up": None}


class FollowUpList(ListAPIView):
    serializer_class = serializers.FollowUpSerializer
    pagination_class = OldestFirst
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT}

    def get_queryset(self) -> QuerySet[FollowUp]:
        member = member_of(self.request)
        conversation = queries.access_conversation(member, self.kwargs["conversation_id"])
        return queries.list_follow_ups(member, conversation)

    @extend_schema(summary="List waiting questions")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's own, in the order in which they are asked."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Ask now or next",
        request=serializers.MessageCreateSerializer,
        responses={201: serializers.AskedSerializer},
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """Asks at once, or waits while an answer is being written."""
        member = member_of(request)
        conversation = queries.access_conversation(member, conversation_id)
        asked = serializers.read_question(request.data, conversation)
        made = queueing.ask(member=member, conversation=conversation, **asked)
        return Response(_asked(made), status=status.HTTP_201_CREATED)


class FollowUpDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "PATCH": Permission.CHAT, "DELETE": Permission.VIEW}

    @extend_schema(summary="Read a waiting question", responses=serializers.FollowUpSerializer)
    def get(self, request: Request, follow_up_id: UUID) -> Response:
        row = queries.access_follow_up(member_of(request), follow_up_id)
        return Response(serializers.FollowUpSerializer(row).data)

    @extend_schema(
        summary="Reword a waiting question",
        request=serializers.TextSerializer,
        responses=serializers.FollowUpSerializer,
    )
    def patch(self, request: Request, follow_up_id: UUID) -> Response:
        """It keeps its place."""
        row = queries.access_follow_up(member_of(request), follow_up_id)
        form = serializers.TextSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = queueing.reword(follow_up=row, text=form.validated_data["text"])
        return Response(serializers.FollowUpSerializer(changed).data)

    @extend_schema(summary="Take a waiting question back", responses={204: None})
    @open_while_read_only
    def delete(self, request: Request, follow_up_id: UUID) -> Response:
        queueing.remove(follow_up=queries.access_follow_up(member_of(request), follow_up_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class FollowUpSend(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        summary="Send a waiting question", request=None, responses={201: serializers.AskedSerializer}
    )
    def post(self, request: Request, follow_up_id: UUID) -> Response:
        """After a refusal, a stop or a failure. While an answer is being written it waits for its turn again."""
        member = member_of(request)
        row = queries.access_follow_up(member, follow_up_id)
        made = queueing.send_now(member=member, follow_up=row)
        return Response(_asked(made), status=status.HTTP_201_CREATED)

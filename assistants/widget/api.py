"""`/api/v1/assistants/<id>/visitors`: what visitors of other sites asked, for those who look after the workspace."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from assistants.builder import queries as builder
from assistants.models import Conversation
from assistants.widget import queries, serializers, services
from config.pagination import Recent
from config.sparse import APIView, ListAPIView

MANAGES = Permission.WORKSPACE_MANAGE


def _talk(request: Request, assistant_id: UUID, conversation_id: UUID) -> Conversation:
    return queries.access_talk_of(builder.access_any(member_of(request), assistant_id), conversation_id)


class VisitorTalkList(ListAPIView):
    """What visitors asked in the assistant’s chat on other sites, the last first."""

    serializer_class = serializers.VisitorTalkSerializer
    pagination_class = Recent
    required_permissions = {"GET": MANAGES}

    def get_queryset(self) -> QuerySet[Conversation]:
        if getattr(self, "swagger_fake_view", False):
            return queries.no_talks()
        return queries.talks_of(builder.access_any(member_of(self.request), self.kwargs["assistant_id"]))


class VisitorTalkDetail(APIView):
    required_permissions = {"GET": MANAGES, "DELETE": MANAGES}

    @extend_schema(responses=serializers.VisitorTalkDetailSerializer)
    def get(self, request: Request, assistant_id: UUID, conversation_id: UUID) -> Response:
        found = _talk(request, assistant_id, conversation_id)
        return Response(serializers.VisitorTalkDetailSerializer(found).data)

    @extend_schema(responses={204: None})
    @open_while_read_only
    def delete(self, request: Request, assistant_id: UUID, conversation_id: UUID) -> Response:
        """Erases it for good: where a visitor asks for it. Its receipts stay, and tell nothing of what was said."""
        services.erase_talk(member=member_of(request), talk=_talk(request, assistant_id, conversation_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

"""Conversations over REST: listed, searched, begun, changed, deleted and taken back."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission, open_while_read_only
from accounts.requests import member_of
from assistants.builder import queries as builder_queries
from assistants.chat import bodies, queries, serializers, services
from assistants.library import queries as library_queries
from assistants.library import search
from assistants.library import services as library
from assistants.models import Conversation
from assistants.projects import queries as projects
from config import pagination
from config.sparse import APIView, ListAPIView
from usage import queries as usage_queries


def detail(request: Request, conversation_id: UUID) -> dict[str, Any]:
    """The caller has checked that it may be seen. Two queries."""
    row = library_queries.rows_of([conversation_id])[conversation_id]
    row.cost_micro = usage_queries.cost_of_holds(queries.run_ids_of(row))  # type: ignore[attr-defined]  # told only here
    return dict(serializers.ConversationDetailSerializer(row, context={"request": request}).data)


class ConversationList(ListAPIView):
    serializer_class = serializers.ConversationSerializer
    pagination_class = pagination.Recent
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT}

    def get_queryset(self) -> QuerySet[Conversation]:
        return library_queries.told(self._wanted())

    def _wanted(self) -> QuerySet[Conversation]:
        form = serializers.ConversationFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        wanted = library_queries.Wanted(
            is_deleted=bool(said["deleted"]),
            is_archived=said["archived"],
            is_pinned=said["pinned"],
            is_temporary=said["temporary"],
            tag=said.get("tag", ""),
            project_id=said.get("project"),
            assistant_id=said.get("assistant"),
        )
        return library_queries.list_wanted(member_of(self.request), wanted)

    @extend_schema(
        summary="List or search conversations", parameters=[serializers.ConversationFilterSerializer]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One's own and those of one's projects, the last changed first; with `q` the best match first."""
        text = " ".join(request.query_params.get("q", "").split())
        if not text:
            return self.list(request, *args, **kwargs)
        cursor = request.query_params.get("cursor", "")
        found = search.search(member_of(request), text, cursor, within=self._wanted())
        rows = [_matched(hit) for hit in found.hits]
        following = {"cursor": found.next} if found.next else None
        return Response(
            pagination.page(request, self.get_serializer(rows, many=True).data, following=following)
        )

    @extend_schema(
        summary="Start a conversation",
        request=serializers.ConversationCreateSerializer,
        responses={201: serializers.TurnSerializer},
    )
    def post(self, request: Request) -> Response:
        """Starts a conversation with its first question; the answer streams from `events_url`."""
        form = serializers.ConversationCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data, member = form.validated_data, member_of(request)
        chosen, project = data["assistant"], data["project"]
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
            choices=services.Choices(
                projects.access_project(member, project) if project else None,
                data["is_temporary"],
                data["uses_memory"],
            ),
            attachments=data.get("attachments", ()),
        )
        return Response(bodies.turn(turn), status=status.HTTP_201_CREATED)


def _matched(hit: search.Hit) -> Conversation:
    found = {"title": hit.title, "snippet": hit.snippet, "message": hit.message_id}
    hit.conversation.match = found  # type: ignore[attr-defined]  # told only here
    return hit.conversation


class ConversationDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "PATCH": Permission.CHAT, "DELETE": Permission.VIEW}

    @extend_schema(summary="Read a conversation", responses=serializers.ConversationDetailSerializer)
    def get(self, request: Request, conversation_id: UUID) -> Response:
        """Without its messages."""
        row = queries.access_conversation(member_of(request), conversation_id)
        return Response(detail(request, row.id))

    @extend_schema(
        summary="Change a conversation",
        request=serializers.ConversationChangeSerializer,
        responses=serializers.ConversationDetailSerializer,
    )
    def patch(self, request: Request, conversation_id: UUID) -> Response:
        """Title, tags, pin, archive, project, and who answers from now on: all of what is said, or nothing. Only for
        the person who started it."""
        member = member_of(request)
        row = library_queries.access_own(member, conversation_id)
        form = serializers.ConversationChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        library.change(member=member, conversation=row, changes=_looked_up(member, form.validated_data))
        return Response(detail(request, row.id))

    @extend_schema(
        summary="Delete a conversation",
        parameters=[serializers.DeletionQuerySerializer],
        responses={204: None},
    )
    @open_while_read_only
    def delete(self, request: Request, conversation_id: UUID) -> Response:
        """Hidden at once, with its links; it can be restored for 30 days. With `forever` a deleted one is erased."""
        form = serializers.DeletionQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        member = member_of(request)
        if form.validated_data["forever"]:
            deleted = library_queries.access_deleted(member, conversation_id)
            library.erase(member=member, conversation=deleted)
        else:
            row = library_queries.access_own(member, conversation_id)
            library.delete(member=member, conversation=row)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _looked_up(member: Member, said: dict[str, Any]) -> dict[str, Any]:
    """Ids become what they name. Raises NotFound."""
    changes = dict(said)
    if said.get("project"):
        changes["project"] = projects.access_project(member, said["project"])
    if "assistant" in said:
        changes["assistant"] = builder_queries.access_assistant(member, said["assistant"])
    return changes


@open_while_read_only
class ConversationRestore(APIView):
    required_permissions = {"POST": Permission.VIEW}

    @extend_schema(
        summary="Restore a deleted conversation",
        request=None,
        responses=serializers.ConversationDetailSerializer,
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """With its links: those that were not revoked show it again."""
        member = member_of(request)
        row = library_queries.access_deleted(member, conversation_id)
        library.undo(member=member, conversation=row)
        return Response(detail(request, row.id))


class TagList(APIView):
    serializer_class = serializers.TagSerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(summary="List tags", responses=pagination.page_of(serializers.TagSerializer))
    def get(self, request: Request) -> Response:
        """One's own, with how many conversations have each; the most used ones, 40 at most."""
        found = library_queries.list_tags(library_queries.scope_of(member_of(request)))
        rows = [{"tag": tag, "conversations": number} for tag, number in found]
        return Response(pagination.page(request, rows))

"""Memory over REST: what is kept, and every way to change or lose it."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission, open_while_read_only
from accounts.requests import member_of
from assistants.builder import queries as builder
from assistants.memory import queries, serializers, services
from assistants.models import MemoryItem
from config import pagination
from config.sparse import APIView, ListAPIView

MOST_FOUND = 50


def _body(member: Member, item: MemoryItem) -> dict[str, Any]:
    return dict(serializers.MemorySerializer(item, context={"member": member}).data)


class MemoryList(ListAPIView):
    serializer_class = serializers.MemorySerializer
    pagination_class = pagination.Recent
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.VIEW}

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "member": member_of(self.request)}

    def get_queryset(self) -> QuerySet[MemoryItem]:
        form = serializers.MemoryFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        wanted = queries.Wanted(
            said.get("layer", ""), said.get("assistant"), said["pinned"], bool(said["history"])
        )
        return queries.list_wanted(member_of(self.request), wanted)

    @extend_schema(
        summary="List or search what is remembered", parameters=[serializers.MemoryFilterSerializer]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Of oneself, and the shared layer; the last changed first. With `q` what says it, best first."""
        text = " ".join(request.query_params.get("q", "").split())
        if not text:
            return self.list(request, *args, **kwargs)
        found = queries.find(self.get_queryset(), text, limit=MOST_FOUND)
        return Response(pagination.page(request, self.get_serializer(found, many=True).data))

    @extend_schema(
        summary="Remember a statement",
        request=serializers.MemoryWriteSerializer,
        responses={201: serializers.MemorySerializer},
    )
    def post(self, request: Request) -> Response:
        """What is there already is confirmed instead of doubled. The shared layer is for who manages the workspace."""
        member = member_of(request)
        form = serializers.MemoryWriteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        chosen = said.pop("assistant")
        assistant = builder.access_assistant(member, chosen) if chosen else None
        item = services.remember(member=member, assistant=assistant, **said)
        return Response(_body(member, item), status=status.HTTP_201_CREATED)


class MemoryDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "PATCH": Permission.VIEW, "DELETE": Permission.VIEW}

    @extend_schema(summary="Read a statement", responses=serializers.MemorySerializer)
    def get(self, request: Request, item_id: UUID) -> Response:
        member = member_of(request)
        return Response(_body(member, queries.access_item(member, item_id)))

    @extend_schema(
        summary="Change a statement",
        request=serializers.MemoryChangeSerializer,
        responses=serializers.MemorySerializer,
    )
    def patch(self, request: Request, item_id: UUID) -> Response:
        """New words make a new statement with an id of its own, which is answered; the old one is its history."""
        member = member_of(request)
        item = queries.access_item(member, item_id)
        form = serializers.MemoryChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changed = services.change(member=member, item=item, **form.validated_data)
        return Response(_body(member, queries.access_item(member, changed.id)))

    @extend_schema(
        summary="Forget a statement",
        parameters=[serializers.ForgetQuerySerializer],
        responses={204: None},
    )
    @open_while_read_only
    def delete(self, request: Request, item_id: UUID) -> Response:
        """With its history: it can be read nowhere any more."""
        member = member_of(request)
        item = queries.access_item(member, item_id)
        form = serializers.ForgetQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        forget = services.forbid if form.validated_data["forbid"] else services.delete
        forget(member=member, item=item)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemoryHistory(APIView):
    serializer_class = serializers.MemorySerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        operation_id="memory_history_list",
        summary="List what a statement superseded",
        responses=pagination.page_of(serializers.MemorySerializer),
    )
    def get(self, request: Request, item_id: UUID) -> Response:
        """Newest first, fifty at most."""
        member = member_of(request)
        rows = queries.list_history(queries.access_item(member, item_id))
        shown = serializers.MemorySerializer(rows, many=True, context={"member": member})
        return Response(pagination.page(request, shown.data))

"""What a person decides about their memory, its layers and its graph, over REST."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from assistants.documents import queries as documents
from assistants.memory import forgetting, keyfacts, layers, queries, serializers, services
from assistants.models import Entity, MemoryRefusal, Relation
from config import pagination
from config.sparse import APIView, ListAPIView


class LayerList(APIView):
    serializer_class = serializers.LayerSerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        operation_id="memory_layers_list",
        summary="List the layers of memory",
        responses=serializers.LayersSerializer,
    )
    def get(self, request: Request) -> Response:
        """All eight, with how much each holds."""
        member = member_of(request)
        counts, allowed = queries.counts(member), queries.plan_allows(member)
        rows = [serializers.layer_row(layer, counts, allowed) for layer in layers.LAYERS]
        return Response(pagination.page(request, rows))


@open_while_read_only
class MemorySwitch(APIView):
    required_permissions = {"GET": Permission.VIEW, "PUT": Permission.VIEW}

    @extend_schema(summary="Read one’s memory switch", responses=serializers.SwitchSerializer)
    def get(self, request: Request) -> Response:
        return Response({"is_on": queries.is_switched_on(member_of(request).user_id)})

    @extend_schema(
        summary="Switch one’s memory",
        request=serializers.SwitchSerializer,
        responses=serializers.SwitchSerializer,
    )
    def put(self, request: Request) -> Response:
        form = serializers.SwitchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.switch(member=member_of(request), **form.validated_data)
        return Response(form.validated_data)


@open_while_read_only
class ForgetDay(APIView):
    required_permissions = {"POST": Permission.VIEW}

    @extend_schema(
        summary="Forget a day",
        request=serializers.ForgetDaySerializer,
        responses=serializers.ForgottenSerializer,
    )
    def post(self, request: Request) -> Response:
        """Everything that was said or kept that day. Conversations stay."""
        form = serializers.ForgetDaySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        day = form.validated_data.get("day") or forgetting.today()
        count = forgetting.forget_day(member=member_of(request), day=day)
        return Response({"day": day, "forgotten": count})


class RefusalList(ListAPIView):
    serializer_class = serializers.RefusalSerializer
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[MemoryRefusal]:
        return queries.list_refusals(member_of(self.request))

    @extend_schema(summary="List what is never remembered", operation_id="memory_refusals_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """By one's own wish, newest first."""
        return self.list(request, *args, **kwargs)


@open_while_read_only
class RefusalDetail(APIView):
    required_permissions = {"DELETE": Permission.VIEW}

    @extend_schema(summary="Lift a refusal", responses={204: None})
    def delete(self, request: Request, refusal_id: UUID) -> Response:
        """Its like may be remembered again."""
        services.allow_again(member=member_of(request), refusal_id=refusal_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RelationList(ListAPIView):
    serializer_class = serializers.RelationSerializer
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[Relation]:
        return queries.visible_relations(member_of(self.request).user_id)

    @extend_schema(summary="List relations of the graph", operation_id="memory_relations_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Who and what statements name, and how they hang together; newest first."""
        return self.list(request, *args, **kwargs)


class EntityList(ListAPIView):
    serializer_class = serializers.EntitySerializer
    pagination_class = pagination.ByName
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[Entity]:
        return queries.visible_entities(member_of(self.request).user_id)

    @extend_schema(summary="List entities of the graph", operation_id="memory_entities_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """By name."""
        return self.list(request, *args, **kwargs)


class KeyFacts(APIView):
    required_permissions = {"POST": Permission.WORKSPACE_MANAGE}

    @extend_schema(
        summary="Take key facts from a document",
        request=None,
        responses={202: serializers.RunStartedSerializer},
    )
    def post(self, request: Request, document_id: UUID) -> Response:
        """Of one that everyone can read: a metered run puts what everybody should know into the shared layer."""
        member = member_of(request)
        run = keyfacts.take(member=member, document=documents.access_document(member, document_id))
        body = {"run": run.id, "events_url": reverse("api:run-events", args=[run.id])}
        return Response(body, status=status.HTTP_202_ACCEPTED)

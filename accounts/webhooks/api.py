"""`/api/v1/webhooks`: where a workspace wants to be told (docs/webhooks.md)."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from accounts.webhooks import serializers, tries
from config.pagination import CursorPagination
from config.sparse import APIView, ListAPIView
from tenants.models import WebhookDelivery, WebhookEndpoint
from tenants.webhooks import queries, services
from tenants.webhooks.services import Caller

MANAGES = Permission.WORKSPACE_MANAGE


def _caller(request: Request) -> Caller:
    member = member_of(request)
    return Caller(member.workspace_id, member.actor)


def _with_secret(endpoint: WebhookEndpoint, secret: str, code: int) -> Response:
    endpoint.secret = secret  # in memory only, to be shown
    return Response(serializers.WebhookWithSecretSerializer(endpoint).data, status=code)


class WebhookList(ListAPIView):
    """The workspace’s webhooks, newest first."""

    serializer_class = serializers.WebhookSerializer
    required_permissions = {"GET": MANAGES, "POST": MANAGES}

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        return queries.list_endpoints(member_of(self.request).workspace_id)

    @extend_schema(
        request=serializers.WebhookCreateSerializer, responses={201: serializers.WebhookWithSecretSerializer}
    )
    def post(self, request: Request) -> Response:
        """Adds one. Its secret is in this answer only."""
        form = serializers.WebhookCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        endpoint, secret = services.create(caller=_caller(request), **form.validated_data)
        return _with_secret(endpoint, secret, status.HTTP_201_CREATED)


class WebhookDetail(APIView):
    required_permissions = {"GET": MANAGES, "PATCH": MANAGES, "DELETE": MANAGES}

    @extend_schema(responses=serializers.WebhookSerializer)
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = queries.access_endpoint(member_of(request).workspace_id, endpoint_id)
        return Response(serializers.WebhookSerializer(endpoint).data)

    @extend_schema(request=serializers.WebhookChangeSerializer, responses=serializers.WebhookSerializer)
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """`is_active` switches it on or off; what waits is sent when it is on again."""
        form = serializers.WebhookChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        endpoint = services.change(
            caller=_caller(request), endpoint_id=endpoint_id, wanted=dict(form.validated_data)
        )
        return Response(serializers.WebhookSerializer(endpoint).data)

    @extend_schema(responses={204: None})
    @open_while_read_only
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        """With its log. What waited is not sent."""
        services.delete(caller=_caller(request), endpoint_id=endpoint_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


@open_while_read_only
class WebhookRotate(APIView):
    required_permissions = {"POST": MANAGES}

    @extend_schema(request=serializers.RotateSerializer, responses=serializers.WebhookWithSecretSerializer)
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """A new secret. For the hours of the overlap each message is signed with both."""
        form = serializers.RotateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        endpoint, secret = services.rotate(
            caller=_caller(request),
            endpoint_id=endpoint_id,
            overlap_hours=form.validated_data["overlap_hours"],
        )
        return _with_secret(endpoint, secret, status.HTTP_200_OK)


class WebhookTest(APIView):
    required_permissions = {"POST": MANAGES}

    @extend_schema(request=None, responses={202: serializers.DeliverySerializer})
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Sends a `webhook.test`, once and before what waits. At most ten a minute for each webhook."""
        caller = _caller(request)
        tries.count(request, workspace_id=caller.workspace_id, endpoint_id=endpoint_id)
        delivery = services.send_test(caller=caller, endpoint_id=endpoint_id)
        return Response(serializers.DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)


class NewestFirst(CursorPagination):
    ordering = ("-id", "-message_id")


class DeliveryList(ListAPIView):
    """What was sent and what waits, newest first, each with its tries. Kept for 30 days."""

    serializer_class = serializers.DeliverySerializer
    pagination_class = NewestFirst
    required_permissions = {"GET": MANAGES}

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        return queries.list_deliveries(member_of(self.request).workspace_id, self.kwargs["endpoint_id"])


class DeliveryRedeliver(APIView):
    required_permissions = {"POST": MANAGES}

    @extend_schema(request=None, responses={202: serializers.DeliverySerializer})
    def post(self, request: Request, delivery_id: int) -> Response:
        """Sends the message again under the same `webhook-id`, once."""
        delivery = services.redeliver(caller=_caller(request), delivery_id=delivery_id)
        return Response(serializers.DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)

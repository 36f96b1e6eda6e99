"""Billing over REST: owners buy and change, admins see, every member may read what is offered."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from billing import serializers
from billing.plans import queries as plans
from billing.subscriptions import describe, queries, services
from config.pagination import CursorPagination
from config.sparse import APIView, ListAPIView


class InvoicePagination(CursorPagination):
    ordering = ("-created", "-djstripe_id")


class PlanList(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(operation_id="billing_plans_list", responses=serializers.PlanListSerializer)
    def get(self, request: Request) -> Response:
        """What is offered, from the smallest to the largest."""
        rows = serializers.PlanSerializer(plans.list_offered(), many=True)
        return Response({"results": rows.data})


class Subscription(APIView):
    required_permissions = {"GET": Permission.BILLING_VIEW}

    @extend_schema(responses=serializers.SubscriptionSerializer)
    def get(self, request: Request) -> Response:
        """The plan, what comes next, and how its limits stand."""
        found = describe.describe(member_of(request).workspace_id)
        return Response(serializers.SubscriptionSerializer(found).data)


class InvoiceList(ListAPIView):
    required_permissions = {"GET": Permission.BILLING_VIEW}
    serializer_class = serializers.InvoiceSerializer
    pagination_class = InvoicePagination

    @extend_schema(operation_id="billing_invoices_list", responses=serializers.InvoiceSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Newest first."""
        page: list[Any] = self.paginate_queryset(queries.invoices_of(member_of(request).workspace_id)) or []
        rows = self.get_serializer([queries.as_row(row) for row in page], many=True)
        return self.get_paginated_response(rows.data)


@open_while_read_only
class Checkout(APIView):
    required_permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(
        request=serializers.CheckoutSerializer, responses={201: serializers.CheckoutOpenedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Opens the page where a plan is paid. The same wish again gets the same page while it is open."""
        form = serializers.CheckoutSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wish = dict(form.validated_data)
        url = services.start_checkout(member=member_of(request), plan_key=wish.pop("plan"), **wish)
        return Response({"checkout_url": url}, status=status.HTTP_201_CREATED)


@open_while_read_only
class Portal(APIView):
    required_permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(request=serializers.PortalSerializer, responses={201: serializers.PortalOpenedSerializer})
    def post(self, request: Request) -> Response:
        """Opens the payment service's own pages for cards, addresses and invoices."""
        form = serializers.PortalSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        url = services.open_portal(member=member_of(request), **form.validated_data)
        return Response({"portal_url": url}, status=status.HTTP_201_CREATED)


@open_while_read_only
class Subscribe(APIView):
    required_permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(
        request=serializers.SubscribeSerializer,
        responses={200: serializers.SubscribedSerializer, 201: serializers.CheckoutOpenedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Buys a plan where none runs (201, with a page to pay on), and changes to it otherwise."""
        form = serializers.SubscribeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        member, wish = member_of(request), dict(form.validated_data)
        plan_key = wish.pop("plan")
        if not queries.is_running(queries.get_account(member.workspace_id)):
            url = services.start_checkout(member=member, plan_key=plan_key, **wish)
            return Response({"checkout_url": url}, status=status.HTTP_201_CREATED)
        changed = services.change_plan(
            member=member, plan_key=plan_key, interval=wish["interval"], seats=wish["seats"]
        )
        found = describe.describe(member.workspace_id)
        body = {"outcome": changed.outcome, "action_url": changed.action_url}
        return Response({**body, "subscription": serializers.SubscriptionSerializer(found).data})

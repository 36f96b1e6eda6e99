"""A workspace's own providers of models over REST. Keys go in and are never answered."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission, open_while_read_only
from accounts.requests import member_of
from assistants.llm import catalogue
from assistants.models import Provider
from assistants.providers import listing, pacing, presenters, queries, serializers, services
from assistants.providers.services import Wanted
from config import pagination
from config.sparse import APIView, ListAPIView

MANAGES = Permission.WORKSPACE_MANAGE


def _body(member: Member, provider_id: UUID) -> dict[str, Any]:
    return dict(serializers.ProviderSerializer(queries.access_provider(member, provider_id)).data)


def _wanted(row: Provider, **said: Any) -> Wanted:
    """As it is, but for what is said."""
    return Wanted(**{"name": row.name, "kind": row.kind, "base_url": row.base_url, **said})


class ProviderList(ListAPIView):
    serializer_class = serializers.ProviderSerializer
    pagination_class = pagination.ByName
    required_permissions = {"GET": MANAGES, "POST": MANAGES}

    def get_queryset(self) -> QuerySet[Provider]:
        return queries.list_providers()

    @extend_schema(summary="List own providers")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """By name."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Add a provider",
        request=serializers.ProviderCreateSerializer,
        responses={201: serializers.ProviderSerializer},
    )
    def post(self, request: Request) -> Response:
        """Its key is sealed. It has no models until its first test, which reads its list."""
        member = member_of(request)
        form = serializers.ProviderCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.add_provider(member=member, wanted=Wanted(**form.validated_data))
        return Response(_body(member, made.id), status=status.HTTP_201_CREATED)


class ProviderDetail(APIView):
    required_permissions = {"GET": MANAGES, "PATCH": MANAGES, "DELETE": MANAGES}

    @extend_schema(summary="Read a provider", responses=serializers.ProviderSerializer)
    def get(self, request: Request, provider_id: UUID) -> Response:
        return Response(_body(member_of(request), provider_id))

    @extend_schema(
        summary="Change a provider",
        request=serializers.ProviderChangeSerializer,
        responses=serializers.ProviderSerializer,
    )
    def patch(self, request: Request, provider_id: UUID) -> Response:
        """Its slug stays, by which assistants name its models. Another address or key wants a test."""
        member = member_of(request)
        row = queries.access_provider(member, provider_id)
        form = serializers.ProviderChangeSerializer(data=request.data, context={"provider": row})
        form.is_valid(raise_exception=True)
        services.edit_provider(member=member, provider=row, wanted=_wanted(row, **form.validated_data))
        return Response(_body(member, provider_id))

    @extend_schema(summary="Remove a provider", responses={204: None})
    @open_while_read_only
    def delete(self, request: Request, provider_id: UUID) -> Response:
        """With its key and the list of its models. What was used stays in the ledger."""
        member = member_of(request)
        services.remove_provider(member=member, provider=queries.access_provider(member, provider_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProviderKey(APIView):
    required_permissions = {"GET": MANAGES, "PUT": MANAGES, "DELETE": MANAGES}

    @extend_schema(summary="Read whether a provider has a key", responses=serializers.ProviderKeySerializer)
    def get(self, request: Request, provider_id: UUID) -> Response:
        """With its last four signs, where it is a long one. The key itself is never answered."""
        body = _body(member_of(request), provider_id)
        return Response({name: body[name] for name in ("has_key", "key_last_four")})

    @extend_schema(
        summary="Put another key in place",
        request=serializers.ProviderKeyChangeSerializer,
        responses=serializers.ProviderKeySerializer,
    )
    def put(self, request: Request, provider_id: UUID) -> Response:
        """It holds from the next call on; the former one is forgotten."""
        member = member_of(request)
        row = queries.access_provider(member, provider_id)
        form = serializers.ProviderKeyChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.edit_provider(member=member, provider=row, wanted=_wanted(row, **form.validated_data))
        return self.get(request, provider_id)

    @extend_schema(summary="Forget a provider’s key", responses={204: None})
    def delete(self, request: Request, provider_id: UUID) -> Response:
        """For servers that need none: OpenAI does."""
        member = member_of(request)
        row = queries.access_provider(member, provider_id)
        services.edit_provider(member=member, provider=row, wanted=_wanted(row, drops_key=True))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProviderSwitch(APIView):
    required_permissions = {"GET": MANAGES, "PUT": MANAGES}

    @extend_schema(summary="Read a provider’s switch", responses=serializers.ProviderSwitchSerializer)
    def get(self, request: Request, provider_id: UUID) -> Response:
        return Response({"is_on": queries.access_provider(member_of(request), provider_id).is_on})

    @extend_schema(
        summary="Switch a provider",
        request=serializers.ProviderSwitchSerializer,
        responses=serializers.ProviderSwitchSerializer,
    )
    def put(self, request: Request, provider_id: UUID) -> Response:
        """From the next question on."""
        member = member_of(request)
        row = queries.access_provider(member, provider_id)
        form = serializers.ProviderSwitchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.switch_provider(member=member, provider=row, **form.validated_data)
        return Response(form.validated_data)


class ProviderTest(APIView):
    required_permissions = {"POST": MANAGES}

    @extend_schema(summary="Test a provider", request=None, responses=serializers.ProviderTestSerializer)
    def post(self, request: Request, provider_id: UUID) -> Response:
        """Asks its server for the list of its models and keeps that; a failure changes no model. No model runs."""
        member = member_of(request)
        row = queries.access_provider(member, provider_id)
        pacing.count(request._request, member.workspace_id)
        found = services.test_provider(member=member, provider=row)
        body = {
            "code": found.code,
            "detail": listing.SENTENCES[found.code],
            "models": len(found.models),
            "left_out": found.left_out,
            "provider": _body(member, provider_id),
        }
        return Response(body)


class ProviderModels(ListAPIView):
    serializer_class = serializers.ProviderModelSerializer
    pagination_class = pagination.ByName
    required_permissions = {"GET": MANAGES, "PATCH": MANAGES}

    @extend_schema(
        operation_id="providers_models_list",
        summary="List the models of a provider",
        responses=serializers.ProviderModelSerializer(many=True),
    )
    def get(self, request: Request, provider_id: UUID) -> Response:
        """By name, those that its server lists no more among them."""
        provider = queries.access_provider(member_of(request), provider_id)
        page: list[Any] = self.paginate_queryset(queries.list_models(provider)) or []
        context = {"provider": provider, "rates": presenters.rates_of(provider, page)}
        rows = serializers.ProviderModelSerializer(page, many=True, context=context)
        return self.get_paginated_response(rows.data)

    @extend_schema(summary="Choose models", request=serializers.ModelsChosenSerializer, responses={204: None})
    def patch(self, request: Request, provider_id: UUID) -> Response:
        """Which may be used, and which see pictures. It holds from the next question on."""
        member = member_of(request)
        row = queries.access_provider(member, provider_id)
        form = serializers.ModelsChosenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data["models"]
        services.choose_models(
            member=member,
            provider=row,
            shown={each["id"] for each in said},
            chosen={each["id"] for each in said if each["is_chosen"]},
            seeing={each["id"] for each in said if each["has_vision"]},
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class ModelList(APIView):
    serializer_class = serializers.ModelChoiceSerializer
    required_permissions = {"GET": Permission.ASSISTANTS_MANAGE}

    @extend_schema(
        operation_id="models_list",
        summary="List models for assistants",
        responses=pagination.page_of(serializers.ModelChoiceSerializer),
    )
    def get(self, request: Request) -> Response:
        """The platform's, then those of own providers, each with why it cannot be chosen now."""
        rows = serializers.ModelChoiceSerializer(catalogue.list_choices(member_of(request)), many=True)
        return Response(pagination.page(request, rows.data))

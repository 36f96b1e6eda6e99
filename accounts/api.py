from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries, serializers, services
from accounts.keys import queries as keys
from accounts.keys import services as key_services
from accounts.models import ApiKey
from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from config.sparse import APIView, ListAPIView


@extend_schema_view(get=extend_schema(parameters=[serializers.ApiKeyFilterSerializer]))
class ApiKeyList(ListAPIView):
    """The caller's API keys in this workspace."""

    serializer_class = serializers.ApiKeySerializer
    required_permissions = {"GET": Permission.KEYS_MANAGE, "POST": Permission.KEYS_MANAGE}

    def get_queryset(self) -> QuerySet[ApiKey]:
        form = serializers.ApiKeyFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        found = form.validated_data
        wanted = keys.Wanted(state=found["state"], text=found["q"], scope=found["scope"])
        return keys.list_keys(member_of(self.request), wanted, now=timezone.now())

    @extend_schema(
        request=serializers.ApiKeyCreateSerializer, responses={201: serializers.ApiKeyCreatedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Makes a key. Its text is in this answer and nowhere else."""
        form = serializers.ApiKeyCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = dict(form.validated_data)
        allowed, limits = wanted.pop("addresses"), wanted["limits"]
        key, text = services.create_api_key(member=member_of(request), allowed=allowed, **wanted)
        body = {**serializers.ApiKeySerializer(key).data, "key": text, "limits": limits}
        return Response(body, status=status.HTTP_201_CREATED)


@open_while_read_only
class ApiKeyDetail(APIView):
    required_permissions = {
        "GET": Permission.KEYS_MANAGE,
        "PATCH": Permission.KEYS_MANAGE,
        "DELETE": Permission.KEYS_MANAGE,
    }

    @extend_schema(responses=serializers.ApiKeySerializer)
    def get(self, request: Request, key_id: UUID) -> Response:
        """One of the caller's keys, revoked ones too."""
        key = queries.get_api_key(member_of(request), key_id)
        return Response(serializers.ApiKeySerializer(key).data)

    @extend_schema(request=serializers.ApiKeyChangeSerializer, responses=serializers.ApiKeySerializer)
    def patch(self, request: Request, key_id: UUID) -> Response:
        """Renames a key, or changes from where and until when it works."""
        form = serializers.ApiKeyChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = dict(form.validated_data)
        if "addresses" in wanted:
            wanted["allowed"] = wanted.pop("addresses")
        key = key_services.change(member=member_of(request), key_id=key_id, **wanted)
        return Response(serializers.ApiKeySerializer(key).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key_id: UUID) -> Response:
        """Revokes a key; streams that it opened end within a second."""
        services.revoke_api_key(member=member_of(request), key_id=key_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


@open_while_read_only
class ApiKeyRotate(APIView):
    required_permissions = {"POST": Permission.KEYS_MANAGE}

    @extend_schema(request=serializers.ApiKeyRotateSerializer, responses=serializers.ApiKeySecretSerializer)
    def post(self, request: Request, key_id: UUID) -> Response:
        """Gives a key a new secret, which is in this answer and nowhere else; the former one works on for a while."""
        form = serializers.ApiKeyRotateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        key, text = key_services.rotate(member=member_of(request), key_id=key_id, **form.validated_data)
        return Response({**serializers.ApiKeySerializer(key).data, "key": text})


@open_while_read_only
class ApiKeyRevoke(APIView):
    required_permissions = {"POST": Permission.KEYS_MANAGE}

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, key_id: UUID) -> Response:
        """The same as DELETE on the key."""
        services.revoke_api_key(member=member_of(request), key_id=key_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

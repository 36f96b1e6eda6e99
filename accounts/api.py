from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import queries, serializers, services
from accounts.models import ApiKey
from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from config.sparse import APIView, ListAPIView


class ApiKeyList(ListAPIView):
    """The caller's API keys in this workspace."""

    serializer_class = serializers.ApiKeySerializer
    required_permissions = {"GET": Permission.KEYS_MANAGE, "POST": Permission.KEYS_MANAGE}

    def get_queryset(self) -> QuerySet[ApiKey]:
        return queries.list_api_keys(member_of(self.request))

    @extend_schema(
        request=serializers.ApiKeyCreateSerializer, responses={201: serializers.ApiKeyCreatedSerializer}
    )
    def post(self, request: Request) -> Response:
        """Makes a key. Its text is in this answer and nowhere else."""
        form = serializers.ApiKeyCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        key, text = services.create_api_key(member=member_of(request), **form.validated_data)
        limits = form.validated_data["limits"]
        body = {**serializers.ApiKeySerializer(key).data, "key": text, "limits": limits}
        return Response(body, status=status.HTTP_201_CREATED)


@open_while_read_only
class ApiKeyDetail(APIView):
    required_permissions = {"DELETE": Permission.KEYS_MANAGE}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key_id: UUID) -> Response:
        """Revokes a key; streams that it opened end within a second."""
        services.revoke_api_key(member=member_of(request), key_id=key_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

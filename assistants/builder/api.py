"""Assistants and their versions over REST."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.requests import member_of
from assistants.builder import queries, serializers, services, versions
from assistants.models import Assistant, AssistantVersion
from config.pagination import CursorPagination
from config.sparse import APIView, ListAPIView

MANAGE = Permission.ASSISTANTS_MANAGE


class ByNumber(CursorPagination):
    ordering = ("-number", "-id")


def _body(row: Assistant) -> dict[str, Any]:
    return dict(serializers.AssistantDetailSerializer(row).data)


class AssistantList(ListAPIView):
    serializer_class = serializers.AssistantSerializer
    required_permissions = {"GET": Permission.VIEW, "POST": MANAGE}

    def get_queryset(self) -> QuerySet[Assistant]:
        form = serializers.AssistantFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        wanted = queries.list_archived if form.validated_data["archived"] else queries.list_assistants
        return wanted(member_of(self.request))

    @extend_schema(parameters=[serializers.AssistantFilterSerializer])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Those that the caller may use."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        request=serializers.AssistantCreateSerializer, responses={201: serializers.AssistantDetailSerializer}
    )
    def post(self, request: Request) -> Response:
        """Makes an assistant; what is not said is as its template has it, or has its default."""
        member = member_of(request)
        form = serializers.AssistantCreateSerializer(data=request.data, context={"member": member})
        form.is_valid(raise_exception=True)
        made = services.create_assistant(member=member, **form.validated_data)
        return Response(_body(made), status=status.HTTP_201_CREATED)


class AssistantDetail(APIView):
    required_permissions = {"GET": MANAGE, "PATCH": MANAGE, "DELETE": MANAGE}

    @extend_schema(responses=serializers.AssistantDetailSerializer)
    def get(self, request: Request, assistant_id: UUID) -> Response:
        return Response(_body(queries.access_any(member_of(request), assistant_id)))

    @extend_schema(
        request=serializers.AssistantWriteSerializer(partial=True),
        responses=serializers.AssistantDetailSerializer,
    )
    def patch(self, request: Request, assistant_id: UUID) -> Response:
        """Saves a version. While another is pinned, what is answered here stays that one."""
        member = member_of(request)
        row = queries.access_any(member, assistant_id)
        context = {"member": member, "present": versions.models_of(row)}
        form = serializers.AssistantWriteSerializer(data=request.data, partial=True, context=context)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        base = changes.pop("base", None)
        services.edit_assistant(member=member, assistant=row, changes=changes, base=base)
        return Response(_body(queries.access_any(member, assistant_id)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, assistant_id: UUID) -> Response:
        """Archives it: nobody can ask it any more, and nothing that was said is lost."""
        member = member_of(request)
        services.archive_assistant(member=member, assistant=queries.access_any(member, assistant_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AssistantUnarchive(APIView):
    required_permissions = {"POST": MANAGE}

    @extend_schema(request=None, responses=serializers.AssistantDetailSerializer)
    def post(self, request: Request, assistant_id: UUID) -> Response:
        member = member_of(request)
        services.unarchive_assistant(member=member, assistant=queries.access_any(member, assistant_id))
        return Response(_body(queries.access_any(member, assistant_id)))


class AssistantDuplicate(APIView):
    required_permissions = {"POST": MANAGE}

    @extend_schema(request=None, responses={201: serializers.AssistantDetailSerializer})
    def post(self, request: Request, assistant_id: UUID) -> Response:
        """A copy of what is in use, for the caller alone until it is shared."""
        member = member_of(request)
        copy = services.duplicate_assistant(member=member, assistant=queries.access_any(member, assistant_id))
        return Response(_body(copy), status=status.HTTP_201_CREATED)


class AssistantVersions(ListAPIView):
    """Every save, the last first."""

    serializer_class = serializers.AssistantVersionSerializer
    pagination_class = ByNumber
    required_permissions = {"GET": MANAGE}

    def get_queryset(self) -> QuerySet[AssistantVersion]:
        if getattr(self, "swagger_fake_view", False):
            return queries.no_versions()
        return queries.list_versions(queries.access_any(member_of(self.request), self.kwargs["assistant_id"]))


class AssistantRestore(APIView):
    required_permissions = {"POST": MANAGE}

    @extend_schema(request=None, responses={201: serializers.AssistantVersionSerializer})
    def post(self, request: Request, assistant_id: UUID, version_id: UUID) -> Response:
        """Saves what that version held as a new one; who may use the assistant stays as it is."""
        member = member_of(request)
        row = queries.access_any(member, assistant_id)
        number = queries.access_version_of(row, version_id).number
        made = services.restore_version(member=member, assistant=row, number=number)
        return Response(serializers.AssistantVersionSerializer(made).data, status=status.HTTP_201_CREATED)


class AssistantPin(APIView):
    required_permissions = {"POST": MANAGE}

    @extend_schema(request=None, responses=serializers.AssistantDetailSerializer)
    def post(self, request: Request, assistant_id: UUID, version_id: UUID) -> Response:
        """Puts that version into use, whatever is saved later."""
        member = member_of(request)
        row = queries.access_any(member, assistant_id)
        number = queries.access_version_of(row, version_id).number
        services.pin_version(member=member, assistant=row, number=number)
        return Response(_body(queries.access_any(member, assistant_id)))


class AssistantUnpin(APIView):
    required_permissions = {"DELETE": MANAGE}

    @extend_schema(responses={204: None})
    def delete(self, request: Request, assistant_id: UUID) -> Response:
        """The last version that was saved is in use again."""
        member = member_of(request)
        services.unpin_version(member=member, assistant=queries.access_any(member, assistant_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

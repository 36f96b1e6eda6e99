"""Projects over REST. Their files and conversations: `project` narrows those lists."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission, open_while_read_only
from accounts.requests import member_of
from assistants.models import Project
from assistants.projects import queries, serializers, services
from config import pagination
from config.sparse import APIView, ListAPIView


def _body(member: Member, project_id: UUID) -> dict[str, Any]:
    row = queries.access_counted(member, project_id)
    return dict(serializers.ProjectSerializer(row, context={"member": member}).data)


class ProjectList(ListAPIView):
    serializer_class = serializers.ProjectSerializer
    pagination_class = pagination.ByName
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT}

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "member": member_of(self.request)}

    def get_queryset(self) -> QuerySet[Project]:
        form = serializers.ProjectFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        rows, archived = queries.counted(member_of(self.request)), form.validated_data["archived"]
        return rows if archived is None else rows.filter(archived_at__isnull=not archived)

    @extend_schema(summary="List projects", parameters=[serializers.ProjectFilterSerializer])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One's own and those that one is in, by name."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Create a project",
        request=serializers.ProjectWriteSerializer,
        responses={201: serializers.ProjectSerializer},
    )
    def post(self, request: Request) -> Response:
        """Its owner manages it; its members see everything in it."""
        member = member_of(request)
        form = serializers.ProjectWriteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.create(member=member, **form.validated_data)
        return Response(_body(member, made.id), status=status.HTTP_201_CREATED)


class ProjectDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "PATCH": Permission.CHAT, "DELETE": Permission.CHAT}

    @extend_schema(summary="Read a project", responses=serializers.ProjectSerializer)
    def get(self, request: Request, project_id: UUID) -> Response:
        """With its instructions."""
        return Response(_body(member_of(request), project_id))

    @extend_schema(
        summary="Change a project",
        request=serializers.ProjectChangeSerializer(partial=True),
        responses=serializers.ProjectSerializer,
    )
    def patch(self, request: Request, project_id: UUID) -> Response:
        """Only by its owner. `is_archived` false takes it out of the archive."""
        member = member_of(request)
        row = queries.access_project(member, project_id)
        form = serializers.ProjectChangeSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changes = dict(form.validated_data)
        services.change(
            member=member, project=row, is_archived=changes.pop("is_archived", None), changes=changes
        )
        return Response(_body(member, row.id))

    @extend_schema(summary="Archive a project", responses={204: None})
    def delete(self, request: Request, project_id: UUID) -> Response:
        """It is in no list and takes nothing new; what is in it stays."""
        member = member_of(request)
        row = queries.access_project(member, project_id)
        services.set_archived(member=member, project=row, is_archived=True)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProjectPeople(APIView):
    serializer_class = serializers.ProjectPersonSerializer
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT}

    @extend_schema(
        operation_id="projects_members_list",
        summary="List members of a project",
        responses=serializers.ProjectPeopleSerializer,
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """All of them, its owner first."""
        member = member_of(request)
        rows = queries.list_people(member, queries.access_project(member, project_id))
        return Response(pagination.page(request, [asdict(row) for row in rows]))

    @extend_schema(
        summary="Add a member to a project",
        request=serializers.AddPersonSerializer,
        responses={204: None},
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """Only by its owner. Nothing happens for who is in it."""
        member = member_of(request)
        row = queries.access_project(member, project_id)
        form = serializers.AddPersonSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.add_member(member=member, project=row, user_id=form.validated_data["person"])
        return Response(status=status.HTTP_204_NO_CONTENT)


@open_while_read_only
class ProjectPerson(APIView):
    required_permissions = {"DELETE": Permission.VIEW}

    @extend_schema(summary="Remove a member from a project", responses={204: None})
    def delete(self, request: Request, project_id: UUID, user_id: UUID) -> Response:
        """By its owner, or oneself. What they started in it stays theirs, and stays in it."""
        member = member_of(request)
        row = queries.access_project(member, project_id)
        services.remove_member(member=member, project=row, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

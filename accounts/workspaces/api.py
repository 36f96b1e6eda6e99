"""`/api/v1/workspaces`: those of a person, and the one that a request is in.

The list belongs to the person: a session needs no `X-Workspace` for it, and sees all of theirs. A key names its
workspace and sees that one.
"""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.requests import member_of, person_of
from accounts.workspaces import queries, serializers, services
from config import errors
from config.parsers import uploaded
from config.sparse import APIView, ListAPIView
from tenants import pictures, slugs
from tenants.models import Workspace
from tenants.settings import services as settings_services

CURRENT = "current"
AS_PICTURE = {(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, "Within 480 × 160 pixels")}


class NeedsPerson(errors.Forbidden):
    code = "needs_person"
    message = "A workspace is made by a person outside of any other: sign in, and send no X-Workspace."


class WorkspaceList(ListAPIView):
    """The workspaces that you are in; with an API key the one that it is for."""

    serializer_class = serializers.WorkspaceSerializer
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.VIEW}
    open_to_persons = frozenset({"GET", "POST"})

    def get_queryset(self) -> QuerySet[Workspace]:
        found = queries.list_of_person(person_of(self.request).id)
        member = member_of(self.request)
        return found if member is None or member.api_key_id is None else found.filter(id=member.workspace_id)

    @extend_schema(
        request=serializers.WorkspaceCreateSerializer, responses={201: serializers.WorkspaceSerializer}
    )
    def post(self, request: Request) -> Response:
        """Makes a workspace that you own."""
        if member_of(request) is not None:
            raise NeedsPerson()
        form = serializers.WorkspaceCreateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        made = services.make_workspace(
            owner=person_of(request), name=data["name"], slug=data["slug"], timezone_name=data["timezone"]
        )
        return Response(_body(request, made), status=status.HTTP_201_CREATED)


class WorkspaceDetail(APIView):
    """The workspace of the request: by its id or as `current`. Others are not found."""

    required_permissions = {"GET": Permission.VIEW, "PATCH": Permission.WORKSPACE_MANAGE}

    @extend_schema(responses=serializers.WorkspaceSerializer)
    def get(self, request: Request, workspace_id: str) -> Response:
        _refuse_others(request, workspace_id)
        return Response(_body(request))

    @extend_schema(request=serializers.WorkspaceChangeSerializer, responses=serializers.WorkspaceSerializer)
    def patch(self, request: Request, workspace_id: str) -> Response:
        """All of it or nothing."""
        _refuse_others(request, workspace_id)
        form = serializers.WorkspaceChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        member, wanted = member_of(request), dict(form.validated_data)
        slug = wanted.pop("slug", None)
        with transaction.atomic():
            if slug is not None:
                slugs.change_slug(workspace_id=member.workspace_id, slug=slug, actor=member.actor)
            settings_services.change_settings(
                workspace_id=member.workspace_id, wanted=wanted, actor=member.actor
            )
        return Response(_body(request))


class WorkspaceLogo(APIView):
    """Whoever knows `logo_url` of the workspace sees it: mails and the sign-in page show it."""

    parser_classes = [MultiPartParser]
    required_permissions = {
        "GET": Permission.VIEW,
        "PUT": Permission.WORKSPACE_MANAGE,
        "DELETE": Permission.WORKSPACE_MANAGE,
    }

    @extend_schema(summary="Read the workspace’s logo", responses=AS_PICTURE)
    def get(self, request: Request, workspace_id: str) -> HttpResponse:
        """404 where it has none."""
        _refuse_others(request, workspace_id)
        return pictures.respond(_shown(request).logo)

    @extend_schema(
        summary="Give the workspace a logo",
        request={"multipart/form-data": serializers.LogoSerializer},
        responses=serializers.WorkspaceSerializer,
    )
    def put(self, request: Request, workspace_id: str) -> Response:
        """PNG, JPEG or WebP of up to 2 MB, on pages and in mails."""
        _refuse_others(request, workspace_id)
        member = member_of(request)
        settings_services.set_logo(
            workspace_id=member.workspace_id, upload=uploaded(request), actor=member.actor
        )
        return Response(_body(request))

    @extend_schema(summary="Remove the workspace’s logo", responses={204: None})
    def delete(self, request: Request, workspace_id: str) -> Response:
        _refuse_others(request, workspace_id)
        member = member_of(request)
        settings_services.remove_logo(workspace_id=member.workspace_id, actor=member.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _refuse_others(request: Request, workspace_id: str) -> None:
    # SECURITY: the request is inside its own workspace; no address leads into another.
    if workspace_id not in (CURRENT, str(member_of(request).workspace_id)):
        raise errors.NotFound()


def _body(request: Request, workspace: Workspace | None = None) -> dict[str, Any]:
    return dict(serializers.WorkspaceSerializer(_shown(request, workspace)).data)


def _shown(request: Request, workspace: Workspace | None = None) -> Workspace:
    wanted = workspace.id if workspace else member_of(request).workspace_id
    return queries.get_of_person(person_of(request).id, wanted)

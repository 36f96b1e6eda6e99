"""An assistant’s picture, thumbs and tests over REST; templates, and what a version changed."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Member, Permission
from accounts.requests import member_of
from assistants.builder import content, queries, serializers, services, templates, trials, versions
from assistants.builder.content import Content
from assistants.chat.serializers import UploadSerializer
from assistants.models import Assistant, Run
from config import errors, pagination
from config.parsers import uploaded
from config.sparse import APIView
from tenants import pictures

MANAGE = Permission.ASSISTANTS_MANAGE
AS_PICTURE = {(200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, "A square of 256 pixels")}
NAMELESS = "Draft"


class AssistantAvatar(APIView):
    parser_classes = [MultiPartParser]
    required_permissions = {"GET": Permission.VIEW, "PUT": MANAGE, "DELETE": MANAGE}

    @extend_schema(summary="Read an assistant’s picture", responses=AS_PICTURE)
    def get(self, request: Request, assistant_id: UUID) -> HttpResponse:
        """404 where it has none."""
        return pictures.respond(queries.access_any(member_of(request), assistant_id).avatar)

    @extend_schema(
        summary="Give an assistant a picture",
        request={"multipart/form-data": UploadSerializer},
        responses=serializers.AssistantDetailSerializer,
    )
    def put(self, request: Request, assistant_id: UUID) -> Response:
        """PNG, JPEG or WebP of up to 2 MB; its middle is kept."""
        member = member_of(request)
        row = queries.access_any(member, assistant_id)
        services.set_avatar(member=member, assistant=row, upload=uploaded(request))
        saved = queries.access_any(member, assistant_id)
        return Response(serializers.AssistantDetailSerializer(saved).data)

    @extend_schema(summary="Remove an assistant’s picture", responses={204: None})
    def delete(self, request: Request, assistant_id: UUID) -> Response:
        member = member_of(request)
        services.remove_avatar(member=member, assistant=queries.access_any(member, assistant_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AssistantVersionDetail(APIView):
    required_permissions = {"GET": MANAGE}

    @extend_schema(
        summary="Read and compare a version",
        parameters=[serializers.VersionQuerySerializer],
        responses=serializers.AssistantVersionDetailSerializer,
    )
    def get(self, request: Request, assistant_id: UUID, version_id: UUID) -> Response:
        """With the names of what changed since another one."""
        form = serializers.VersionQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        row = queries.access_any(member_of(request), assistant_id)
        version = queries.access_version_of(row, version_id)
        other = queries.access_version(row, form.validated_data.get("against", max(version.number - 1, 1)))
        changed = content.differences(other.snapshot, version.snapshot)
        version.changed = changed  # type: ignore[attr-defined]  # told only here
        return Response(serializers.AssistantVersionDetailSerializer(version).data)


class AssistantFeedback(APIView):
    required_permissions = {"GET": MANAGE}

    @extend_schema(summary="Count thumbs", responses=serializers.TallySerializer)
    def get(self, request: Request, assistant_id: UUID) -> Response:
        """What people thought of its answers, as figures only."""
        found = queries.tally_of(queries.access_any(member_of(request), assistant_id))
        return Response(serializers.TallySerializer(found).data)


class TemplateList(APIView):
    serializer_class = serializers.TemplateSerializer
    required_permissions = {"GET": MANAGE}

    @extend_schema(
        operation_id="assistant_templates_list",
        summary="List templates",
        responses=pagination.page_of(serializers.TemplateSerializer),
    )
    def get(self, request: Request) -> Response:
        """Assistants to begin with: `POST /assistants` takes one by its key."""
        rows = serializers.TemplateSerializer(templates.all_templates(), many=True)
        return Response(pagination.page(request, rows.data))


class TrialList(APIView):
    required_permissions = {"POST": MANAGE}

    @extend_schema(
        summary="Test a draft",
        request=serializers.AssistantTrialSerializer,
        responses={201: serializers.AssistantTrialStartedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Asks what is not saved yet. The answer is metered like every other, and in no conversation."""
        member = member_of(request)
        form = serializers.AssistantTrialSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        row = queries.access_assistant(member, said["assistant"]) if said["assistant"] else None
        run = trials.start_trial(
            member=member,
            assistant=row,
            draft=_draft(row, said.get("draft", {})),
            question=said["question"],
            earlier=_earlier(member, said["earlier"]),
        )
        body = {"run": run.id, "events_url": reverse("api:run-events", args=[run.id])}
        return Response(body, status=status.HTTP_201_CREATED)


def _draft(row: Assistant | None, said: dict[str, Any]) -> Content:
    """On top of what was saved last."""
    if row is None:
        return Content(**{"name": NAMELESS, **said})
    saved = content.of_snapshot(versions.latest(row).snapshot)
    return replace(saved, **said)


def _earlier(member: Member, ids: list[UUID]) -> list[Run]:
    """Raises NotFound."""
    found = queries.list_trials(member, ids)
    if len(found) < len(set(ids)):
        raise errors.NotFound("A turn of the test is not there any more.")
    return found

"""Links to conversations, exports and imports over REST."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from assistants.chat.serializers import UploadSerializer
from assistants.library import exporting, queries, serializers, sharing
from assistants.library.importing import services as importing
from assistants.models import ConversationImport, ShareLink
from config.parsers import uploaded
from config.sparse import APIView, ListAPIView
from tenants.scope import current_workspace


class ShareLinkList(ListAPIView):
    serializer_class = serializers.ShareLinkSerializer
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[ShareLink]:
        return sharing.links_of(member_of(self.request))

    @extend_schema(summary="List all links", operation_id="share_links_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Of all conversations, the caller's own, newest first."""
        return self.list(request, *args, **kwargs)


class ConversationShareLinks(ListAPIView):
    serializer_class = serializers.ShareLinkSerializer
    required_permissions = {"GET": Permission.CHAT, "POST": Permission.CHAT}

    def get_queryset(self) -> QuerySet[ShareLink]:
        member = member_of(self.request)
        return sharing.links_of(member, queries.access_own(member, self.kwargs["conversation_id"]))

    @extend_schema(summary="List links to a conversation", operation_id="conversations_share_links_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first, those that are over among them."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Share a conversation",
        request=serializers.ShareSerializer,
        responses={201: serializers.NewShareLinkSerializer},
    )
    def post(self, request: Request, conversation_id: UUID) -> Response:
        """A link to a read-only copy of the shown branch as it is now. Its address is shown this once."""
        member = member_of(request)
        row = queries.access_own(member, conversation_id)
        form = serializers.ShareSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        link, token = sharing.share(member=member, conversation=row, days=form.validated_data["days"])
        link.url = sharing.address_of(token)  # type: ignore[attr-defined]  # told only here
        return Response(serializers.NewShareLinkSerializer(link).data, status=status.HTTP_201_CREATED)


@open_while_read_only
class ShareLinkDetail(APIView):
    required_permissions = {"DELETE": Permission.VIEW}

    @extend_schema(summary="Revoke a link", responses={204: None})
    def delete(self, request: Request, link_id: UUID) -> Response:
        """It leads nowhere from now on, and its copy is emptied."""
        member = member_of(request)
        sharing.revoke(member=member, link=sharing.access_link(member, link_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ConversationExport(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        summary="Export a conversation",
        parameters=[serializers.ExportQuerySerializer],
        responses={
            (200, "text/markdown"): OpenApiResponse(OpenApiTypes.STR, "The shown branch"),
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, "The shown branch"),
            (200, "application/json"): OpenApiResponse(OpenApiTypes.OBJECT, "All branches"),
        },
    )
    def get(self, request: Request, conversation_id: UUID) -> HttpResponse:
        """As a file."""
        row = queries.access_visible(member_of(request), conversation_id)
        form = serializers.ExportQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        made = exporting.export(row, form.validated_data["kind"], current_workspace())
        return exporting.as_response(made)


class ImportList(ListAPIView):
    serializer_class = serializers.ImportSerializer
    parser_classes = [MultiPartParser]
    required_permissions = {"GET": Permission.CHAT, "POST": Permission.CHAT}

    def get_queryset(self) -> QuerySet[ConversationImport]:
        return importing.imports_of(member_of(self.request))

    @extend_schema(summary="List imports")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's own, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Import conversations",
        request={"multipart/form-data": UploadSerializer},
        responses={201: serializers.ImportSerializer},
    )
    def post(self, request: Request) -> Response:
        """An export of ChatGPT or Claude. A worker reads it; its state tells how far."""
        row = importing.start(member=member_of(request), upload=uploaded(request))
        return Response(serializers.ImportSerializer(row).data, status=status.HTTP_201_CREATED)


class ImportDetail(APIView):
    required_permissions = {"GET": Permission.CHAT}

    @extend_schema(summary="Read an import’s state", responses=serializers.ImportSerializer)
    def get(self, request: Request, import_id: UUID) -> Response:
        row = importing.access_import(member_of(request), import_id)
        return Response(serializers.ImportSerializer(row).data)


class ImportWake(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(
        summary="Go on with a stalled import", request=None, responses=serializers.ImportSerializer
    )
    def post(self, request: Request, import_id: UUID) -> Response:
        """Wakes one that nothing came of for a while; any other stays as it is."""
        row = importing.access_import(member_of(request), import_id)
        importing.wake_stale(row, now=timezone.now())
        return Response(serializers.ImportSerializer(row).data)

"""Files for questions over REST: uploaded first, then named by their ids when the question is sent."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.requests import member_of
from assistants.chat import attaching, pictures, serializers
from assistants.models import Attachment
from config.parsers import uploaded
from config.sparse import APIView, ListAPIView


class AttachmentList(ListAPIView):
    serializer_class = serializers.AttachmentSerializer
    parser_classes = [MultiPartParser]
    required_permissions = {"GET": Permission.CHAT, "POST": Permission.CHAT}

    def get_queryset(self) -> QuerySet[Attachment]:
        return attaching.unsent_of(member_of(self.request)).select_related("document")

    @extend_schema(summary="List files that were not sent yet")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The caller's own. What is not sent within a day is erased."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Upload a file for a question",
        request={"multipart/form-data": serializers.UploadSerializer},
        responses={201: serializers.AttachmentSerializer},
    )
    def post(self, request: Request) -> Response:
        """A picture for models that see, or a document, which is read first (`state`)."""
        row = attaching.upload(member=member_of(request), file=uploaded(request))
        return Response(serializers.AttachmentSerializer(row).data, status=status.HTTP_201_CREATED)


class AttachmentDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "DELETE": Permission.CHAT}

    @extend_schema(summary="Read a file’s state", responses=serializers.AttachmentSerializer)
    def get(self, request: Request, attachment_id: UUID) -> Response:
        """An unsent one of the caller, or one of a conversation that the caller sees."""
        row = attaching.access(member_of(request), attachment_id)
        return Response(serializers.AttachmentSerializer(row).data)

    @extend_schema(summary="Delete an unsent file", responses={204: None})
    @open_while_read_only
    def delete(self, request: Request, attachment_id: UUID) -> Response:
        member = member_of(request)
        attaching.remove(member=member, attachment=attaching.access_unsent(member, attachment_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AttachmentContent(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        summary="Download a picture",
        responses={(200, "image/*"): OpenApiResponse(OpenApiTypes.BINARY, "PNG or JPEG")},
    )
    def get(self, request: Request, attachment_id: UUID) -> HttpResponseBase:
        """Documents are under /documents."""
        return pictures.response(attaching.access(member_of(request), attachment_id))

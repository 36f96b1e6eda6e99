"""Documents over REST: taken in, read, searched, replaced, shared, deleted."""

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

from accounts.permissions import Member, Permission, open_while_read_only
from accounts.requests import member_of
from assistants.chat.serializers import UploadSerializer
from assistants.documents import downloads, queries, serializers, services
from assistants.models import Document, DocumentChunk
from config import pagination
from config.parsers import JSONParser, uploaded
from config.sparse import APIView, ListAPIView

AS_FILE = {(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "As it was uploaded")}


def body(member: Member, row: Document) -> dict[str, Any]:
    return dict(serializers.DocumentSerializer(row, context={"member": member}).data)


class ByNumber(pagination.CursorPagination):
    ordering = ("number", "id")


class DocumentList(ListAPIView):
    serializer_class = serializers.DocumentSerializer
    parser_classes = [MultiPartParser]
    required_permissions = {"GET": Permission.VIEW, "POST": Permission.CHAT}

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "member": member_of(self.request)}

    def get_queryset(self) -> QuerySet[Document]:
        form = serializers.DocumentFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        return queries.list_wanted(
            member_of(self.request),
            place=said.get("place", ""),
            project_id=said.get("project"),
            state=said.get("state", ""),
            name=said.get("name", ""),
        )

    @extend_schema(summary="List documents", parameters=[serializers.DocumentFilterSerializer])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One's own, those shared with everyone, and those of one's projects, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        summary="Upload a document",
        request={"multipart/form-data": serializers.DocumentUploadSerializer},
        responses={201: serializers.DocumentSerializer},
    )
    def post(self, request: Request) -> Response:
        """A worker reads it afterwards (`state`). One of the same name in the same place takes the former one's
        place."""
        member, file = member_of(request), uploaded(request)
        data: Any = request.data
        form = serializers.DocumentUploadSerializer(data={**dict(data.items()), "file": file})
        form.is_valid(raise_exception=True)
        project = form.validated_data.get("project")
        row = services.upload(
            member=member,
            file=file,
            project=queries.access_project(member, project) if project else None,
            is_shared=form.validated_data["is_shared"],
        )
        return Response(body(member, row), status=status.HTTP_201_CREATED)


class DocumentDetail(APIView):
    required_permissions = {"GET": Permission.VIEW, "PATCH": Permission.CHAT, "DELETE": Permission.CHAT}

    @extend_schema(summary="Read a document’s state", responses=serializers.DocumentSerializer)
    def get(self, request: Request, document_id: UUID) -> Response:
        """Also one that an answer may cite: given with a question, or known to an assistant."""
        member = member_of(request)
        return Response(body(member, queries.access_document(member, document_id)))

    @extend_schema(
        summary="Share a document",
        request=serializers.DocumentChangeSerializer,
        responses=serializers.DocumentSerializer,
    )
    def patch(self, request: Request, document_id: UUID) -> Response:
        """With everyone in the workspace, or with nobody any more."""
        member = member_of(request)
        row = queries.access_changeable(member, document_id)
        form = serializers.DocumentChangeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        services.share(member=member, document=row, is_shared=form.validated_data["is_shared"])
        row.is_shared = form.validated_data["is_shared"]
        return Response(body(member, row))

    @extend_schema(summary="Delete a document", responses={204: None})
    @open_while_read_only
    def delete(self, request: Request, document_id: UUID) -> Response:
        """With its passages and its file. Nobody can take that back."""
        member = member_of(request)
        services.delete(member=member, document=queries.access_changeable(member, document_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class DocumentFile(APIView):
    parser_classes = [MultiPartParser]
    required_permissions = {"GET": Permission.VIEW, "PUT": Permission.CHAT}

    @extend_schema(summary="Download a document", responses=AS_FILE)
    def get(self, request: Request, document_id: UUID) -> HttpResponseBase:
        return downloads.response(queries.access_document(member_of(request), document_id))

    @extend_schema(
        summary="Replace a document",
        request={"multipart/form-data": UploadSerializer},
        responses=serializers.DocumentSerializer,
    )
    def put(self, request: Request, document_id: UUID) -> Response:
        """Its passages stay until the new ones are read."""
        member = member_of(request)
        row = queries.access_changeable(member, document_id)
        made = services.replace(member=member, document=row, file=uploaded(request))
        return Response(body(member, made))


class DocumentRead(APIView):
    required_permissions = {"POST": Permission.CHAT}

    @extend_schema(summary="Read a document again", request=None, responses=serializers.DocumentSerializer)
    def post(self, request: Request, document_id: UUID) -> Response:
        """After it failed; any other stays as it is."""
        member = member_of(request)
        row = queries.access_changeable(member, document_id)
        services.retry(member=member, document=row)
        return Response(body(member, queries.access_document(member, row.id)))


class PassageList(ListAPIView):
    serializer_class = serializers.PassageSerializer
    pagination_class = ByNumber
    required_permissions = {"GET": Permission.VIEW}

    def get_queryset(self) -> QuerySet[DocumentChunk]:
        row = queries.access_document(member_of(self.request), self.kwargs["document_id"])
        return queries.list_passages(row)

    @extend_schema(summary="List passages of a document")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """In the order of its text."""
        return self.list(request, *args, **kwargs)


class PassageDetail(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(summary="Read a passage", responses=serializers.PassageSerializer)
    def get(self, request: Request, document_id: UUID, passage_id: UUID) -> Response:
        """Where citations lead. 404 `passage_gone`: the document was uploaded anew since."""
        row = queries.access_document(member_of(request), document_id)
        return Response(serializers.PassageSerializer(queries.access_passage(row, passage_id)).data)


class PassageSearch(APIView):
    serializer_class = serializers.FoundPassageSerializer
    parser_classes = [JSONParser]
    required_permissions = {"GET": Permission.CHAT}

    @extend_schema(
        operation_id="passages_search",
        summary="Search documents",
        parameters=[serializers.SearchSerializer],
        responses=serializers.FoundPassagesSerializer,
    )
    def get(self, request: Request) -> Response:
        """Passages of the caller's documents, best first: by words, and by meaning where vectors are on (one metered
        embedding)."""
        form = serializers.SearchSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        said, member = form.validated_data, member_of(request)
        documents = queries.list_wanted(member, project_id=said.get("project"))
        if said.get("document"):
            documents = documents.filter(id=said["document"])
        found = queries.search_in(documents, person_id=member.user_id, query=said["q"], limit=said["limit"])
        return Response(pagination.page(request, serializers.FoundPassageSerializer(found, many=True).data))

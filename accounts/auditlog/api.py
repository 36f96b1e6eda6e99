"""The audit log over REST."""

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.auditlog import downloads, exports, queries, serializers, services
from accounts.permissions import Permission
from accounts.requests import member_of
from config.pagination import CursorPagination
from config.sparse import APIView
from tenants.scope import current_workspace

AS_FILE = {
    (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "One line per entry"),
    (200, "application/jsonl"): OpenApiResponse(OpenApiTypes.STR, "One entry per line"),
}


class AuditList(APIView):
    pagination_class = CursorPagination
    required_permissions = {"GET": Permission.AUDIT_VIEW}

    @extend_schema(
        parameters=[serializers.AuditFilterSerializer],
        responses=serializers.AuditEntrySerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Newest first: who did what, when and from where, on which object."""
        form = serializers.AuditFilterSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        workspace_id = member_of(request).workspace_id
        pages = self.pagination_class()
        rows = pages.paginate_queryset(queries.list_entries(workspace_id, form.wanted()), request, view=self)
        entries = list(rows or [])
        known = queries.know(workspace_id, entries)
        return pages.get_paginated_response([exports.as_json(entry, known) for entry in entries])


class AuditExport(APIView):
    required_permissions = {"GET": Permission.AUDIT_VIEW}

    @extend_schema(parameters=[serializers.AuditExportSerializer], responses=AS_FILE)
    def get(self, request: Request) -> FileResponse:
        """All entries that match, as CSV or JSON lines. The export is an entry of the log itself, and in the file."""
        form = serializers.AuditExportSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        member, how = member_of(request), form.validated_data["as"]
        services.note_export(member=member, form=how, filters=form.kept())
        file = exports.write(how, member.workspace_id, form.wanted())
        return downloads.attachment(file, how, current_workspace().slug)

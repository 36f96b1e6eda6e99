"""Exports of a whole workspace over REST: asked for and watched. The file itself is on the page, after a proof of who
downloads it: it holds what is everybody's in the workspace, which a key that was lost must not open."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission, open_while_read_only
from accounts.privacy import queries, services
from accounts.privacy.models import ExportJob
from accounts.requests import member_of
from config import pagination
from config.sparse import APIView
from tenants import links
from tenants.scope import current_workspace

OWNS = Permission.WORKSPACE_OWN


class ExportSerializer(serializers.ModelSerializer):
    """`progress`: percent. `url`: the page to download it from, null while there is no file (any more)."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = ExportJob
        fields = ["id", "state", "progress", "size", "url", "created_at", "finished_at", "expires_at"]
        read_only_fields = fields

    def get_url(self, row: ExportJob) -> str | None:
        return links.absolute_workspace_url(current_workspace(), "settings-export") if row.file else None


@open_while_read_only
class ExportList(APIView):
    serializer_class = ExportSerializer
    required_permissions = {"GET": OWNS, "POST": OWNS}

    @extend_schema(
        operation_id="exports_list", summary="List exports", responses=pagination.page_of(ExportSerializer)
    )
    def get(self, request: Request) -> Response:
        """Of the whole workspace, the last ones, newest first."""
        rows = queries.list_workspace_exports(member_of(request).workspace_id)
        return Response(pagination.page(request, ExportSerializer(rows, many=True).data))

    @extend_schema(summary="Ask for an export", request=None, responses={202: ExportSerializer})
    def post(self, request: Request) -> Response:
        """Of everything in the workspace. A worker makes it; a mail and the webhook `export.ready` tell when it is
        there."""
        job = services.request_workspace_export(member=member_of(request))
        return Response(ExportSerializer(job).data, status=status.HTTP_202_ACCEPTED)


class ExportDetail(APIView):
    required_permissions = {"GET": OWNS}

    @extend_schema(summary="Read an export’s state", responses=ExportSerializer)
    def get(self, request: Request, export_id: UUID) -> Response:
        job = queries.get_workspace_export(export_id=export_id, workspace_id=member_of(request).workspace_id)
        return Response(ExportSerializer(job).data)

"""Monthly statements over REST."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.requests import member_of
from config.sparse import APIView
from usage.features.keys import Feature
from usage.features.marks import needs_feature
from usage.statements import queries

MOST_MONTHS = 120


@needs_feature(Feature.STATEMENTS)
class StatementList(APIView):
    required_permissions = {"GET": Permission.WORKSPACE_MANAGE}

    @extend_schema(operation_id="usage_statements_list", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Newest month first."""
        rows = queries.list_statements(member_of(request).workspace_id)[:MOST_MONTHS]
        results: list[dict[str, Any]] = [queries.as_json(row) for row in rows]
        return Response({"results": results, "next": None, "previous": None})


@needs_feature(Feature.STATEMENTS)
class StatementDetail(APIView):
    required_permissions = {"GET": Permission.WORKSPACE_MANAGE}

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, month: str) -> Response:
        """`month` as 2026-03."""
        return Response(queries.as_json(queries.access_statement(member_of(request).workspace_id, month)))

"""Receipts over REST."""

from dataclasses import asdict
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.requests import member_of
from config.sparse import APIView, ListAPIView
from usage.features.keys import Feature
from usage.features.marks import needs_feature
from usage.receipts import downloads, queries, serializers, services
from usage.receipts.models import Receipt
from usage.receipts.verdicts import Verdict, Verdicts

KIND = OpenApiParameter("kind", str, enum=["receipts", "audit"], description="Which log; receipts by default")
AS_TEXT = {(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "A C2SP signed note")}
AS_LINES = {(200, "application/jsonl"): OpenApiResponse(OpenApiTypes.STR, "A header, then one leaf per line")}


class ReceiptList(ListAPIView):
    """Newest first: the caller's own, and everybody's for who manages the workspace."""

    serializer_class = serializers.ReceiptSerializer
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(parameters=[serializers.ReceiptFilterSerializer])
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        return self.list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Receipt]:
        form = serializers.ReceiptFilterSerializer(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        return queries.filter_receipts(queries.list_receipts(member_of(self.request)), **form.validated_data)


@needs_feature(Feature.RECEIPTS_EXPORT)
class ReceiptDetail(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(responses=serializers.ReceiptDocumentSerializer)
    def get(self, request: Request, receipt_id: UUID) -> Response:
        """The verifiable document: the receipt, its place in the signed log, and the proof."""
        receipt = queries.access_receipt(member_of(request), receipt_id)
        return Response(services.document(receipt.id))


class LogCheckpoint(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(parameters=[KIND], responses=AS_TEXT)
    def get(self, request: Request) -> HttpResponse:
        """A signed note over the log as it is now. Keep it: any later log must continue it."""
        member = member_of(request)
        kind = queries.access_log_kind(member, request.query_params.get("kind"))
        return downloads.note(services.take_checkpoint(member.workspace_id, kind))


class LogConsistency(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        parameters=[KIND, serializers.ConsistencyRangeSerializer],
        responses=serializers.ConsistencyDocumentSerializer,
    )
    def get(self, request: Request) -> Response:
        """The proof that the checkpoint of size `to` continues the checkpoint of size `from`."""
        member = member_of(request)
        kind = queries.access_log_kind(member, request.query_params.get("kind"))
        form = serializers.ConsistencyRangeSerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        first, second = form.validated_data["from"], form.validated_data.get("to")
        return Response(services.consistency_document(member.workspace_id, kind, first, second))


@needs_feature(Feature.RECEIPTS_EXPORT)
class LogExport(APIView):
    required_permissions = {"GET": Permission.WORKSPACE_MANAGE}

    @extend_schema(parameters=[KIND], responses=AS_LINES)
    def get(self, request: Request) -> FileResponse:
        """The whole log with its checkpoints, for `verify.py`."""
        member = member_of(request)
        kind = queries.access_log_kind(member, request.query_params.get("kind"))
        return downloads.log(services.take_checkpoint(member.workspace_id, kind))


class Verify(APIView):
    required_permissions = {"GET": Permission.VIEW}

    @extend_schema(
        parameters=[KIND, OpenApiParameter("receipt", OpenApiTypes.UUID, description="Only this receipt")],
        responses=serializers.VerdictsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Two verdicts: integrity (the proofs verify) and completeness (one receipt for each settlement).

        `examined` says what was looked at: a long log is looked at whole each night, and at `at` what came since.
        """
        member = member_of(request)
        named = request.query_params.get("receipt")
        if named:
            receipt = queries.access_receipt(member, queries.read_id(named))
            return Response(_body(services.verdicts_of(receipt.id), is_detailed=True))
        kind = queries.access_log_kind(member, request.query_params.get("kind"))
        verdicts = queries.verdicts(member.workspace_id, kind)
        return Response(_body(verdicts, is_detailed=queries.sees_all(member)))


def _body(verdicts: Verdicts, *, is_detailed: bool) -> dict[str, object]:
    def part(verdict: Verdict) -> dict[str, object]:
        # SECURITY: problems name other people's runs.
        problems = [asdict(problem) for problem in verdict.problems] if is_detailed else []
        return {
            "holds": verdict.holds,
            "checked": verdict.checked,
            "count": verdict.count,
            "problems": problems,
        }

    now = timezone.now()
    return {
        "integrity": part(verdicts.integrity),
        "completeness": part(verdicts.completeness),
        "size": verdicts.size,
        "pending": verdicts.pending,
        "examined": {
            "at": now,
            "whole_at": verdicts.whole_at or now,
            "whole_size": verdicts.whole_size if verdicts.whole_at else verdicts.size,
        },
    }

"""Contracts over REST."""

from decimal import Decimal
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import Permission
from accounts.requests import member_of
from billing.outcomes import queries, services
from billing.outcomes.models import Measurement
from billing.outcomes.serializers import ContractSerializer, ContractsSerializer, MeasuringSerializer
from config.sparse import APIView


class ContractList(APIView):
    required_permissions = {"GET": Permission.BILLING_VIEW}

    @extend_schema(operation_id="billing_contracts_list", responses=ContractsSerializer)
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = queries.list_contracts(member_of(request))
        results = ContractSerializer(rows, many=True).data
        return Response({"results": results, "next": None, "previous": None})


class ContractDetail(APIView):
    required_permissions = {"GET": Permission.BILLING_VIEW}

    @extend_schema(responses=ContractSerializer)
    def get(self, request: Request, contract_id: UUID) -> Response:
        return Response(ContractSerializer(queries.access_contract(member_of(request), contract_id)).data)


class ContractAcceptance(APIView):
    required_permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(request=None, responses=ContractSerializer)
    def post(self, request: Request, contract_id: UUID) -> Response:
        """Agrees to an offered contract for the workspace."""
        member = member_of(request)
        services.accept_contract(member=member, contract_id=contract_id)
        return Response(ContractSerializer(queries.access_contract(member, contract_id)).data)


class MeasurementList(APIView):
    required_permissions = {"POST": Permission.BILLING_MANAGE}

    @extend_schema(request=MeasuringSerializer, responses={201: ContractSerializer})
    def post(self, request: Request, contract_id: UUID) -> Response:
        """Records a value of an active contract. Milestones that it reaches are invoiced, each once."""
        shape = MeasuringSerializer(data=request.data)
        shape.is_valid(raise_exception=True)
        member, given = member_of(request), shape.validated_data
        value: Decimal = given["value"]
        services.measure(
            member=member,
            contract_id=contract_id,
            value=value,
            evidence=services.Evidence(given["evidence"], given["evidence_url"]),
            source=Measurement.Source.API,
            measured_at=given["measured_at"],
        )
        return Response(ContractSerializer(queries.access_contract(member, contract_id)).data, status=201)

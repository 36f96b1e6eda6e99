import json
from typing import Any

from rest_framework import serializers

from usage.receipts.models import Receipt


class ReceiptSerializer(serializers.ModelSerializer):
    """A line of the list. The whole receipt, with its proof, is at its own address."""

    run = serializers.UUIDField(source="hold_id")
    cost_micro = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()

    class Meta:
        model = Receipt
        fields = ["id", "run", "kind", "model", "state", "leaf_index", "cost_micro", "currency", "created_at"]
        read_only_fields = fields

    def get_cost_micro(self, receipt: Receipt) -> int:
        return int(_cost(receipt)["micro"])

    def get_currency(self, receipt: Receipt) -> str:
        return str(_cost(receipt)["currency"])


def _cost(receipt: Receipt) -> dict[str, Any]:
    cost: dict[str, Any] = json.loads(receipt.body)["cost"]
    return cost


class ReceiptFilterSerializer(serializers.Serializer):
    """`since` is included, `until` is not."""

    kind = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class ConsistencyRangeSerializer(serializers.Serializer):
    """Sizes of two checkpoints; `to` is the newest when it is left out."""

    to = serializers.IntegerField(min_value=0, required=False)

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.IntegerField(min_value=0), **super().get_fields()}


class ProblemSerializer(serializers.Serializer):
    code = serializers.CharField()
    where = serializers.CharField()
    message = serializers.CharField()


class VerdictSerializer(serializers.Serializer):
    holds = serializers.BooleanField()
    checked = serializers.IntegerField()
    count = serializers.IntegerField()
    problems = ProblemSerializer(many=True)


class ExaminedSerializer(serializers.Serializer):
    at = serializers.DateTimeField()
    whole_at = serializers.DateTimeField()
    whole_size = serializers.IntegerField()


class VerdictsSerializer(serializers.Serializer):
    integrity = VerdictSerializer()
    completeness = VerdictSerializer()
    size = serializers.IntegerField()
    pending = serializers.IntegerField()
    examined = ExaminedSerializer()


class DocumentSerializer(serializers.Serializer):
    """What `verify.py` reads (docs/receipts.md)."""

    format = serializers.CharField()
    origin = serializers.CharField()
    checkpoint = serializers.CharField()
    first_key = serializers.CharField()
    rotations = serializers.ListField(child=serializers.DictField())


class ReceiptDocumentSerializer(DocumentSerializer):
    receipt = serializers.DictField()
    leaf_index = serializers.IntegerField()
    leaf_hash = serializers.CharField()
    inclusion = serializers.ListField(child=serializers.CharField())


class ConsistencyDocumentSerializer(DocumentSerializer):
    old_checkpoint = serializers.CharField()
    consistency = serializers.ListField(child=serializers.CharField())

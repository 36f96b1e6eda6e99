"""Shapes of a workspace's own providers and their models in the REST API. A key is never answered."""

from typing import Any

from rest_framework import serializers

from assistants.llm.catalogue import ModelChoice
from assistants.models import Provider, ProviderModel
from assistants.providers import addresses, listing
from assistants.providers.services import MOST_KEY
from usage.models import Meter
from usage.prices import Rates

Kind = Provider.Kind
NO_ADDRESS = "Write the address of the server."


class ProviderSerializer(serializers.ModelSerializer):
    """`slug`: assistants name its models `slug/model`. `key_last_four`: empty where there is no key, or a short one.

    `test_code`: what its last test found, `ok` or why not. `offered` of the `listed` models may be used.
    """

    has_key = serializers.SerializerMethodField()
    offered = serializers.IntegerField()
    listed = serializers.IntegerField()

    class Meta:
        model = Provider
        fields = [
            "id", "name", "slug", "kind", "base_url", "has_key", "key_last_four", "is_on", "is_local", "offered",
            "listed", "tested_at", "test_code", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_has_key(self, row: Provider) -> bool:
        return row.key_sealed is not None


class ProviderCreateSerializer(serializers.Serializer):
    """`base_url`: of a compatible server, with its /v1; left out for OpenAI, which needs a key."""

    name = serializers.CharField(max_length=60)
    kind = serializers.ChoiceField(choices=Kind.choices)
    base_url = serializers.CharField(max_length=addresses.MOST, required=False, allow_blank=True, default="")
    key = serializers.CharField(
        max_length=MOST_KEY, required=False, allow_blank=True, default="", write_only=True
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == Kind.COMPATIBLE and not attrs["base_url"]:
            raise serializers.ValidationError({"base_url": NO_ADDRESS}, code="required")
        return attrs


class ProviderChangeSerializer(serializers.Serializer):
    """What is not said stays. With another address the key must be said again: it goes where it was entered for."""

    name = serializers.CharField(max_length=60, required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    base_url = serializers.CharField(max_length=addresses.MOST, required=False)
    key = serializers.CharField(max_length=MOST_KEY, required=False, write_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`context`: the provider as it is."""
        becomes_compatible = attrs.get("kind", "") == Kind.COMPATIBLE != self.context["provider"].kind
        if becomes_compatible and "base_url" not in attrs:
            raise serializers.ValidationError({"base_url": NO_ADDRESS}, code="required")
        return attrs


class ProviderSwitchSerializer(serializers.Serializer):
    """Off: none of its models answers."""

    is_on = serializers.BooleanField()


class ProviderKeySerializer(serializers.Serializer):
    has_key = serializers.BooleanField()
    key_last_four = serializers.CharField()


class ProviderKeyChangeSerializer(serializers.Serializer):
    key = serializers.CharField(max_length=MOST_KEY, write_only=True)


class ProviderTestSerializer(serializers.Serializer):
    """`left_out`: entries of its list that are no usable name, or too many."""

    code = serializers.ChoiceField(choices=sorted(listing.SENTENCES))
    detail = serializers.CharField()
    models = serializers.IntegerField()
    left_out = serializers.IntegerField()
    provider = ProviderSerializer()


class ProviderModelSerializer(serializers.ModelSerializer):
    """`model`: how an assistant names it. It may be used (`is_offered`) where it was chosen and its server lists it.

    Prices in micro-units for a million tokens, null where the price book has none.
    """

    model = serializers.SerializerMethodField()
    input_micro_per_million = serializers.SerializerMethodField()
    output_micro_per_million = serializers.SerializerMethodField()

    class Meta:
        model = ProviderModel
        fields = [
            "id", "name", "model", "is_offered", "is_chosen", "is_listed", "has_vision", "seen_at",
            "input_micro_per_million", "output_micro_per_million",
        ]  # fmt: skip
        read_only_fields = fields

    def get_model(self, row: ProviderModel) -> str:
        return f"{self.context['provider'].slug}/{row.name}"

    def get_input_micro_per_million(self, row: ProviderModel) -> int | None:
        return self._rate(row, Meter.INPUT_TOKENS)

    def get_output_micro_per_million(self, row: ProviderModel) -> int | None:
        return self._rate(row, Meter.OUTPUT_TOKENS)

    def _rate(self, row: ProviderModel, meter: str) -> int | None:
        rates: dict[str, Rates] = self.context["rates"]
        return rates[row.name].by_meter.get(meter)


class ModelChosenSerializer(serializers.Serializer):
    id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    is_chosen = serializers.BooleanField()
    has_vision = serializers.BooleanField()


class ModelsChosenSerializer(serializers.Serializer):
    """All of them or none. Models that are not named stay as they are."""

    models = ModelChosenSerializer(many=True, allow_empty=False)


class ModelChoiceSerializer(serializers.Serializer):
    """`refusal`: why it cannot be chosen now; empty when it can."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the field of that name
    provider = serializers.CharField()
    is_own = serializers.BooleanField()
    is_local = serializers.BooleanField()
    has_vision = serializers.BooleanField()
    refusal = serializers.CharField()
    input_micro_per_million = serializers.SerializerMethodField()
    output_micro_per_million = serializers.SerializerMethodField()

    def get_input_micro_per_million(self, row: ModelChoice) -> int | None:
        return row.rates.by_meter.get(Meter.INPUT_TOKENS)

    def get_output_micro_per_million(self, row: ModelChoice) -> int | None:
        return row.rates.by_meter.get(Meter.OUTPUT_TOKENS)

from typing import Any

from rest_framework import serializers

from assistants.builder import choices, content
from assistants.builder.content import MAX_FALLBACKS, MAX_STARTERS, STARTER_LENGTH
from assistants.models import Assistant, AssistantVersion


class AssistantSerializer(serializers.ModelSerializer):
    """As everybody who may ask it sees it."""

    class Meta:
        model = Assistant
        fields = [
            "id", "name", "slug", "description", "model", "max_output_tokens", "starters", "visibility", "created_at",
            "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class AssistantDetailSerializer(serializers.ModelSerializer):
    """What is in use, for who may change it. `pinned_number`: the version in use when it is not the last one saved."""

    knowledge = serializers.SerializerMethodField()
    members = serializers.SerializerMethodField()

    class Meta:
        model = Assistant
        fields = [
            "id", "slug", *content.COLUMNS, "knowledge", "visibility", "members", "template", "pinned_number",
            "created_at", "updated_at", "archived_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_knowledge(self, row: Assistant) -> list[str]:
        return [str(each) for each in row.knowledge.values_list("document_id", flat=True)]

    def get_members(self, row: Assistant) -> list[str]:
        return [str(each) for each in row.members.values_list("user_id", flat=True)]


class AssistantWriteSerializer(serializers.Serializer):
    """With PATCH, what is not said stays. `base`: the number of the version that was read; 409 when another came."""

    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=200, allow_blank=True, required=False)
    instructions = serializers.CharField(max_length=60_000, allow_blank=True, required=False)
    model = serializers.CharField(max_length=120)
    fallback_models = serializers.ListField(
        child=serializers.CharField(max_length=120), max_length=MAX_FALLBACKS, required=False
    )
    temperature = serializers.DecimalField(
        max_digits=3, decimal_places=2, min_value=0, max_value=2, required=False
    )
    max_output_tokens = serializers.IntegerField(min_value=16, max_value=32_000, required=False)
    tools = serializers.ListField(child=serializers.CharField(max_length=40), max_length=20, required=False)
    starters = serializers.ListField(
        child=serializers.CharField(max_length=STARTER_LENGTH), max_length=MAX_STARTERS, required=False
    )
    uses_memory = serializers.BooleanField(required=False)
    knowledge = serializers.ListField(child=serializers.UUIDField(), max_length=200, required=False)
    visibility = serializers.ChoiceField(choices=Assistant.Visibility.choices, required=False)
    members = serializers.ListField(child=serializers.UUIDField(), max_length=1000, required=False)
    base = serializers.IntegerField(required=False, min_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`context`: member; present, the models that the assistant has."""
        present = self.context.get("present", [])
        known = choices.refusals(choices.models(self.context["member"], present), present)
        for field in ("model", "fallback_models"):
            asked = attrs.get(field, [])
            for name in [asked] if isinstance(asked, str) else asked:
                if name not in known or known[name]:
                    raise serializers.ValidationError(
                        {field: known.get(name) or f"The model {name!r} is not offered here."}
                    )
        return attrs


class AssistantVersionSerializer(serializers.ModelSerializer):
    class Meta:
        model = AssistantVersion
        fields = ["id", "number", "snapshot", "note", "created_at"]
        read_only_fields = fields

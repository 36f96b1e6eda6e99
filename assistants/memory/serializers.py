"""Shapes of memory in the REST API."""

from typing import Any

from rest_framework import serializers

from assistants.memory import layers, services
from assistants.models import Entity, MemoryItem, MemoryRefusal, Relation

KEPT = [(name, name) for name in layers.KEPT]


class MemorySerializer(serializers.ModelSerializer):
    """`slot`: what it is about; a newer statement about the same supersedes it. `confidence`: in percent.
    `conversation`: only where it is the caller's own."""

    is_own = serializers.SerializerMethodField()
    conversation = serializers.SerializerMethodField()
    document = serializers.UUIDField(source="source_document_id", allow_null=True)
    superseded_by = serializers.UUIDField(source="superseded_by_id", allow_null=True)

    class Meta:
        model = MemoryItem
        fields = [
            "id", "layer", "text", "slot", "assistant", "confidence", "is_own", "conversation", "document",
            "happened_at", "created_at", "updated_at", "last_used_at", "use_count", "pinned_at", "superseded_by",
            "superseded_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_is_own(self, row: MemoryItem) -> bool:
        return row.person_id == self.context["member"].user_id

    def get_conversation(self, row: MemoryItem) -> str | None:
        talk = row.source_conversation
        if talk is None or talk.deleted_at is not None:
            return None
        return str(talk.id) if talk.owner_id == self.context["member"].user_id else None


class MemoryFilterSerializer(serializers.Serializer):
    q = serializers.CharField(
        required=False, allow_blank=True, max_length=400, help_text="What it says, best first; 50 at most."
    )
    layer = serializers.ChoiceField(choices=KEPT, required=False)
    assistant = serializers.UUIDField(required=False)
    pinned = serializers.BooleanField(required=False, allow_null=True, default=None)
    history = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="What was superseded, instead."
    )


class MemoryWriteSerializer(serializers.Serializer):
    layer = serializers.ChoiceField(choices=KEPT, default="semantic")
    text = serializers.CharField()
    slot = serializers.CharField(required=False, allow_blank=True, max_length=services.MAX_SLOT)
    assistant = serializers.UUIDField(required=False, allow_null=True, default=None)


class MemoryChangeSerializer(serializers.Serializer):
    text = serializers.CharField(required=False)
    is_pinned = serializers.BooleanField(required=False)


class ForgetQuerySerializer(serializers.Serializer):
    forbid = serializers.BooleanField(
        required=False, default=False, help_text="Its like is never kept again, until that is lifted."
    )


class LayerSerializer(serializers.Serializer):
    """`items` null: what is kept in no rows. `is_included`: the plan has it. `budget`: tokens of a prompt at most."""

    name = serializers.CharField()
    title = serializers.CharField()
    owner = serializers.CharField()
    written_by = serializers.CharField()
    in_prompt = serializers.CharField()
    budget = serializers.IntegerField()
    items = serializers.IntegerField(allow_null=True)
    is_included = serializers.BooleanField()


class LayersSerializer(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = LayerSerializer(many=True)


class SwitchSerializer(serializers.Serializer):
    """Off: nothing is read or kept; nothing is deleted."""

    is_on = serializers.BooleanField()


class ForgetDaySerializer(serializers.Serializer):
    day = serializers.DateField(required=False, help_text="By the workspace’s clock; today without it.")


class ForgottenSerializer(serializers.Serializer):
    day = serializers.DateField()
    forgotten = serializers.IntegerField()


class RefusalSerializer(serializers.ModelSerializer):
    class Meta:
        model = MemoryRefusal
        fields = ["id", "text", "created_at"]
        read_only_fields = fields


class EntitySerializer(serializers.ModelSerializer):
    class Meta:
        model = Entity
        fields = ["id", "name", "kind", "created_at"]
        read_only_fields = fields


class RelationSerializer(serializers.ModelSerializer):
    """An edge of the graph. `item`: the statement that says so."""

    subject = EntitySerializer()
    object = EntitySerializer()

    class Meta:
        model = Relation
        fields = ["id", "subject", "predicate", "object", "item", "created_at"]
        read_only_fields = fields


class RunStartedSerializer(serializers.Serializer):
    run = serializers.UUIDField()
    events_url = serializers.CharField()


def layer_row(layer: layers.Layer, counts: dict[str, int], allowed: frozenset[str]) -> dict[str, Any]:
    return {
        "name": layer.name,
        "title": layer.title,
        "owner": layer.owner,
        "written_by": layer.written_by,
        "in_prompt": layer.in_prompt,
        "budget": layer.budget,
        "items": counts.get(layer.name, 0) if layer.is_kept else None,
        "is_included": layer.name in allowed,
    }

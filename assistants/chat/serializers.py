from rest_framework import serializers

from assistants.models import Conversation, Run


class ConversationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Conversation
        fields = ["id", "title", "assistant", "created_at", "updated_at"]
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer):
    class Meta:
        model = Run
        fields = [
            "id", "kind", "state", "attempt", "model", "text", "finish_reason", "error_code", "input_tokens",
            "output_tokens", "cost_micro", "is_estimated", "receipt_id", "created_at", "started_at", "first_token_at",
            "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class MessageCreateSerializer(serializers.Serializer):
    text = serializers.CharField(trim_whitespace=False)
    parent_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class ConversationCreateSerializer(serializers.Serializer):
    text = serializers.CharField(trim_whitespace=False)
    assistant = serializers.UUIDField(required=False, allow_null=True, default=None)
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class TurnSerializer(serializers.Serializer):
    conversation = serializers.UUIDField()
    question = serializers.UUIDField()
    answer = serializers.UUIDField()
    run = serializers.UUIDField()
    events_url = serializers.CharField()

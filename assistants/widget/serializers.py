from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from assistants.models import Conversation, Message
from assistants.widget import queries


class VisitorTalkSerializer(serializers.ModelSerializer):
    class Meta:
        model = Conversation
        fields = ["id", "title", "created_at", "updated_at"]
        read_only_fields = fields


class VisitorMessageSerializer(serializers.ModelSerializer):
    role = serializers.ChoiceField(choices=Message.Role.choices)

    class Meta:
        model = Message
        fields = ["id", "role", "text", "created_at"]
        read_only_fields = fields


class VisitorTalkDetailSerializer(VisitorTalkSerializer):
    messages = serializers.SerializerMethodField(help_text="The last 60, the oldest first.")

    class Meta(VisitorTalkSerializer.Meta):
        fields = [*VisitorTalkSerializer.Meta.fields, "messages"]
        read_only_fields = fields

    @extend_schema_field(VisitorMessageSerializer(many=True))
    def get_messages(self, talk: Conversation) -> list[dict[str, Any]]:
        return list(VisitorMessageSerializer(queries.list_said(talk), many=True).data)

"""Shapes of tools, their calls and what stands for all later ones, in the REST API."""

from typing import Any
from uuid import UUID

from django.urls import reverse
from rest_framework import serializers

from assistants.chat import bodies
from assistants.chat.message_serializers import CallSerializer
from assistants.models import Run, ToolCall, ToolChoice
from assistants.tools.presenters import CallView


class ToolCallSerializer(CallSerializer):
    """With where it belongs. `question`: what its person is asked."""

    run = serializers.UUIDField()
    conversation = serializers.UUIDField()
    message = serializers.UUIDField()
    question = serializers.CharField()
    created_at = serializers.DateTimeField()


class DecisionSerializer(serializers.Serializer):
    """`always`: it stands for all later calls of this tool by this assistant, and for those that wait beside it."""

    always = serializers.BooleanField(required=False, default=False)


class DecidedSerializer(serializers.Serializer):
    """`run`: in which the answer goes on; null while another of its calls waits, and where it was decided before."""

    call = ToolCallSerializer()
    run = serializers.UUIDField(allow_null=True)
    events_url = serializers.CharField(allow_null=True)


class ToolChoiceSerializer(serializers.ModelSerializer):
    class Meta:
        model = ToolChoice
        fields = ["assistant", "tool", "answer", "updated_at"]
        read_only_fields = fields


class ToolSerializer(serializers.Serializer):
    """`asks`: the person is asked before each call."""

    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    asks = serializers.BooleanField()


def call(view: CallView, row: ToolCall) -> dict[str, Any]:
    message = row.run.message
    assert message is not None, "only calls of answers are told"
    return {
        **bodies.call(view),
        "run": row.run_id,
        "conversation": message.conversation_id,
        "message": message.id,
        "question": view.question,
        "created_at": row.created_at,
    }


def decided(body: dict[str, Any], run: Run | None) -> dict[str, Any]:
    run_id: UUID | None = run.id if run else None
    return {
        "call": body,
        "run": run_id,
        "events_url": reverse("api:run-events", args=[run_id]) if run_id else None,
    }

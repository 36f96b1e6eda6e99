"""Webhooks in the REST API."""

from rest_framework import serializers

from tenants.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tenants.webhooks import services, types


class WebhookSerializer(serializers.ModelSerializer):
    event_types = serializers.ListField(child=serializers.ChoiceField(choices=types.NAMES))

    class Meta:
        model = WebhookEndpoint
        fields = [
            "id", "url", "description", "event_types", "state", "disabled_reason", "former_until", "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class WebhookWithSecretSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="Shown this once.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields


class WebhookCreateSerializer(serializers.Serializer):
    url = serializers.CharField(max_length=2000)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    event_types = serializers.ListField(child=serializers.ChoiceField(choices=types.NAMES), allow_empty=False)


class WebhookChangeSerializer(serializers.Serializer):
    url = serializers.CharField(max_length=2000, required=False)
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    event_types = serializers.ListField(
        child=serializers.ChoiceField(choices=types.NAMES), allow_empty=False, required=False
    )
    is_active = serializers.BooleanField(required=False)


class RotateSerializer(serializers.Serializer):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=services.MOST_OVERLAP_HOURS,
        default=services.OVERLAP_HOURS,
        help_text="How long the former secret signs too.",
    )


class AttemptSerializer(serializers.ModelSerializer):
    headers = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = WebhookAttempt
        fields = ["url", "headers", "status", "body", "error", "took_ms", "created_at"]
        read_only_fields = fields


class DeliverySerializer(serializers.ModelSerializer):
    type = serializers.CharField(source="message.type", read_only=True)
    data = serializers.DictField(source="message.data", read_only=True)  # type: ignore[assignment]  # the field of that name
    tries = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = ["id", "message_id", "type", "data", "state", "next_attempt_at", "finished_at", "tries"]
        read_only_fields = fields

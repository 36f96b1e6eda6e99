from rest_framework import serializers

from accounts.models import ApiKey
from accounts.permissions import Permission


class ApiKeySerializer(serializers.ModelSerializer):
    class Meta:
        model = ApiKey
        fields = ["id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at"]
        read_only_fields = fields


class KeyLimitSerializer(serializers.Serializer):
    meter = serializers.CharField(max_length=20, help_text="Such as messages, tokens or cost_micro.")
    window = serializers.CharField(max_length=8, help_text="day, week, month, period or total.")
    amount = serializers.IntegerField(min_value=0, max_value=2**62)


class ApiKeyCreateSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=[permission.value for permission in Permission]),
        allow_empty=False,
    )
    limits = KeyLimitSerializer(many=True, required=False, default=list)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ApiKeyCreatedSerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The key itself. It is shown once.")

    limits = KeyLimitSerializer(many=True, read_only=True)

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key", "limits"]
        read_only_fields = fields

from typing import Any

from rest_framework import serializers

from accounts.keys.queries import STATES
from accounts.keys.services import MAX_OVERLAP_H
from accounts.models import ApiKey
from accounts.permissions import MEANINGS, SCOPES

ADDRESSES_HELP = (
    "From where it may be used: addresses and networks (CIDR), IPv4 or IPv6. None: from everywhere."
)
SCOPES_HELP = f"{', '.join(SCOPES)}, or single permissions."


class ApiKeySerializer(serializers.ModelSerializer):
    former_ends_at = serializers.DateTimeField(
        read_only=True, help_text="Until when the secret before the last rotation works as well."
    )

    class Meta:
        model = ApiKey
        fields = [
            "id", "name", "environment", "prefix", "scopes", "addresses", "created_at", "expires_at", "revoked_at",
            "rotated_at", "former_ends_at", "last_used_at", "last_used_address",
        ]  # fmt: skip
        read_only_fields = fields


class KeyLimitSerializer(serializers.Serializer):
    meter = serializers.CharField(max_length=20, help_text="Such as messages, tokens or cost_micro.")
    window = serializers.CharField(max_length=8, help_text="day, week, month, period or total.")
    amount = serializers.IntegerField(min_value=0, max_value=2**62)


def _addresses(**options: Any) -> serializers.ListField:
    child = serializers.CharField(max_length=50)
    return serializers.ListField(child=child, help_text=ADDRESSES_HELP, max_length=100, **options)


class ApiKeyCreateSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=list(dict.fromkeys([*SCOPES, *MEANINGS]))),
        allow_empty=False,
        help_text=SCOPES_HELP,
    )
    limits = KeyLimitSerializer(many=True, required=False, default=list)
    addresses = _addresses(required=False, default=list)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class ApiKeyChangeSerializer(serializers.Serializer):
    """What is left out stays as it is."""

    name = serializers.CharField(max_length=80, required=False)
    addresses = _addresses(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class ApiKeyRotateSerializer(serializers.Serializer):
    overlap_hours = serializers.IntegerField(
        min_value=0, max_value=MAX_OVERLAP_H, default=24, help_text="How long the former secret works on."
    )


class ApiKeyFilterSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=STATES, required=False, default="")
    scope = serializers.ChoiceField(
        choices=list(dict.fromkeys([*SCOPES, *MEANINGS])), required=False, default=""
    )
    q = serializers.CharField(
        max_length=80, required=False, default="", help_text="In the name, or a key's prefix."
    )


class ApiKeySecretSerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The key itself. It is shown once.")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
        read_only_fields = fields


class ApiKeyCreatedSerializer(ApiKeySecretSerializer):
    limits = KeyLimitSerializer(many=True, read_only=True)

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySecretSerializer.Meta.fields, "limits"]
        read_only_fields = fields

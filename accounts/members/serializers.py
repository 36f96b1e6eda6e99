"""Members and invitations in the REST API."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.members.inviting import MOST_AT_ONCE, Verdict
from accounts.members.models import State
from accounts.members.rules import Role
from accounts.models import Invitation, Membership


class MemberSerializer(serializers.ModelSerializer):
    person = serializers.UUIDField(source="user_id", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    email = serializers.SerializerMethodField(help_text="Only for who may manage members; otherwise null.")
    has_two_factors = serializers.SerializerMethodField(
        help_text="Only for who may manage members; otherwise null."
    )
    joined_at = serializers.DateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "person", "name", "email", "role", "has_two_factors", "joined_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.EmailField(allow_null=True))
    def get_email(self, row: Membership) -> str | None:
        return row.user.email if self.context.get("manages") else None

    @extend_schema_field(serializers.BooleanField(allow_null=True))
    def get_has_two_factors(self, row: Any) -> bool | None:
        return bool(row.has_two_factors) if self.context.get("manages") else None


class RoleSerializer(serializers.Serializer):
    role = serializers.ChoiceField(choices=Role.choices)


class InvitationSerializer(serializers.ModelSerializer):
    state = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = ["id", "email", "role", "state", "created_at", "expires_at", "sent_count", "last_sent_at"]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=State.choices))
    def get_state(self, row: Invitation) -> str:
        return str(row.state(timezone.now()))


class InviteSerializer(serializers.Serializer):
    emails = serializers.ListField(
        child=serializers.CharField(max_length=320, trim_whitespace=True),
        allow_empty=False,
        max_length=MOST_AT_ONCE,
        help_text="Each an address, with a name or without: Ada Lovelace <ada@example.org>.",
    )
    role = serializers.ChoiceField(choices=Role.choices, default=Role.MEMBER)


class JudgedSerializer(serializers.Serializer):
    text = serializers.CharField(help_text="As it was sent.")
    email = serializers.EmailField(allow_null=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    invitation = InvitationSerializer(allow_null=True)


class InvitedSerializer(serializers.Serializer):
    results = JudgedSerializer(many=True)

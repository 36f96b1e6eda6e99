from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import queries
from tenants import links
from tenants.branding.brand import logo_url
from tenants.models import SLUG, Workspace
from tenants.settings import values


class WorkspaceSerializer(serializers.ModelSerializer):
    role = serializers.CharField(help_text="Yours in it.")
    url = serializers.SerializerMethodField()
    logo_url = serializers.SerializerMethodField()

    class Meta:
        model = Workspace
        fields = [
            "id", "slug", "name", "state", "role", "is_personal", "timezone", "language", "retention_days", "accent",
            "hides_product_name", "logo_url", "url", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.URLField())
    def get_url(self, workspace: Workspace) -> str:
        return links.main_workspace_url(queries.ref_of(workspace), "dashboard")

    @extend_schema_field(serializers.CharField(help_text="A path on the same host; empty without a logo."))
    def get_logo_url(self, workspace: Workspace) -> str:
        return logo_url(queries.ref_of(workspace))


class WorkspaceCreateSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=values.NAME_LENGTH)
    slug = serializers.CharField(
        max_length=40, required=False, default="", allow_blank=True, help_text=str(SLUG.message)
    )
    timezone = serializers.CharField(max_length=64, required=False, default="UTC")


class LogoSerializer(serializers.Serializer):
    file = serializers.FileField()


class WorkspaceChangeSerializer(serializers.Serializer):
    """Each field may be left out."""

    name = serializers.CharField(max_length=values.NAME_LENGTH, required=False)
    slug = serializers.CharField(max_length=40, required=False)
    timezone = serializers.CharField(max_length=64, required=False)
    language = serializers.CharField(max_length=10, required=False)
    retention_days = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=values.MOST_RETENTION_DAYS,
        help_text="Days after which conversations are erased; null keeps them.",
    )
    accent = serializers.CharField(max_length=7, required=False, allow_blank=True, help_text="#rrggbb")
    hides_product_name = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError("Name at least one field to change.")
        return attrs

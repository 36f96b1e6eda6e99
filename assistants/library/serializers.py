"""Shapes of shared links, exports and imports in the REST API."""

from rest_framework import serializers

from assistants.library import sharing
from assistants.models import ConversationImport, ShareLink


class ShareLinkSerializer(serializers.ModelSerializer):
    class Meta:
        model = ShareLink
        fields = ["id", "conversation", "created_at", "expires_at", "revoked_at"]
        read_only_fields = fields


class NewShareLinkSerializer(ShareLinkSerializer):
    """`url`: shown this once; nobody can read it again."""

    url = serializers.CharField(read_only=True)

    class Meta(ShareLinkSerializer.Meta):
        fields = [*ShareLinkSerializer.Meta.fields, "url"]
        read_only_fields = fields


class ShareSerializer(serializers.Serializer):
    """`days`: how long it leads there; null: until it is revoked."""

    days = serializers.ChoiceField(
        choices=sorted(days for days in sharing.LIFETIMES.values() if days),
        required=False,
        allow_null=True,
        default=30,
    )


class ExportQuerySerializer(serializers.Serializer):
    # Not `format`: the framework has its own meaning for that.
    kind = serializers.ChoiceField(
        choices=["md", "json", "pdf"],
        default="md",
        help_text="Markdown or PDF of the shown branch, or JSON of all branches.",
    )


class ImportSerializer(serializers.ModelSerializer):
    """`done`: conversations read so far, of which `added` are new, `known` were here, `left_out` had no text."""

    class Meta:
        model = ConversationImport
        fields = [
            "id", "name", "size_bytes", "source", "state", "error_code", "progress", "done", "added", "known",
            "left_out", "messages", "created_at", "finished_at",
        ]  # fmt: skip
        read_only_fields = fields

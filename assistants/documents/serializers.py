"""Shapes of documents, their passages and résumés in the REST API."""

from typing import Any

from rest_framework import serializers

from assistants.documents import queries, words
from assistants.models import Document, DocumentChunk

PLACES = ["mine", "shared", "project"]


class DocumentSerializer(serializers.ModelSerializer):
    """`state`: uploaded, parsing, ready, failed; `problem`: why it failed, in words. `version` grows by each upload."""

    is_own = serializers.SerializerMethodField()
    may_change = serializers.SerializerMethodField()
    problem = serializers.SerializerMethodField()

    class Meta:
        model = Document
        fields = [
            "id", "name", "kind", "media_type", "size_bytes", "sha256", "project", "is_shared", "is_own", "may_change",
            "state", "progress", "error_code", "problem", "version", "pages", "characters", "created_at", "updated_at",
            "parsed_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_is_own(self, row: Document) -> bool:
        return row.owner_id == self.context["member"].user_id

    def get_may_change(self, row: Document) -> bool:
        member = self.context["member"]
        return bool(member.can_chat and queries.may_change(member, row))

    def get_problem(self, row: Document) -> str:
        return words.of_failure(row.error_code) if row.error_code else ""


class DocumentFilterSerializer(serializers.Serializer):
    place = serializers.ChoiceField(
        choices=PLACES, required=False, help_text="mine: uploaded by oneself; shared: with everyone."
    )
    project = serializers.UUIDField(required=False)
    state = serializers.ChoiceField(choices=Document.State.choices, required=False)
    name = serializers.CharField(required=False, max_length=200, help_text="A part of the name.")


class DocumentUploadSerializer(serializers.Serializer):
    """Without `project` and `is_shared` it is its owner's alone."""

    # An empty one is refused by the service, in its own words.
    file = serializers.FileField(allow_empty_file=True)
    project = serializers.UUIDField(required=False)
    is_shared = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("project") and attrs["is_shared"]:
            raise serializers.ValidationError(
                {"is_shared": "A file of a project is read by the project’s members; choose one of the two."}
            )
        return attrs


class DocumentChangeSerializer(serializers.Serializer):
    is_shared = serializers.BooleanField()


class PassageSerializer(serializers.ModelSerializer):
    """`page` is 0 where there are none."""

    class Meta:
        model = DocumentChunk
        fields = ["id", "number", "page", "heading", "text", "tokens"]
        read_only_fields = fields


class FoundPassageSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    document = serializers.UUIDField(source="document_id")
    name = serializers.CharField()
    page = serializers.IntegerField()
    heading = serializers.CharField()
    text = serializers.CharField()
    tokens = serializers.IntegerField()


class FoundPassagesSerializer(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = FoundPassageSerializer(many=True)


class SearchSerializer(serializers.Serializer):
    q = serializers.CharField(max_length=1_000)
    project = serializers.UUIDField(required=False)
    document = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=50, default=10)

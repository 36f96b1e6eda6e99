"""Shapes of conversations in the REST API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.requests import member_of
from assistants.chat import file_presenters
from assistants.models import Attachment, Conversation, FollowUp, Run


class MatchSerializer(serializers.Serializer):
    """Where a search found it: HTML in which only `<mark>` stands, everything else is escaped."""

    title = serializers.CharField()
    snippet = serializers.CharField()
    message = serializers.UUIDField(allow_null=True)


class ConversationSerializer(serializers.ModelSerializer):
    """`leaf`: the end of the branch that was looked at last. `match`: with `q` alone."""

    leaf = serializers.UUIDField(source="current_leaf_id", allow_null=True)
    forked_from = serializers.UUIDField(source="forked_from_id", allow_null=True)
    is_own = serializers.SerializerMethodField()
    is_running = serializers.SerializerMethodField()
    match = serializers.SerializerMethodField()

    class Meta:
        model = Conversation
        fields = [
            "id", "title", "assistant", "project", "tags", "leaf", "is_own", "is_running", "is_temporary",
            "uses_memory", "imported_from", "forked_from", "pinned_at", "archived_at", "deleted_at", "created_at",
            "updated_at", "match",
        ]  # fmt: skip
        read_only_fields = fields

    def get_is_own(self, row: Conversation) -> bool:
        return row.owner_id == member_of(self.context["request"]).user_id

    def get_is_running(self, row: Conversation) -> bool:
        return bool(getattr(row, "is_running", False))

    @extend_schema_field(MatchSerializer(allow_null=True))
    def get_match(self, row: Conversation) -> Any:
        found: Any = getattr(row, "match", None)
        return found


class ConversationDetailSerializer(ConversationSerializer):
    """`cost_micro`: of all its branches together."""

    cost_micro = serializers.IntegerField(read_only=True)

    class Meta(ConversationSerializer.Meta):
        fields = [*ConversationSerializer.Meta.fields[:-1], "cost_micro"]
        read_only_fields = fields


class ConversationFilterSerializer(serializers.Serializer):
    q = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Searches titles and texts, best first."
    )
    archived = serializers.BooleanField(required=False, allow_null=True, default=None)
    pinned = serializers.BooleanField(required=False, allow_null=True, default=None)
    temporary = serializers.BooleanField(required=False, allow_null=True, default=None)
    deleted = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="One's own that can still be restored."
    )
    tag = serializers.CharField(required=False, allow_blank=True, max_length=40)
    project = serializers.UUIDField(required=False)
    assistant = serializers.UUIDField(required=False)


class ConversationChangeSerializer(serializers.Serializer):
    """What is not said stays. `project` null takes it out of its project."""

    title = serializers.CharField(required=False, allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField(max_length=200), required=False, max_length=50)
    is_pinned = serializers.BooleanField(required=False)
    is_archived = serializers.BooleanField(required=False)
    project = serializers.UUIDField(required=False, allow_null=True)
    assistant = serializers.UUIDField(required=False)


class DeletionQuerySerializer(serializers.Serializer):
    forever = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Erases one that was deleted before. Nobody can take that back.",
    )


class RunSerializer(serializers.ModelSerializer):
    class Meta:
        model = Run
        fields = [
            "id", "kind", "state", "attempt", "model", "text", "finish_reason", "error_code", "input_tokens",
            "output_tokens", "cost_micro", "is_estimated", "receipt_id", "created_at", "started_at", "first_token_at",
            "finished_at",
        ]  # fmt: skip
        read_only_fields = fields


class RunRowSerializer(RunSerializer):
    """Without its text."""

    class Meta(RunSerializer.Meta):
        fields = [name for name in RunSerializer.Meta.fields if name != "text"] + ["message", "assistant"]
        read_only_fields = fields


class RunFilterSerializer(serializers.Serializer):
    state = serializers.ChoiceField(choices=Run.State.choices, required=False)
    kind = serializers.ChoiceField(choices=Run.Kind.choices, required=False)
    conversation = serializers.UUIDField(required=False)
    assistant = serializers.UUIDField(required=False)


class MessageCreateSerializer(serializers.Serializer):
    text = serializers.CharField(trim_whitespace=False)
    parent_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    attachments = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)


class ConversationCreateSerializer(serializers.Serializer):
    """`attachments`: ids of files that were uploaded before. `is_temporary`: it neither remembers nor is remembered."""

    text = serializers.CharField(trim_whitespace=False)
    assistant = serializers.UUIDField(required=False, allow_null=True, default=None)
    client_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    project = serializers.UUIDField(required=False, allow_null=True, default=None)
    is_temporary = serializers.BooleanField(required=False, default=False)
    uses_memory = serializers.BooleanField(required=False, default=True)
    attachments = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)


class TextSerializer(serializers.Serializer):
    text = serializers.CharField(trim_whitespace=False)


class TurnSerializer(serializers.Serializer):
    """`run` and `events_url` are null where the run was erased since."""

    conversation = serializers.UUIDField()
    question = serializers.UUIDField()
    answer = serializers.UUIDField()
    run = serializers.UUIDField(allow_null=True)
    events_url = serializers.CharField(allow_null=True)


class AttachmentSerializer(serializers.ModelSerializer):
    """`state`: ready, reading or failed. `content_url`: of pictures; a document is read under /documents."""

    state = serializers.SerializerMethodField()
    progress = serializers.SerializerMethodField()
    content_url = serializers.SerializerMethodField()

    class Meta:
        model = Attachment
        fields = [
            "id", "name", "media_type", "size_bytes", "width", "height", "document", "state", "progress",
            "content_url", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_state(self, row: Attachment) -> str:
        return file_presenters.state_of(row)

    def get_progress(self, row: Attachment) -> int:
        return row.document.progress if row.document is not None else 100

    def get_content_url(self, row: Attachment) -> str | None:
        return file_presenters.content_url(row)


class UploadSerializer(serializers.Serializer):
    file = serializers.FileField()


class FollowUpSerializer(serializers.ModelSerializer):
    """`error_code`: why it could not be asked. `after`: the answer it was written under."""

    after = serializers.UUIDField(source="after_id", allow_null=True)

    class Meta:
        model = FollowUp
        fields = [
            "id",
            "conversation",
            "text",
            "after",
            "attachments",
            "client_id",
            "error_code",
            "created_at",
        ]
        read_only_fields = fields


class AskedSerializer(serializers.Serializer):
    """What became of a question: asked at once, or waiting."""

    turn = TurnSerializer(allow_null=True)
    follow_up = FollowUpSerializer(allow_null=True)


class TagSerializer(serializers.Serializer):
    tag = serializers.CharField()
    conversations = serializers.IntegerField()


def read_question(sent: Any, conversation: Conversation) -> dict[str, Any]:
    """What a question is asked with: text, parent_id, client_id, attachments. Raises ValidationError."""
    form = MessageCreateSerializer(data=sent)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    return {
        "text": data["text"],
        "parent_id": data["parent_id"] or conversation.current_leaf_id,
        "client_id": data["client_id"],
        "attachments": data.get("attachments", ()),
    }

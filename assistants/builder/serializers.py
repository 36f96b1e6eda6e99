from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from rest_framework import serializers

from assistants.builder import choices, content, drafts, templates, trials
from assistants.builder.content import MAX_FALLBACKS, MAX_STARTERS, STARTER_LENGTH
from assistants.models import Assistant, AssistantVersion

NO_MODEL = "A draft of nothing that is saved needs a model."


class PicturedSerializer(serializers.ModelSerializer):
    """`avatar_url`: null where it has no picture. It changes with the picture, so that it may be kept."""

    avatar_url = serializers.SerializerMethodField()

    def get_avatar_url(self, row: Assistant) -> str | None:
        if not row.avatar:
            return None
        mark = row.avatar.rsplit("/", 1)[-1].removesuffix(".png")
        return f"{reverse('api:assistant-avatar', args=[row.id])}?v={mark}"


class AssistantSerializer(PicturedSerializer):
    """As everybody who may ask it sees it."""

    class Meta:
        model = Assistant
        fields = [
            "id", "name", "slug", "description", "model", "max_output_tokens", "starters", "visibility", "avatar_url",
            "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class AssistantFilterSerializer(serializers.Serializer):
    archived = serializers.BooleanField(
        required=False, default=False, help_text="Those that were put away, instead."
    )


class AssistantDetailSerializer(PicturedSerializer):
    """What is in use, for who may change it. `pinned_number`: the version in use when it is not the last one saved."""

    knowledge = serializers.SerializerMethodField()
    members = serializers.SerializerMethodField()

    class Meta:
        model = Assistant
        fields = [
            "id", "slug", *content.COLUMNS, "knowledge", "visibility", "members", "template", "pinned_number",
            "avatar_url", "created_at", "updated_at", "archived_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_knowledge(self, row: Assistant) -> list[str]:
        return [str(each) for each in row.knowledge.values_list("document_id", flat=True)]

    def get_members(self, row: Assistant) -> list[str]:
        return [str(each) for each in row.members.values_list("user_id", flat=True)]


class AssistantWriteSerializer(serializers.Serializer):
    """With PATCH, what is not said stays. `base`: the number of the version that was read; 409 when another came."""

    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=200, allow_blank=True, required=False)
    instructions = serializers.CharField(max_length=60_000, allow_blank=True, required=False)
    model = serializers.CharField(max_length=120)
    fallback_models = serializers.ListField(
        child=serializers.CharField(max_length=120), max_length=MAX_FALLBACKS, required=False
    )
    temperature = serializers.DecimalField(
        max_digits=3, decimal_places=2, min_value=0, max_value=2, required=False
    )
    max_output_tokens = serializers.IntegerField(min_value=16, max_value=32_000, required=False)
    tools = serializers.ListField(child=serializers.CharField(max_length=40), max_length=20, required=False)
    starters = serializers.ListField(
        child=serializers.CharField(max_length=STARTER_LENGTH), max_length=MAX_STARTERS, required=False
    )
    uses_memory = serializers.BooleanField(required=False)
    knowledge = serializers.ListField(child=serializers.UUIDField(), max_length=200, required=False)
    visibility = serializers.ChoiceField(choices=Assistant.Visibility.choices, required=False)
    members = serializers.ListField(child=serializers.UUIDField(), max_length=1000, required=False)
    base = serializers.IntegerField(required=False, min_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`context`: member; present, the models that the assistant has."""
        present = self.context.get("present", [])
        known = choices.refusals(choices.models(self.context["member"], present), present)
        for field in ("model", "fallback_models"):
            asked = attrs.get(field, [])
            for name in [asked] if isinstance(asked, str) else asked:
                if name not in known or known[name]:
                    raise serializers.ValidationError(
                        {field: known.get(name) or f"The model {name!r} is not offered here."}
                    )
        return attrs


class AssistantCreateSerializer(AssistantWriteSerializer):
    """`template`: what is not said is taken from it; the model is not."""

    base = None  # type: ignore[assignment]  # of nothing yet
    template = serializers.ChoiceField(choices=templates.ORDER, required=False)

    def to_internal_value(self, data: Any) -> Any:
        chosen = data.get("template") if isinstance(data, Mapping) else None
        if isinstance(chosen, str) and chosen in templates.ORDER:
            data = {**templates.get(chosen).initial, **data}
        return super().to_internal_value(data)


class AssistantVersionSerializer(serializers.ModelSerializer):
    class Meta:
        model = AssistantVersion
        fields = ["id", "number", "snapshot", "note", "created_at"]
        read_only_fields = fields


class VersionQuerySerializer(serializers.Serializer):
    against = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="A number; else the version before."
    )


class AssistantVersionDetailSerializer(AssistantVersionSerializer):
    """`changed`: names of what differs from the version that it is held against."""

    changed = serializers.ListField(child=serializers.CharField())

    class Meta(AssistantVersionSerializer.Meta):
        fields = [*AssistantVersionSerializer.Meta.fields, "changed"]
        read_only_fields = fields


class TallySerializer(serializers.Serializer):
    """Thumbs of all who gave one. `percent_good` is rounded down, 0 without any."""

    good = serializers.IntegerField()
    bad = serializers.IntegerField()
    total = serializers.IntegerField()
    percent_good = serializers.IntegerField()


class TemplateSerializer(serializers.Serializer):
    """An assistant to begin with: everything but the model. `needs`: what to do once, so that it works as meant."""

    key = serializers.CharField()
    name = serializers.CharField()
    summary = serializers.CharField()
    description = serializers.CharField()
    instructions = serializers.CharField()
    temperature = serializers.DecimalField(max_digits=3, decimal_places=2)
    max_output_tokens = serializers.IntegerField()
    tools = serializers.ListField(child=serializers.CharField())
    uses_memory = serializers.BooleanField()
    starters = serializers.ListField(child=serializers.CharField())
    needs = serializers.CharField()


class DraftSerializer(AssistantWriteSerializer):
    """What the test asks, saved or not."""

    name = serializers.CharField(max_length=80, required=False)
    model = serializers.CharField(max_length=120, required=False)
    visibility = members = base = None  # type: ignore[assignment]  # of no answer

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Its models are the service's to judge, which knows those of the saved one."""
        return attrs


class AssistantTrialSerializer(serializers.Serializer):
    """`assistant`: the saved one, whose limits hold; what `draft` does not say is as it was saved last. `earlier`: runs
    of the test so far, which the question follows."""

    question = serializers.CharField(max_length=trials.MAX_TEXT)
    assistant = serializers.UUIDField(required=False, allow_null=True, default=None)
    draft = DraftSerializer(required=False)
    earlier = serializers.ListField(
        child=serializers.UUIDField(), required=False, max_length=drafts.MOST_TOLD, default=list
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["assistant"] is None and not attrs.get("draft", {}).get("model"):
            raise serializers.ValidationError({"draft": {"model": NO_MODEL}}, code="required")
        return attrs


class AssistantTrialStartedSerializer(serializers.Serializer):
    """Watch `events_url`, or read the run."""

    run = serializers.UUIDField()
    events_url = serializers.CharField()

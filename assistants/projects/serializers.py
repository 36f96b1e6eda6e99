from typing import Any

from rest_framework import serializers

from assistants.models import Project
from assistants.projects import services


class ProjectSerializer(serializers.ModelSerializer):
    """`people`: its owner among them. `owner`: the person's id."""

    owner = serializers.UUIDField(source="owner_id")
    is_own = serializers.SerializerMethodField()
    conversations = serializers.IntegerField(source="talks")
    people = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = [
            "id", "name", "description", "instructions", "owner", "is_own", "conversations", "people", "created_at",
            "updated_at", "archived_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_is_own(self, row: Project) -> bool:
        return row.owner_id == self.context["member"].user_id

    def get_people(self, row: Any) -> int:
        return int(row.others) + 1


class ProjectFilterSerializer(serializers.Serializer):
    archived = serializers.BooleanField(required=False, allow_null=True, default=None)


class ProjectWriteSerializer(serializers.Serializer):
    """With PATCH, what is not said stays. `instructions` go with every question that is asked in it."""

    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=200, allow_blank=True, required=False)
    instructions = serializers.CharField(
        max_length=services.MAX_INSTRUCTIONS, allow_blank=True, required=False
    )


class ProjectChangeSerializer(ProjectWriteSerializer):
    is_archived = serializers.BooleanField(required=False)


class ProjectPersonSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    is_owner = serializers.BooleanField()
    is_self = serializers.BooleanField()


class ProjectPeopleSerializer(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = ProjectPersonSerializer(many=True)


class AddPersonSerializer(serializers.Serializer):
    """`person`: the id of somebody of the workspace, as /members tells it."""

    person = serializers.UUIDField()

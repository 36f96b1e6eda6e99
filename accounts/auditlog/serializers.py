from typing import Any

from rest_framework import serializers

from accounts.auditlog import exports, words
from accounts.auditlog.queries import Wanted
from tenants.models import AuditEntry


class AuditFilterSerializer(serializers.Serializer):
    """`since` is included, `until` is not."""

    person = serializers.UUIDField(required=False, help_text="A person's reference")
    kind = serializers.ChoiceField(required=False, choices=AuditEntry.ActorKind.choices)
    group = serializers.ChoiceField(required=False, choices=list(words.GROUPS))
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)
    target = serializers.RegexField(
        r"^[\w.:-]+$", max_length=106, required=False, help_text="An id, `type:id`, or a type"
    )

    def wanted(self) -> Wanted:
        return Wanted(**self.validated_data)

    def kept(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.validated_data.items()}


class AuditExportSerializer(AuditFilterSerializer):
    # `format` would choose a renderer.
    vars()["as"] = serializers.ChoiceField(required=False, default="jsonl", choices=list(exports.FORMS))

    def wanted(self) -> Wanted:
        return Wanted(**{name: value for name, value in self.validated_data.items() if name != "as"})

    def kept(self) -> dict[str, str]:
        found = super().kept()
        del found["as"]
        return found


class ActorSerializer(serializers.Serializer):
    kind = serializers.CharField()
    ref = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()


class OriginSerializer(serializers.Serializer):
    address = serializers.CharField()
    device = serializers.CharField()
    agent = serializers.CharField()
    session = serializers.CharField(help_text="The same for the same session, and nothing else")


class TargetSerializer(serializers.Serializer):
    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField()


class AuditEntrySerializer(serializers.Serializer):
    """`from` and `personal` are null where there was nothing, or where it was erased."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    action = serializers.CharField()
    what = serializers.CharField()
    actor = ActorSerializer()
    target = TargetSerializer(allow_null=True)
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    personal = serializers.DictField(allow_null=True)
    request_id = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's, `data` one of the framework's.
        more = {"data": serializers.DictField(), "from": OriginSerializer(allow_null=True)}
        return {**super().get_fields(), **more}

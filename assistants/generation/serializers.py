from typing import Any

from rest_framework import serializers

from assistants.generation import risks, services
from assistants.models import Run


class ChatSerializer(serializers.Serializer):
    """`conversation`: the turn goes on there, at `parent_id` or where it was left; without it a new one begins."""

    message = serializers.CharField(trim_whitespace=False)
    conversation = serializers.UUIDField(required=False, allow_null=True, default=None)
    parent_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    assistant = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Id or slug; the workspace’s first without it",
    )
    stream = serializers.BooleanField(required=False, default=False)


class AskSerializer(serializers.Serializer):
    question = serializers.CharField(trim_whitespace=False)
    assistant = serializers.CharField(required=False, allow_null=True, default=None, help_text="Id or slug")


class GenerateSerializer(serializers.Serializer):
    description = serializers.CharField(max_length=services.MAX_TEXT, trim_whitespace=False)
    language = serializers.CharField(required=False, allow_blank=True, default="", max_length=60)
    framework = serializers.CharField(required=False, allow_blank=True, default="", max_length=60)
    model = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    wait = serializers.BooleanField(required=False, default=True, help_text="false: 202 at once")


class GivenFileSerializer(serializers.Serializer):
    path = serializers.CharField(max_length=200)
    content = serializers.CharField(allow_blank=True, trim_whitespace=False)


class AnalyzeSerializer(serializers.Serializer):
    """Either `code` or `files`."""

    code = serializers.CharField(required=False, allow_blank=True, default="", trim_whitespace=False)
    files = serializers.ListField(
        child=GivenFileSerializer(), required=False, default=list, max_length=services.MAX_GIVEN
    )
    language = serializers.CharField(required=False, allow_blank=True, default="", max_length=40)
    question = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=services.MAX_TEXT
    )
    model = serializers.CharField(required=False, allow_blank=True, default="", max_length=120)
    wait = serializers.BooleanField(required=False, default=True, help_text="false: 202 at once")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["code"] and attrs["files"]:
            raise serializers.ValidationError({"files": "Send either code or files, not both."})
        return attrs


class UsageSerializer(serializers.Serializer):
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_micro = serializers.IntegerField(help_text="Millionths of a US dollar")
    is_estimated = serializers.BooleanField()


class CallProblemSerializer(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()


class ResultSerializer(serializers.Serializer):
    run = serializers.UUIDField(help_text="POST runs/{id}/stop ends it")
    state = serializers.ChoiceField(Run.State.choices)
    finish_reason = serializers.CharField(allow_null=True)
    problem = CallProblemSerializer(allow_null=True)
    model = serializers.CharField()
    usage = UsageSerializer()
    receipt = serializers.UUIDField(allow_null=True, help_text="GET receipts/{id}")


class SourceSerializer(serializers.Serializer):
    number = serializers.IntegerField(help_text="As the answer cites it: [1]")
    document = serializers.UUIDField()
    passage = serializers.UUIDField()
    name = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    heading = serializers.CharField(allow_blank=True)
    is_cited = serializers.BooleanField()


class AnswerSerializer(ResultSerializer):
    conversation = serializers.UUIDField(allow_null=True)
    question = serializers.UUIDField(allow_null=True)
    message = serializers.UUIDField(allow_null=True, help_text="The message that holds the answer")
    answer = serializers.CharField(allow_blank=True)
    sources = SourceSerializer(many=True)


class GateSerializer(serializers.Serializer):
    name = serializers.CharField()
    path = serializers.CharField(allow_blank=True, help_text="Empty: of the whole answer")
    ok = serializers.BooleanField(allow_null=True, help_text="null: nothing here can judge it")
    detail = serializers.CharField()


class WrittenFileSerializer(serializers.Serializer):
    path = serializers.CharField(help_text="Relative and safe to write below a folder")
    language = serializers.CharField(allow_blank=True)
    content = serializers.CharField(allow_blank=True)


class GenerationSerializer(ResultSerializer):
    files = WrittenFileSerializer(many=True)
    gates = GateSerializer(many=True)


class FunctionSerializer(serializers.Serializer):
    name = serializers.CharField()
    line = serializers.IntegerField()
    end_line = serializers.IntegerField()


class ClassSerializer(FunctionSerializer):
    methods = FunctionSerializer(many=True)


class StructureSerializer(serializers.Serializer):
    path = serializers.CharField()
    language = serializers.CharField(allow_blank=True)
    lines = serializers.IntegerField()
    parses = serializers.BooleanField(allow_null=True)
    detail = serializers.CharField()
    functions = FunctionSerializer(many=True)
    classes = ClassSerializer(many=True)
    imports = serializers.ListField(child=serializers.CharField())


class RiskSerializer(serializers.Serializer):
    path = serializers.CharField()
    line = serializers.IntegerField(allow_null=True, help_text="null: it named one that is not there")
    severity = serializers.ChoiceField(risks.SEVERITIES)
    title = serializers.CharField(allow_blank=True)
    detail = serializers.CharField(allow_blank=True)
    advice = serializers.CharField(allow_blank=True)


class AnalysisSerializer(ResultSerializer):
    structure = StructureSerializer(many=True)
    summary = serializers.CharField(allow_blank=True)
    risks = RiskSerializer(many=True)
    gates = GateSerializer(many=True)

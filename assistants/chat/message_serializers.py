"""Shapes of messages in the REST API, as `bodies` makes them."""

from rest_framework import serializers

from assistants.models import Message, Run


class MessageFileSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    media_type = serializers.CharField()
    size_bytes = serializers.IntegerField()
    document = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(choices=["ready", "reading", "failed"])
    content_url = serializers.CharField(allow_null=True)


class FeedbackSerializer(serializers.Serializer):
    is_good = serializers.BooleanField()
    comment = serializers.CharField(allow_blank=True, required=False, default="")


class RunProblemSerializer(serializers.Serializer):
    code = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()
    retry_at = serializers.DateTimeField(allow_null=True)


class MessageRunSerializer(serializers.Serializer):
    """The latest run of an answer. `events_url`: while it goes on."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Run.State.choices)
    model = serializers.CharField()
    finish_reason = serializers.CharField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_micro = serializers.IntegerField()
    is_estimated = serializers.BooleanField()
    receipt_id = serializers.UUIDField(allow_null=True)
    error = RunProblemSerializer(allow_null=True)
    events_url = serializers.CharField(allow_null=True)


class CitationSerializer(serializers.Serializer):
    """A passage that the answer had before it. `number`: as the text cites it, [1]. `page`: 0 where there are none."""

    number = serializers.IntegerField()
    document = serializers.UUIDField()
    passage = serializers.UUIDField()
    name = serializers.CharField()
    page = serializers.IntegerField()
    heading = serializers.CharField()
    is_cited = serializers.BooleanField()
    url = serializers.CharField()


class UsedMemorySerializer(serializers.Serializer):
    """What the answer remembered and the caller may see. `is_history`: it says something else by now."""

    id = serializers.UUIDField()
    text = serializers.CharField()
    layer = serializers.CharField()
    url = serializers.CharField()
    is_history = serializers.BooleanField()


class CallSerializer(serializers.Serializer):
    """`is_asked`: it waits for the caller's decision."""

    id = serializers.UUIDField()
    tool = serializers.CharField()
    title = serializers.CharField()
    state = serializers.CharField()
    argument = serializers.CharField()
    result = serializers.CharField()
    is_asked = serializers.BooleanField()


class MessageSerializer(serializers.Serializer):
    """A node of the tree. `siblings`: itself and the other wordings or answers, in order of time."""

    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]  # the field of that name
    siblings = serializers.ListField(child=serializers.UUIDField())
    role = serializers.ChoiceField(choices=Message.Role.choices)
    text = serializers.CharField()
    created_at = serializers.DateTimeField()
    attachments = MessageFileSerializer(many=True)
    feedback = FeedbackSerializer(allow_null=True)
    run = MessageRunSerializer(allow_null=True)
    sources = CitationSerializer(many=True)
    memories = UsedMemorySerializer(many=True)
    tool_calls = CallSerializer(many=True)


class MessageListSerializer(serializers.Serializer):
    """Messages of one branch in order of time. `next` leads to what stands before them. `leaf`: the branch's end."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    leaf = serializers.UUIDField(allow_null=True)
    results = MessageSerializer(many=True)


class MessageQuerySerializer(serializers.Serializer):
    through = serializers.UUIDField(
        required=False, help_text="The newest branch through this message; else the one looked at last."
    )
    before = serializers.UUIDField(required=False, help_text="What stands before this message.")
    after = serializers.UUIDField(required=False, help_text="What follows this message.")
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200, default=60)


class NodeSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]  # the field of that name
    role = serializers.ChoiceField(choices=Message.Role.choices)


class TreeSerializer(serializers.Serializer):
    """Every message of every branch in order of time, without texts."""

    leaf = serializers.UUIDField(allow_null=True)
    nodes = NodeSerializer(many=True)


class LeafSerializer(serializers.Serializer):
    """Request: any message. Answer: the end of the newest branch through it, which is shown from now on."""

    message = serializers.UUIDField()

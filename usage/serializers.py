"""Shapes of usage in the REST API."""

from typing import Any

from rest_framework import serializers

from usage.limits.queries import METERS_OF_RUNS
from usage.models import Meter, SubjectKind, Window
from usage.rollups.queries import GroupBy
from usage.rollups.sums import FIGURES


class FiguresSerializer(serializers.Serializer):
    """Sums over a time. Tokens, pieces, milliseconds; `cost_micro` in millionths of the currency's unit."""

    tokens = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), **{name: serializers.IntegerField() for name in FIGURES}}


class StandingSerializer(serializers.Serializer):
    """A limit in its present window. `limit` null is unlimited."""

    meter = serializers.ChoiceField(choices=Meter.choices)
    window = serializers.ChoiceField(choices=Window.choices)
    subject = serializers.ChoiceField(choices=SubjectKind.choices)
    subject_id = serializers.CharField(help_text="Empty for the workspace.")
    limit = serializers.IntegerField(allow_null=True)
    warn_at = serializers.IntegerField(allow_null=True, help_text="From here the owners are told.")
    block_at = serializers.IntegerField(allow_null=True, help_text="New runs are refused above this.")
    used = serializers.IntegerField()
    held = serializers.IntegerField(help_text="By runs that are going on; what they do not use returns.")
    window_start = serializers.DateField()
    resets_at = serializers.DateTimeField(allow_null=True)
    projected = serializers.IntegerField(
        allow_null=True, help_text="At the window's end, at the rate so far."
    )
    who_can_raise = serializers.CharField()
    set_by = serializers.CharField(help_text="plan, key, workspace or staff.")
    is_overridden = serializers.BooleanField()
    overridden_until = serializers.DateTimeField(allow_null=True)


class LimitSerializer(StandingSerializer):
    id = serializers.IntegerField()


class PeriodSerializer(serializers.Serializer):
    first = serializers.DateField()
    last = serializers.DateField()
    timezone = serializers.CharField()


class CurrentSerializer(serializers.Serializer):
    """`month` and `today` by the workspace's own calendar. `is_own`: only the caller's usage is counted."""

    period = PeriodSerializer()
    is_own = serializers.BooleanField()
    month = FiguresSerializer()
    today = FiguresSerializer()
    limits = LimitSerializer(many=True)


class HistoryRowSerializer(FiguresSerializer):
    key = serializers.CharField(
        allow_null=True, help_text="A date, an hour, an id or a model; null for none."
    )
    name = serializers.CharField()


class HistorySerializer(serializers.Serializer):
    period = PeriodSerializer()
    is_own = serializers.BooleanField()
    group_by = serializers.ChoiceField(choices=[group.value for group in GroupBy])
    results = HistoryRowSerializer(many=True)


class LimitListSerializer(serializers.Serializer):
    results = LimitSerializer(many=True)


class HistoryQuerySerializer(serializers.Serializer):
    to = serializers.DateField(required=False, help_text="Default: today, in the workspace's zone.")
    group_by = serializers.ChoiceField(choices=[group.value for group in GroupBy], default=GroupBy.DAY.value)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python.
        first = serializers.DateField(required=False, help_text="Default: 29 days before `to`.")
        return {"from": first, **super().get_fields()}


class LimitCreateSerializer(serializers.Serializer):
    """Money in millionths of the currency's unit, everything else in pieces."""

    subject = serializers.ChoiceField(choices=["person", "assistant", "api_key"])
    subject_id = serializers.UUIDField(help_text="Of a person: their reference, as usage names them.")
    meter = serializers.ChoiceField(choices=[meter.value for meter in METERS_OF_RUNS])
    window = serializers.ChoiceField(choices=Window.choices)
    amount = serializers.IntegerField(min_value=0, max_value=2**53 - 1)


class OwnLimitSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    subject = serializers.CharField(source="subject_kind")
    subject_id = serializers.CharField()
    meter = serializers.CharField()
    window = serializers.CharField()
    amount = serializers.IntegerField(allow_null=True)


class StopSerializer(serializers.Serializer):
    """`scope`: platform, workspace, assistant, model. `set_by`: workspace or staff."""

    id = serializers.IntegerField(read_only=True)
    scope = serializers.CharField()
    target = serializers.CharField(
        allow_blank=True, help_text="The assistant’s id, or empty for all of the workspace."
    )
    reason = serializers.CharField()
    set_by = serializers.CharField(source="authority")
    created_at = serializers.DateTimeField()


class StopListSerializer(serializers.Serializer):
    results = StopSerializer(many=True)


class StopCreateSerializer(serializers.Serializer):
    assistant = serializers.UUIDField(required=False, help_text="Without it, all of the workspace.")
    reason = serializers.CharField(max_length=200)

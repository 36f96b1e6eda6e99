"""Shapes of contracts in the REST API. Figures are decimal strings, so that none loses a digit."""

from rest_framework import serializers

from billing.outcomes.models import MOST_DIGITS, PLACES, Contract, Measurement


class MilestoneSerializer(serializers.Serializer):
    percent = serializers.IntegerField()
    share_bp = serializers.IntegerField(help_text="Part of the fee, in basis points.")
    amount_minor = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["open", "reached", "invoiced", "free"])
    reached_at = serializers.DateTimeField(allow_null=True)
    invoice_id = serializers.CharField()


class MeasurementSerializer(serializers.Serializer):
    value = serializers.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    progress_bp = serializers.IntegerField(help_text="Of the way from baseline to target, in basis points.")
    evidence = serializers.CharField()
    evidence_url = serializers.CharField()
    source = serializers.ChoiceField(choices=Measurement.Source.choices)  # type: ignore[assignment]  # a field's name
    recorded_by = serializers.CharField()
    measured_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()


class ContractSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    title = serializers.CharField()
    goal = serializers.ChoiceField(choices=Contract.Goal.choices)
    unit = serializers.CharField()
    baseline = serializers.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    target = serializers.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    current = serializers.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    progress_bp = serializers.IntegerField()
    best_bp = serializers.IntegerField(help_text="The highest so far: milestones go by it.")
    fee_minor = serializers.IntegerField()
    due_minor = serializers.IntegerField(help_text="What fell due so far.")
    currency = serializers.CharField()
    net_days = serializers.IntegerField()
    state = serializers.ChoiceField(choices=Contract.State.choices)
    accepted_at = serializers.DateTimeField(allow_null=True)
    activated_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    milestones = MilestoneSerializer(many=True)
    measurements = MeasurementSerializer(many=True)


class ContractsSerializer(serializers.Serializer):
    """All of them: there is no next page."""

    results = ContractSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class MeasuringSerializer(serializers.Serializer):
    """A value and where it comes from: `evidence`, `evidence_url`, or both."""

    value = serializers.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    evidence = serializers.CharField(required=False, default="", allow_blank=True, max_length=4000)
    evidence_url = serializers.URLField(required=False, default="", allow_blank=True, max_length=1000)
    measured_at = serializers.DateTimeField(required=False, default=None, allow_null=True)

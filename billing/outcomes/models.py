"""Contracts that are paid by what they bring about: a goal, its milestones, and what was measured."""

import uuid

from django.db import models
from django.db.models import F, Q

MOST_DIGITS, PLACES = 20, 4
"""Of figures that are measured."""


class Contract(models.Model):
    """What is to rise (or fall) from `baseline` to `target`, and the fee for all of it.

    Staff draft and offer it, an owner accepts it, staff activate it: from then on it is measured. It is completed
    with its last milestone, or ended before. `net_days` 0 charges the payment method, else an invoice is mailed.
    """

    class Goal(models.TextChoices):
        TRAFFIC = "traffic", "More traffic"
        CONVERSION = "conversion", "Better conversion"
        ENGAGEMENT = "engagement", "More engagement"
        LEADS = "leads", "More leads"
        OWN = "own", "A goal of one's own"

    class State(models.TextChoices):
        DRAFT = "draft"
        OFFERED = "offered"
        ACCEPTED = "accepted"
        ACTIVE = "active"
        COMPLETED = "completed"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace_id = models.UUIDField()
    title = models.CharField(max_length=120)
    goal = models.CharField(max_length=10, choices=Goal.choices)
    unit = models.CharField(max_length=60)
    baseline = models.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    target = models.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    fee_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3, default="usd")
    net_days = models.PositiveSmallIntegerField(default=14)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    created_by_ref = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    accepted_by_ref = models.UUIDField(null=True)
    accepted_at = models.DateTimeField(null=True)
    activated_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace_id", "-created_at"], name="contract_recent")]
        constraints = [
            models.CheckConstraint(condition=~Q(target=F("baseline")), name="contract_has_a_way"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "offered", "ended"]) | Q(accepted_at__isnull=False),
                name="contract_accepted_first",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.state})"


class ContractMilestone(models.Model):
    """A part of the way, and the part of the fee that falls due there. Once reached it stays reached."""

    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="milestones")
    percent = models.PositiveSmallIntegerField()
    share_bp = models.PositiveIntegerField()
    amount_minor = models.PositiveBigIntegerField()
    reached_at = models.DateTimeField(null=True)
    reached_by = models.ForeignKey("Measurement", on_delete=models.PROTECT, null=True, related_name="+")
    stripe_invoice_id = models.CharField(max_length=255, blank=True)
    invoiced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["contract", "percent"], name="milestone_once"),
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=100, share_bp__lte=10_000),
                name="milestone_within_the_whole",
            ),
            models.CheckConstraint(
                condition=Q(invoiced_at=None) | Q(reached_at__isnull=False),
                name="milestone_invoiced_if_reached",
            ),
        ]
        indexes = [
            models.Index(
                fields=["reached_at"],
                condition=Q(reached_at__isnull=False, invoiced_at=None),
                name="milestone_to_invoice",
            )
        ]

    def __str__(self) -> str:
        return f"{self.percent} % of {self.contract_id}"


class Measurement(models.Model):
    """A value and its evidence. Append-only: a wrong one is followed by a right one."""

    class Source(models.TextChoices):
        PAGE = "page"
        API = "api", "API"
        STAFF = "staff"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    contract = models.ForeignKey(Contract, on_delete=models.PROTECT, related_name="measurements")
    value = models.DecimalField(max_digits=MOST_DIGITS, decimal_places=PLACES)
    progress_bp = models.IntegerField()
    evidence = models.TextField(blank=True)
    evidence_url = models.URLField(max_length=1000, blank=True)
    source = models.CharField(max_length=5, choices=Source.choices)
    recorded_by_ref = models.UUIDField(null=True)
    measured_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["contract", "-measured_at"], name="measurement_recent")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(evidence="") | ~Q(evidence_url=""), name="measurement_has_evidence"
            )
        ]

    def __str__(self) -> str:
        return f"{self.value} at {self.measured_at:%Y-%m-%d}"

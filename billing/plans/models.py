"""Plans: what can be bought, and each version of it that was ever sold."""

import uuid

from django.db import models
from django.db.models import Q


class Plan(models.Model):
    """One version of a plan. Never edited once somebody may be on it: a change is a new version, and who has the old
    one keeps it until moved.

    `limits`: list of {meter, window, amount|null, warn_percent?, block_percent?, subject_kind?}; `rates`: requests per
    minute {per_key, per_person, per_workspace}, each may be null; `features`: keys that are included.
    `seats_included` None is unlimited. `seat_price`: each seat beyond (or, with `is_per_seat`, each seat) is charged.
    A plan with `workspace_id` is one workspace's own (enterprise). `from_minor`: from what a plan that is asked for
    starts a month. `fingerprint` is of all that makes a version, its prices too.
    """

    class Sale(models.TextChoices):
        FREE = "free"
        PAID = "paid"
        CONTACT = "contact"
        UNPRICED = "unpriced"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    catalogue = models.CharField(max_length=40)
    key = models.CharField(max_length=40)
    version = models.PositiveIntegerField(default=1)
    workspace_id = models.UUIDField(null=True, blank=True)
    name = models.CharField(max_length=80)
    tagline = models.CharField(max_length=200, blank=True)
    rank = models.PositiveSmallIntegerField(default=0)
    sale = models.CharField(max_length=10, choices=Sale.choices)
    currency = models.CharField(max_length=3, default="usd")
    limits = models.JSONField(default=list)
    rates = models.JSONField(default=dict)
    features = models.JSONField(default=list)
    support = models.CharField(max_length=20, default="community")
    is_per_seat = models.BooleanField(default=False)
    seats_included = models.PositiveIntegerField(null=True, default=1)
    trial_days = models.PositiveSmallIntegerField(default=0)
    is_passthrough = models.BooleanField(default=False)
    is_highlighted = models.BooleanField(default=False)
    net_days = models.PositiveSmallIntegerField(default=0)
    from_minor = models.PositiveBigIntegerField(null=True)
    fingerprint = models.CharField(max_length=64)
    is_current = models.BooleanField(default=True)
    stripe_product_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["catalogue", "key", "version", "workspace_id"],
                name="plan_version_once",
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["catalogue", "key", "workspace_id"],
                condition=Q(is_current=True),
                name="plan_one_current",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(sale__in=["free", "paid", "contact", "unpriced"]), name="plan_sale_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.version})"


class PlanPrice(models.Model):
    """What a plan costs for an interval. Stripe finds it by `lookup_key`. Never edited.

    `amount_minor`: of a licensed price for one unit (the plan, or with `is_per_seat` a seat); of a metered one for a
    million units of `meter`, so that 100 for `cost_micro` is cost without a mark-up.
    """

    class Interval(models.TextChoices):
        MONTH = "month"
        YEAR = "year"

    class Kind(models.TextChoices):
        LICENSED = "licensed"
        METERED = "metered"

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="prices")
    interval = models.CharField(max_length=5, choices=Interval.choices)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.LICENSED)
    meter = models.CharField(max_length=20, blank=True)
    amount_minor = models.PositiveBigIntegerField()
    lookup_key = models.CharField(max_length=120, unique=True)
    stripe_price_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["plan", "interval", "kind", "meter"], name="plan_price_once"),
        ]
        indexes = [models.Index(fields=["stripe_price_id"], name="plan_price_stripe")]

    def __str__(self) -> str:
        return f"{self.plan} {self.amount_minor} per {self.interval}"

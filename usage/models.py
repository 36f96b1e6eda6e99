"""Holds, the ledger, prices and stops. All in `public`: money survives a workspace that is restored to yesterday.

Amounts are integers: tokens, and micro-units of the platform's currency (1,000,000 = one unit).
"""

from django.db import models
from django.db.models import F, Q


class Hold(models.Model):
    """What a run may use, and the lease of the worker that runs it. Its id is the run's id.

    `attempt` is the fencing token: a worker may write only while its attempt is the present one and the state is held.
    """

    class State(models.TextChoices):
        HELD = "held"
        SETTLED = "settled"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True, editable=False)
    workspace_id = models.UUIDField()
    person_ref = models.UUIDField()
    api_key_id = models.UUIDField(null=True)
    assistant_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=120)
    lines = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    attempt = models.IntegerField(default=0)
    is_claimed = models.BooleanField(default=False)
    lease_expires_at = models.DateTimeField()
    stop_requested_at = models.DateTimeField(null=True)
    stop_reason = models.CharField(max_length=40, blank=True)
    release_reason = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["lease_expires_at"], condition=Q(state="held"), name="hold_lease_due"),
            models.Index(fields=["workspace_id", "-created_at"], name="hold_workspace_recent"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["held", "settled", "released"]), name="hold_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="held", resolved_at=None)
                | (~Q(state="held") & Q(resolved_at__isnull=False)),
                name="hold_resolved_iff_not_held",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state} {self.id}"


class LedgerEntry(models.Model):
    """What was used and what it cost. Append-only: a database trigger refuses UPDATE and DELETE.

    `hold_id` is unique among settlements, so that a run is charged at most once. Entries of account `platform` are
    cost that no workspace pays, such as what a provider billed for a lost attempt.
    """

    class Kind(models.TextChoices):
        SETTLEMENT = "settlement"
        REVERSAL = "reversal"
        RERATING = "re-rating"
        ADJUSTMENT = "adjustment"

    class Account(models.TextChoices):
        WORKSPACE = "workspace"
        PLATFORM = "platform"

    hold_id = models.UUIDField()
    workspace_id = models.UUIDField()
    person_ref = models.UUIDField()
    api_key_id = models.UUIDField(null=True)
    assistant_id = models.UUIDField(null=True)
    account = models.CharField(max_length=10, choices=Account.choices, default=Account.WORKSPACE)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    run_kind = models.CharField(max_length=20)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    messages = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    cost_micro = models.BigIntegerField(default=0)
    is_estimated = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(
                fields=["hold_id"],
                condition=Q(kind="settlement", account="workspace"),
                name="ledger_one_settlement",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace_id", "-created_at"], name="ledger_workspace_recent"),
            models.Index(fields=["hold_id"], name="ledger_hold"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.cost_micro} µ of {self.hold_id}"


class Price(models.Model):
    """Micro-units per million tokens of one meter of one model, from `effective_at` on."""

    class Meter(models.TextChoices):
        INPUT = "input_tokens"
        CACHED = "cached_tokens"
        OUTPUT = "output_tokens"

    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    meter = models.CharField(max_length=20, choices=Meter.choices)
    micro_per_million = models.BigIntegerField()
    effective_at = models.DateTimeField()
    source = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "model", "meter", "effective_at"], name="price_once"),
            models.CheckConstraint(condition=Q(micro_per_million__gte=0), name="price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.meter}: {self.micro_per_million} µ per million"


class Stop(models.Model):
    """A switch that refuses new runs and ends running ones within its scope, until it is lifted."""

    class Scope(models.TextChoices):
        PLATFORM = "platform"
        WORKSPACE = "workspace"
        ASSISTANT = "assistant"
        MODEL = "model"

    scope = models.CharField(max_length=10, choices=Scope.choices)
    target = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=200)
    created_by_ref = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "target"], condition=Q(lifted_at=None), name="stop_once"
            ),
            models.CheckConstraint(
                condition=Q(scope="platform", target="") | (~Q(scope="platform") & ~Q(target="")),
                name="stop_has_target",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None) | Q(lifted_at__gte=F("created_at")), name="stop_lifted_after"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.target}".strip()

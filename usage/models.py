"""Holds, the ledger, prices and stops. All in `public`: money survives a workspace that is restored to yesterday.

Amounts are integers: tokens, and micro-units of the platform's currency (1,000,000 = one unit).
"""

from django.db import models
from django.db.models import F, Q

import usage.reconciliation.models
import usage.rerating.models
import usage.rollups.models
import usage.spend.models
import usage.statements.models  # noqa: F401  registers these tables
from usage.features.models import Rights as Rights  # noqa: PLC0414  the rest imports it from here
from usage.limits.models import QuotaNotice as QuotaNotice  # noqa: PLC0414
from usage.pace.models import RequestRate as RequestRate  # noqa: PLC0414


class Hold(models.Model):
    """What a run may use, and the lease of the worker that runs it. Its id is the run's id.

    `attempt` is the fencing token: a worker may write only while its attempt is the present one and the state is held.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        HELD = "held"
        SETTLED = "settled"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True, editable=False)
    workspace_id = models.UUIDField()
    person_ref = models.UUIDField()
    api_key_id = models.UUIDField(null=True)
    assistant_id = models.UUIDField(null=True)
    project_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=120)
    request = models.JSONField(default=dict)
    lines = models.JSONField(default=list)
    output_cap = models.BigIntegerField(default=0)
    ticket = models.BigIntegerField(null=True)
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
            models.Index(
                fields=["lease_expires_at"], condition=Q(state__in=["waiting", "held"]), name="hold_due"
            ),
            models.Index(fields=["workspace_id", "-created_at"], name="hold_workspace_recent"),
            models.Index(
                fields=["workspace_id", "ticket"], condition=Q(state="waiting"), name="hold_waiting"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "held", "settled", "released"]), name="hold_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "held"], resolved_at=None)
                | Q(state__in=["settled", "released"], resolved_at__isnull=False),
                name="hold_resolved_iff_final",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state} {self.id}"


class LedgerEntry(models.Model):
    """What was used and what it cost. Append-only: a database trigger refuses UPDATE and DELETE.

    `hold_id` is unique among settlements, so that a run is charged at most once. Entries of account `platform` are
    cost that no workspace pays, such as what a provider billed for a lost attempt. `rated_at` is the instant whose
    price applied. A reversal and a re-rating name the entry they correct.
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
    project_id = models.UUIDField(null=True)
    lines = models.JSONField(default=list)
    account = models.CharField(max_length=10, choices=Account.choices, default=Account.WORKSPACE)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    correction_id = models.UUIDField(null=True)
    corrects_id = models.BigIntegerField(null=True)
    rated_at = models.DateTimeField(null=True)
    variant = models.CharField(max_length=40, blank=True)
    run_kind = models.CharField(max_length=20)
    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    messages = models.BigIntegerField(default=0)
    input_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    output_tokens = models.BigIntegerField(default=0)
    reasoning_tokens = models.BigIntegerField(default=0)
    images = models.BigIntegerField(default=0)
    audio_in_ms = models.BigIntegerField(default=0)
    audio_out_ms = models.BigIntegerField(default=0)
    websites = models.BigIntegerField(default=0)
    generations = models.BigIntegerField(default=0)
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
            models.UniqueConstraint(
                fields=["correction_id", "corrects_id", "kind"],
                condition=Q(correction_id__isnull=False),
                name="ledger_corrected_once",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace_id", "-created_at"], name="ledger_workspace_recent"),
            models.Index(fields=["hold_id"], name="ledger_hold"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.cost_micro} µ of {self.hold_id}"


class Meter(models.TextChoices):
    """What is counted. Tokens, pieces, milliseconds, bytes, and micro-units of the platform's currency."""

    MESSAGES = "messages"
    TOKENS = "tokens"
    INPUT_TOKENS = "input_tokens"
    CACHED_TOKENS = "cached_tokens"
    OUTPUT_TOKENS = "output_tokens"
    REASONING_TOKENS = "reasoning_tokens"
    IMAGES = "images"
    AUDIO_IN_MS = "audio_in_ms"
    AUDIO_OUT_MS = "audio_out_ms"
    WEBSITES = "websites"
    GENERATIONS = "generations"
    STORED_BYTES = "stored_bytes"
    COST_MICRO = "cost_micro"
    SEATS = "seats"
    ASSISTANTS = "assistants"
    PROJECTS = "projects"


GAUGES = frozenset({Meter.STORED_BYTES, Meter.SEATS, Meter.ASSISTANTS, Meter.PROJECTS})
"""Meters that also fall: what is there now, not what was used."""


class Window(models.TextChoices):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    PERIOD = "period", "billing period"
    TOTAL = "total"


class SubjectKind(models.TextChoices):
    WORKSPACE = "workspace"
    PERSON = "person"
    API_KEY = "api_key", "API key"
    ASSISTANT = "assistant"
    PROJECT = "project"
    WIDGET = "widget"
    VISITOR = "visitor"
    PLATFORM = "platform"


class Limit(models.Model):
    """How much of a meter a subject may use in a window. `amount` None is unlimited.

    `warn_percent` and `block_percent` are lines below the amount: new runs are refused above the block line, further
    steps of a started run above the amount. A platform limit has no workspace.
    """

    class Source(models.TextChoices):
        PLAN = "plan"
        KEY = "key"
        WORKSPACE = "workspace"
        STAFF = "staff"

    workspace_id = models.UUIDField(null=True)
    subject_kind = models.CharField(max_length=10, choices=SubjectKind.choices)
    subject_id = models.CharField(max_length=36, blank=True)
    meter = models.CharField(max_length=20, choices=Meter.choices)
    window = models.CharField(max_length=8, choices=Window.choices)
    amount = models.BigIntegerField(null=True)
    warn_percent = models.SmallIntegerField(default=80)
    block_percent = models.SmallIntegerField(default=100)
    source = models.CharField(max_length=10, choices=Source.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id", "subject_kind", "subject_id", "meter", "window"],
                name="limit_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(amount=None) | Q(amount__gte=0), name="limit_not_negative"),
            models.CheckConstraint(
                condition=Q(
                    warn_percent__gte=1, warn_percent__lte=100, block_percent__gte=1, block_percent__lte=100
                ),
                name="limit_percent_range",
            ),
            models.CheckConstraint(
                condition=Q(subject_kind="platform", workspace_id=None)
                | (~Q(subject_kind="platform") & Q(workspace_id__isnull=False)),
                name="limit_platform_iff_no_workspace",
            ),
        ]

    def __str__(self) -> str:
        amount = "unlimited" if self.amount is None else f"{self.amount:,}"
        return f"{amount} {self.meter} per {self.window} and {self.subject_kind}"


class LimitOverride(models.Model):
    """Another amount for a limit, with a reason, until it expires."""

    limit = models.ForeignKey(Limit, on_delete=models.CASCADE, related_name="overrides")
    amount = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    created_by_ref = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0), name="override_not_negative")]

    def __str__(self) -> str:
        return f"{self.amount:,} until {self.expires_at:%Y-%m-%d}: {self.reason}"


class Counter(models.Model):
    """What a subject used of a meter in one window, and what running work holds of it.

    `window_start` is the workspace's local date on which the window began, so that each instant lies in exactly one
    window whatever clocks do. `opening` is what the ledger knew already when the limit came in the middle of a window;
    `used` is that and every entry since. A row of the platform's limits without a workspace is the pool (`held` =
    drawn by workspaces); with a workspace it is that one's share, and `granted` is what it drew.
    """

    workspace_id = models.UUIDField(null=True)
    subject_kind = models.CharField(max_length=10, choices=SubjectKind.choices)
    subject_id = models.CharField(max_length=36, blank=True)
    meter = models.CharField(max_length=20, choices=Meter.choices)
    window = models.CharField(max_length=8, choices=Window.choices)
    window_start = models.DateField()
    opening = models.BigIntegerField(default=0)
    used = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    granted = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id", "subject_kind", "subject_id", "meter", "window", "window_start"],
                name="counter_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=Q(used__gte=0, held__gte=0), name="counter_not_negative"),
            models.CheckConstraint(
                condition=Q(granted=None) | Q(granted__gte=F("used") + F("held")), name="counter_within_share"
            ),
        ]

    def __str__(self) -> str:
        return (
            f"{self.subject_kind} {self.meter} {self.window} {self.window_start}: {self.used} + {self.held}"
        )


class Price(models.Model):
    """Micro-units per million units of one meter of one model, from `effective_at` on.

    `variant` names what else decides the price, such as an image's size and quality. Rows are never edited: a new
    price is a new row, and a correction of the past is a new row with an earlier date, followed by a re-rating.
    """

    METERS = (
        Meter.INPUT_TOKENS,
        Meter.CACHED_TOKENS,
        Meter.OUTPUT_TOKENS,
        Meter.REASONING_TOKENS,
        Meter.IMAGES,
        Meter.AUDIO_IN_MS,
        Meter.AUDIO_OUT_MS,
    )

    provider = models.CharField(max_length=40)
    model = models.CharField(max_length=120)
    variant = models.CharField(max_length=40, blank=True)
    meter = models.CharField(max_length=20, choices=[(meter.value, meter.label) for meter in METERS])
    micro_per_million = models.BigIntegerField()
    effective_at = models.DateTimeField()
    source = models.CharField(max_length=200)
    author_ref = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(micro_per_million__gte=0), name="price_not_negative"),
        ]
        indexes = [models.Index(fields=["provider", "model", "meter", "-effective_at"], name="price_lookup")]

    def __str__(self) -> str:
        return f"{self.model} {self.variant} {self.meter}: {self.micro_per_million} µ per million".replace(
            "  ", " "
        )


class Stop(models.Model):
    """A switch that refuses new runs and ends running ones within its scope, until it is lifted.

    `workspace_id`: whose members are told, for a workspace and an assistant of one.
    """

    class Scope(models.TextChoices):
        PLATFORM = "platform"
        WORKSPACE = "workspace"
        ASSISTANT = "assistant"
        MODEL = "model"
        PROVIDER = "provider"

    class Authority(models.TextChoices):
        """Who set it, and therefore who may lift it."""

        WORKSPACE = "workspace"
        STAFF = "staff"
        ALARM = "alarm"

    scope = models.CharField(max_length=10, choices=Scope.choices)
    target = models.CharField(max_length=120, blank=True)
    workspace_id = models.UUIDField(null=True, editable=False)
    authority = models.CharField(max_length=10, choices=Authority.choices, default=Authority.STAFF)
    reason = models.CharField(max_length=200)
    created_by_ref = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "target", "authority"], condition=Q(lifted_at=None), name="stop_once"
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


from usage.receipts.models import (  # noqa: E402, F401  Django looks for an app's models here
    AuditPending,
    Checkpoint,
    Log,
    LogKind,
    LogLeaf,
    LogNode,
    LogVerdict,
    Receipt,
    SigningKey,
)

"""What was used, by day and by hour: sums of the ledger that pages and API read instead of its rows.

Every ledger entry of a workspace is added exactly once, to the local day and hour on which it was written
(docs/usage-pages.md). Rows can be thrown away and made again from the ledger at any time.
"""

from django.db import models
from django.db.models import Q


class Sums(models.Model):
    """The summed columns of the ledger, under the same names."""

    entries = models.BigIntegerField()
    messages = models.BigIntegerField()
    input_tokens = models.BigIntegerField()
    cached_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    reasoning_tokens = models.BigIntegerField()
    images = models.BigIntegerField()
    audio_in_ms = models.BigIntegerField()
    audio_out_ms = models.BigIntegerField()
    websites = models.BigIntegerField()
    generations = models.BigIntegerField()
    cost_micro = models.BigIntegerField()

    class Meta:
        abstract = True


class DailyRollup(Sums):
    """One local day of a workspace, by everything that usage can be asked for."""

    workspace_id = models.UUIDField()
    date = models.DateField()
    person_ref = models.UUIDField()
    assistant_id = models.UUIDField(null=True)
    model = models.CharField(max_length=120)
    api_key_id = models.UUIDField(null=True)
    project_id = models.UUIDField(null=True)
    run_kind = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "workspace_id", "date", "person_ref", "assistant_id", "model", "api_key_id", "project_id",
                    "run_kind",
                ],
                name="daily_rollup_once",
                nulls_distinct=False,
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["workspace_id", "person_ref", "date"], name="daily_rollup_own")]

    def __str__(self) -> str:
        return f"{self.date}: {self.entries} entries of {self.workspace_id}"


class HourlyRollup(Sums):
    """One local hour of a person in a workspace. The hour that clocks repeat is one row."""

    workspace_id = models.UUIDField()
    date = models.DateField()
    hour = models.SmallIntegerField()
    person_ref = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id", "date", "hour", "person_ref"], name="hourly_rollup_once"
            ),
            models.CheckConstraint(condition=Q(hour__gte=0, hour__lte=23), name="hourly_rollup_hour"),
        ]
        indexes = [models.Index(fields=["workspace_id", "person_ref", "date"], name="hourly_rollup_own")]

    def __str__(self) -> str:
        return f"{self.date} {self.hour:02}: {self.entries} entries of {self.workspace_id}"


class DayTotal(Sums):
    """One local day of a whole workspace, by one thing only, so that a year is few rows.

    `dimension` is a GroupBy: the day itself (`key` empty), an hour ("07"), or one person, assistant, model, key or
    project (its id or name as text, empty for none).
    """

    workspace_id = models.UUIDField()
    dimension = models.CharField(max_length=10)
    date = models.DateField()
    key = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id", "dimension", "date", "key"], name="day_total_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} by {self.dimension}: {self.entries} entries of {self.workspace_id}"


class RollupState(models.Model):
    """One row: entries up to `folded_id` are in the daily and hourly rollups, those up to `totals_id` in the totals;
    all later ones are not.

    `next_id` is where the following step may end once every transaction older than `next_xid` is over: a lower id may
    become visible after a higher one.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    folded_id = models.BigIntegerField(default=0)
    totals_id = models.BigIntegerField(default=0, db_default=0)
    next_id = models.BigIntegerField(default=0)
    next_xid = models.BigIntegerField(default=0)
    folded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="rollup_state_single"),
            models.CheckConstraint(
                condition=Q(next_id__gte=models.F("folded_id")), name="rollup_state_ahead"
            ),
        ]

    def __str__(self) -> str:
        return f"folded up to {self.folded_id}"

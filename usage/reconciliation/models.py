"""Open items: where two books disagree, or one of them is missing, until somebody says why."""

from django.db import models
from django.db.models import Q


class BooksItem(models.Model):
    """One difference, by name. Closing the same day again updates it; it is never silently gone.

    `workspace_id` None is the platform. `subject` says what of it differs: a meter, a counter, an invariant.
    """

    class Kind(models.TextChoices):
        COUNTERS = "counters", "ledger and counters differ"
        RECEIPTS = "receipts", "ledger and receipts differ"
        PROVIDER = "provider", "ledger and provider differ"
        NO_REPORT = "no-report", "no report of the provider"
        BILLED = "billed", "ledger and billed meters differ"
        NO_BILLER = "no-biller", "the biller could not be asked"
        PRICES = "prices", "ledger and price book differ"
        LOG = "log", "a log of receipts or audit entries is not sound"
        INVARIANT = "invariant", "an invariant does not hold"

    class State(models.TextChoices):
        OPEN = "open"
        EXPLAINED = "explained"
        SETTLED = "settled", "no longer there"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    workspace_id = models.UUIDField(null=True)
    model = models.CharField(max_length=120, blank=True)
    subject = models.CharField(max_length=120, blank=True)
    day = models.DateField()
    expected = models.BigIntegerField(default=0)
    found = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    note = models.TextField(blank=True)
    explained_by_ref = models.UUIDField(null=True)
    alarmed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "workspace_id", "model", "subject", "day"],
                name="books_item_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=~Q(state="explained") | ~Q(note=""), name="books_item_explained_in_words"
            ),
        ]
        indexes = [models.Index(fields=["state", "-day"], name="books_item_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.model} {self.subject} {self.day}".replace("  ", " ")

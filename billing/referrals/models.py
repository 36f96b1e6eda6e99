"""Who invited whom, and the credits that came of it. By person references only: who is erased is erased here too."""

import uuid

from django.db import models
from django.db.models import Q


class ReferralCode(models.Model):
    """The one link of a person: /r/<code>/."""

    code = models.CharField(max_length=16, primary_key=True)
    person_ref = models.UUIDField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """A person who came by another's link; each person comes once.

    signed_up (the address is not confirmed yet) → joined → qualified (they paid their first invoice) → credited.
    Refused, with a reason, at confirmation or at the payment; never once credited.
    """

    class State(models.TextChoices):
        SIGNED_UP = "signed_up"
        JOINED = "joined"
        QUALIFIED = "qualified"
        CREDITED = "credited"
        REFUSED = "refused"

    class Reason(models.TextChoices):
        NONE = ""
        SELF = "self", "It was the same person."
        SAME_WORKSPACE = "same_workspace", "You work in the same workspace."
        SAME_CARD = "same_card", "The invoice was paid with your own card."
        RING = "ring", "The invitations lead back to the same people."
        NO_WORKSPACE = "no_workspace", "There is no workspace of yours to credit."

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referrer_ref = models.UUIDField(db_index=True)
    referee_ref = models.UUIDField(unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.SIGNED_UP)
    reason = models.CharField(max_length=20, choices=Reason.choices, blank=True)
    invoice_id = models.CharField(max_length=255, blank=True)
    cards_compared_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    joined_at = models.DateTimeField(null=True)
    qualified_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(referrer_ref=models.F("referee_ref")), name="referral_not_of_oneself"
            ),
            models.CheckConstraint(
                condition=Q(state="refused") ^ Q(reason=""), name="referral_reason_iff_refused"
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(state="qualified"), name="referral_due"),
        ]

    def __str__(self) -> str:
        return f"referral {self.state} {self.id}"


class ReferralCredit(models.Model):
    """One side's credit: pending until the payment service has it on the customer's balance, then credited for good."""

    class Side(models.TextChoices):
        REFERRER = "referrer"
        REFEREE = "referee"

    class State(models.TextChoices):
        PENDING = "pending"
        CREDITED = "credited"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="credits")
    side = models.CharField(max_length=8, choices=Side.choices)
    workspace_id = models.UUIDField(db_index=True)
    amount_minor = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, default="usd")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    begun_at = models.DateTimeField(null=True)
    transaction_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    credited_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["referral", "side"], name="referral_credit_once"),
            models.CheckConstraint(
                condition=Q(state="pending", credited_at=None)
                | Q(state="credited", credited_at__isnull=False),
                name="referral_credited_iff_done",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} to the {self.side} {self.state}"

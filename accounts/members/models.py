"""Invitations: an address, a role, and a link that works for seven days (docs/accounts.md)."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models.functions import Lower

from tenants.models import Workspace

LIFE = timedelta(days=7)


class State(models.TextChoices):
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    REVOKED = "revoked"
    EXPIRED = "expired"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> "InvitationQuerySet":
        """Not answered and not revoked; they may have expired."""
        return self.filter(accepted_at=None, declined_at=None, revoked_at=None)

    def pending(self, *, now: datetime) -> "InvitationQuerySet":
        """Those whose link works. Each holds a seat."""
        return self.open().filter(expires_at__gt=now)


class Invitation(models.Model):
    """`email` in lower case. `token_hash`: SHA-256; the token itself is in the mail only. `invited_by`: a person's
    reference. That it expires is a function of time: nothing is written then."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10)
    token_hash = models.BinaryField(max_length=32, unique=True)
    invited_by = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    sent_count = models.PositiveIntegerField(default=1)
    last_sent_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=models.Q(accepted_at=None, declined_at=None, revoked_at=None),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="invitation_email_lower"),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "member", "viewer"]),
                name="invitation_role_known",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(declined_at=None, revoked_at=None),
                name="invitation_ends_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["email"],
                condition=models.Q(accepted_at=None, declined_at=None, revoked_at=None),
                name="invitation_open_email",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.workspace_id}"

    def state(self, now: datetime) -> State:
        """One that was replaced after it had expired still reads as expired."""
        if self.accepted_at is not None:
            return State.ACCEPTED
        if self.declined_at is not None:
            return State.DECLINED
        if self.revoked_at is not None and self.revoked_at < self.expires_at:
            return State.REVOKED
        return State.PENDING if now < self.expires_at else State.EXPIRED

    @property
    def masked_email(self) -> str:
        """For whoever holds the link without being the one it was sent to."""
        local, _, domain = self.email.partition("@")
        return f"{local[:1]}…@{domain}"

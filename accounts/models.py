"""People, their memberships, and API keys."""

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from accounts import api_keys
from accounts.handoff.models import HostSession  # noqa: F401  a topic of its own
from accounts.idempotency.models import IdempotentCall  # noqa: F401  a topic of its own
from accounts.legal.models import Consent  # noqa: F401  a topic of its own
from accounts.mails.models import Mail  # noqa: F401  a topic of its own
from accounts.members.models import Invitation  # noqa: F401  a topic of its own
from accounts.privacy.models import ErasureJob, ExportJob  # noqa: F401  a topic of its own
from accounts.signin.models import KnownDevice  # noqa: F401  a topic of its own
from accounts.sso.models import Connection, Identity, MailDomain  # noqa: F401  a topic of its own
from tenants.models import Workspace


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Signs in by e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    display_name = models.CharField(max_length=80, blank=True)
    # A name in the files' storage.
    avatar = models.CharField(max_length=120, blank=True, default="", db_default="")
    language = models.CharField(max_length=10, default="en", db_default="en")
    # Of the pages outside a workspace; empty: the browser's.
    timezone = models.CharField(max_length=64, blank=True, default="", db_default="")
    preferences = models.JSONField(default=dict, db_default={})
    # Version by legal page that the person accepted last (accounts/legal).
    accepted = models.JSONField(default=dict, db_default={})
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    objects = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique_ignoring_case")]

    def __str__(self) -> str:
        return self.email

    @property
    def name(self) -> str:
        return self.display_name or self.email.split("@", 1)[0]

    @property
    def initials(self) -> str:
        words = self.name.replace(".", " ").replace("_", " ").split()
        return "".join(word[0] for word in words[:2]).upper() or "?"


class PersonReference(models.Model):
    """Maps a random reference to a person. Ledger, holds, receipts and audit carry only the reference, so that
    deleting this row erases the person from them without touching an append-only row."""

    ref = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="person_reference")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.ref)


class Membership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"
        VIEWER = "viewer"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "member", "viewer"]),
                name="membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} of {self.workspace_id}"


class ApiKey(models.Model):
    """A key of one membership. Only the SHA-256 of the key is stored; `prefix` finds the row (docs/api-keys.md).

    Until `former_ends_at` the secret that it had before works as well.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    # Empty: in the format from before there were environments.
    environment = models.CharField(max_length=8, default="", db_default="", blank=True)
    key_hash = models.BinaryField(max_length=32)
    former_hash = models.BinaryField(max_length=32, null=True)
    former_ends_at = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list)
    # Networks in CIDR notation; none: from everywhere.
    addresses = models.JSONField(default=list, db_default=[])
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(former_hash=None, former_ends_at=None)
                | models.Q(former_hash__isnull=False, former_ends_at__isnull=False),
                name="api_key_former_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"

    @property
    def shown(self) -> str:
        """As much of the key as everybody may see."""
        return f"{api_keys.head_of(self.environment)}{self.prefix}…"

"""Receipts and the append-only logs that hold them. In `public`, beside the ledger (docs/receipts.md)."""

import uuid

from django.db import models
from django.db.models import Q, Value

HASH_BYTES = 32
PLATFORM = uuid.UUID(int=0)
"""Whose log holds audit entries that belong to no workspace: it has the one log of them, and no receipts."""


class LogKind(models.TextChoices):
    """Each workspace has one log of each kind."""

    RECEIPTS = "receipts"
    AUDIT = "audit"


class SigningKey(models.Model):
    """An Ed25519 key that signs checkpoints. One is in force; `sealed_private` goes when no log needs it any more."""

    class Reason(models.TextChoices):
        ROUTINE = "routine"
        COMPROMISED = "compromised"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    public_key = models.BinaryField(max_length=HASH_BYTES)
    sealed_private = models.BinaryField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)
    retired_reason = models.CharField(max_length=12, choices=Reason.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Value(True),  # noqa: FBT003  an index of one constant: one row at most
                condition=Q(retired_at=None),
                name="signing_key_one_in_force",
            ),
            models.CheckConstraint(
                condition=Q(retired_at=None, retired_reason="")
                | (Q(retired_at__isnull=False) & ~Q(retired_reason="")),
                name="signing_key_retired_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} ({'retired' if self.retired_at else 'in force'})"


class Log(models.Model):
    """A Merkle tree that only grows. `size` leaves are numbered; only the sequencer, under its lock, changes a row.

    `mailed_size`: how far the checkpoint reached that was mailed last.
    """

    workspace_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=LogKind.choices)
    size = models.BigIntegerField(default=0)
    mailed_size = models.BigIntegerField(default=0)
    first_key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="logs_begun")
    signing_key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="logs")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "kind"], name="log_once"),
            models.CheckConstraint(condition=Q(size__gte=0), name="log_size_not_negative"),
        ]

    def __str__(self) -> str:
        return self.origin

    @property
    def origin(self) -> str:
        """The name of the log in its checkpoints."""
        return f"steward/{self.workspace_id}/{self.kind}"


class LogVerdict(models.Model):
    """What a log was found to be the last time that all of it was looked at (nightly). Its `root` was that of `size`.

    `integrity`, `completeness`: as `verdicts.Verdict` in JSON. `began_at`: what was recorded well before is in it.
    """

    log = models.OneToOneField(Log, on_delete=models.CASCADE, related_name="verdict")
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=HASH_BYTES)
    integrity = models.JSONField()
    completeness = models.JSONField()
    began_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.log_id} at {self.size}"


class LogNode(models.Model):
    """The hash of a perfect subtree: of the leaves `index << level` to `(index + 1 << level) - 1`. Append-only."""

    pk = models.CompositePrimaryKey("log_id", "level", "index")
    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_index=False)
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=HASH_BYTES)

    def __str__(self) -> str:
        return f"{self.log_id} {self.level}:{self.index}"


class Receipt(models.Model):
    """What was recorded of one settled run, from the moment of settlement on.

    `body` is the canonical JSON whose hash is the leaf, kept as it was hashed. A database trigger allows one change
    ever: the number and the hash that the sequencer gives. The other columns repeat the body, for lists.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        NUMBERED = "numbered"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace_id = models.UUIDField()
    hold_id = models.UUIDField(unique=True)
    person_ref = models.UUIDField()
    kind = models.CharField(max_length=20)
    model = models.CharField(max_length=120)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    leaf_index = models.BigIntegerField(null=True)
    leaf_hash = models.BinaryField(max_length=HASH_BYTES, null=True)
    created_at = models.DateTimeField()
    numbered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "leaf_index"], name="receipt_number_once"),
            models.CheckConstraint(
                condition=Q(state="pending", leaf_index=None, leaf_hash=None, numbered_at=None)
                | Q(
                    state="numbered",
                    leaf_index__gte=0,
                    leaf_hash__isnull=False,
                    numbered_at__isnull=False,
                ),
                name="receipt_numbered_iff_in_log",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace_id", "-created_at", "-id"], name="receipt_workspace_recent"),
            models.Index(
                fields=["workspace_id", "person_ref", "-created_at", "-id"], name="receipt_person_recent"
            ),
            models.Index(
                fields=["workspace_id", "created_at"], condition=Q(state="pending"), name="receipt_pending"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state} {self.id}"


class LogLeaf(models.Model):
    """A leaf that is not a receipt: an audit entry, or a change of keys in either log. Append-only."""

    class Type(models.TextChoices):
        AUDIT = "audit"
        ROTATION = "key-rotation"

    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_index=False)
    leaf_index = models.BigIntegerField()
    type = models.CharField(max_length=12, choices=Type.choices)
    entry_id = models.BigIntegerField(null=True, unique=True)
    body = models.TextField()
    leaf_hash = models.BinaryField(max_length=HASH_BYTES)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "log leaves"
        constraints = [
            models.UniqueConstraint(fields=["log", "leaf_index"], name="log_leaf_number_once"),
            models.CheckConstraint(
                condition=Q(type="audit", entry_id__isnull=False) | Q(type="key-rotation", entry_id=None),
                name="log_leaf_entry_iff_audit",
            ),
        ]
        indexes = [
            models.Index(
                fields=["log", "leaf_index"], condition=Q(type="key-rotation"), name="log_leaf_rotations"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.leaf_index} of {self.log_id}"


class AuditPending(models.Model):
    """An audit entry that waits for its leaf. A database trigger adds the row in the entry's own transaction."""

    entry_id = models.BigIntegerField(primary_key=True)
    workspace_id = models.UUIDField(db_index=True)

    def __str__(self) -> str:
        return str(self.entry_id)


class Checkpoint(models.Model):
    """A signed statement that the log had this root at this size. Append-only."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, db_index=False)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=HASH_BYTES)
    note = models.TextField()
    signing_key = models.ForeignKey(SigningKey, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["log", "size"], name="checkpoint_once")]

    def __str__(self) -> str:
        return f"{self.log_id} at {self.size}"

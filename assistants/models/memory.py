import uuid

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q


class MemoryItem(models.Model):
    """One remembered statement of the layers that are kept in rows: 3 to 6, and 8 (docs/memory.md).

    `person_id` is None in the shared layer alone. `slot`: what the statement is about ("database"), by which a newer
    one supersedes it. A superseded or forgotten item is kept as history and never recalled.
    """

    class Layer(models.TextChoices):
        EPISODIC = "episodic"
        SEMANTIC = "semantic"
        PREFERENCE = "preference"
        PROCEDURAL = "procedural"
        SHARED = "shared"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    layer = models.CharField(max_length=12, choices=Layer.choices)
    person_id = models.UUIDField(null=True)
    assistant = models.ForeignKey("Assistant", null=True, on_delete=models.CASCADE, related_name="memories")
    text = models.TextField()
    slot = models.CharField(max_length=120, blank=True)
    confidence = models.PositiveSmallIntegerField(default=100)
    source_message = models.ForeignKey(
        "Message", null=True, on_delete=models.SET_NULL, related_name="memories"
    )
    source_conversation = models.ForeignKey(
        "Conversation", null=True, on_delete=models.SET_NULL, related_name="memories"
    )
    source_document = models.ForeignKey(
        "Document", null=True, on_delete=models.SET_NULL, related_name="memories"
    )
    happened_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    use_count = models.PositiveIntegerField(default=0)
    pinned_at = models.DateTimeField(null=True)
    superseded_by = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="supersedes")
    superseded_at = models.DateTimeField(null=True)
    search = models.GeneratedField(
        expression=SearchVector("text", config="simple"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        indexes = [
            GinIndex(fields=["search"], name="memory_item_search"),
            models.Index(
                fields=["person_id", "layer", "-updated_at"],
                condition=Q(superseded_at=None),
                name="memory_item_present",
            ),
            models.Index(
                fields=["person_id", "slot"], condition=Q(superseded_at=None), name="memory_item_slot"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(layer="shared", person_id=None)
                | (~Q(layer="shared") & Q(person_id__isnull=False)),
                name="memory_item_owned",
            ),
            models.CheckConstraint(condition=Q(confidence__lte=100), name="memory_item_confidence"),
        ]

    def __str__(self) -> str:
        return f"{self.layer} {self.id}"


class MemoryRefusal(models.Model):
    """ "Never remember this": what a person forbade. `text` is compared with what would be kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person_id = models.UUIDField()
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["person_id"], name="memory_refusal_person")]

    def __str__(self) -> str:
        return str(self.id)


class MemoryChoice(models.Model):
    """A person's own switch. No row: memory is on."""

    person_id = models.UUIDField(primary_key=True)
    is_on = models.BooleanField(default=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.person_id)


class ConversationSummary(models.Model):
    """Layer 2: what the messages up to and with `until` said, in short. One branch's summary is no other's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", on_delete=models.CASCADE, related_name="summaries")
    until = models.ForeignKey("Message", on_delete=models.CASCADE, related_name="summaries")
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["until"], name="conversation_summary_once")]

    def __str__(self) -> str:
        return str(self.id)


class Entity(models.Model):
    """Layer 7: somebody or something that statements are about. `key`: its name in lower case, without marks."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    key = models.CharField(max_length=120)
    kind = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key"], name="entity_once")]

    def __str__(self) -> str:
        return self.name


class Relation(models.Model):
    """An edge of the graph, with the item that says so: who may see that item may see the edge, nobody else."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Entity, on_delete=models.CASCADE, related_name="relations_from")
    predicate = models.CharField(max_length=80)
    object = models.ForeignKey(Entity, on_delete=models.CASCADE, related_name="relations_to")
    item = models.ForeignKey(MemoryItem, on_delete=models.CASCADE, related_name="relations")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "predicate", "object", "item"], name="relation_once")
        ]

    def __str__(self) -> str:
        return self.predicate

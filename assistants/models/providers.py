import uuid

from django.db import models


class Provider(models.Model):
    """A workspace's own access to models: OpenAI or anything that speaks its protocol.

    `is_local`: on a private host, which the operator allows: no cloud. `key_sealed`: bound to the workspace and this
    field (config/sealing.py); only its last four characters are shown.
    """

    class Kind(models.TextChoices):
        OPENAI = "openai", "OpenAI"
        COMPATIBLE = "compatible", "OpenAI-compatible server"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    slug = models.SlugField(max_length=40, unique=True)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    base_url = models.CharField(max_length=300)
    key_sealed = models.BinaryField(null=True)
    key_last_four = models.CharField(max_length=4, blank=True)
    is_on = models.BooleanField(default=True)
    is_local = models.BooleanField(default=False)
    created_by_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    tested_at = models.DateTimeField(null=True)
    test_code = models.CharField(max_length=60, blank=True)

    def __str__(self) -> str:
        return self.name


class ProviderModel(models.Model):
    """A model that a workspace's own provider lists, or listed once.

    `is_listed`: it stands in the provider's list as it was read last. `is_chosen`: an admin lets it be used.
    `is_offered`: both; what assistants may have.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=120)
    is_offered = models.BooleanField(default=True)
    is_listed = models.BooleanField(default=True)
    is_chosen = models.BooleanField(default=True)
    has_vision = models.BooleanField(default=False)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "name"], name="provider_model_once")]

    def __str__(self) -> str:
        return self.name

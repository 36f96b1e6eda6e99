"""Every feature that a plan may include: the one registry. Each has a place that asks for it (tests/usage/features)."""

from django.db import models


class Feature(models.TextChoices):
    API_ACCESS = "api_access", "API access"
    ADMIN_CONTROLS = "admin_controls", "Own limits and emergency stops"
    USAGE_HISTORY = "usage_history", "Usage history"
    RECEIPTS_EXPORT = "receipts_export", "Export of the receipt log"
    STATEMENTS = "statements", "Monthly statements"
    SHARED_WORKSPACE = "shared_workspace", "Working together in one workspace"
    CLOUD_MODELS = "cloud_models", "Cloud models"
    OWN_KEYS = "own_keys", "Own keys of model providers"
    CUSTOM_ASSISTANTS = "custom_assistants", "Own assistants"
    BASIC_MEMORY = "basic_memory", "Basic memory"
    ADVANCED_MEMORY = "advanced_memory", "Advanced memory"
    EMBED = "embed", "A chat on your own site"
    IMAGES = "images", "AI images"
    VOICE = "voice", "Speech and transcription"


def label_of(key: str) -> str:
    """What people read. A key of a plan that is not registered is shown as it is."""
    return str(Feature(key).label) if key in Feature.values else key.replace("_", " ")

"""The models of a provider as rows: brought up to its list, and switched by admins. In the caller's transaction."""

from datetime import datetime

from django.conf import settings

from assistants.models import Provider, ProviderModel
from assistants.providers.refusals import ModelGone

NO_CHAT = (
    "embed", "whisper", "tts", "transcribe", "dall-e", "moderation", "image", "realtime", "audio", "sora", "rerank",
    "babbage", "davinci",
)  # fmt: skip
"""In names of models that do not chat: they begin switched off."""
MOST_GONE = 60
"""Rows of models that are listed no more: a list that is another one each time must not grow them for ever."""
FIELDS = ["is_listed", "is_chosen", "is_offered", "has_vision", "seen_at"]


def take_over(provider: Provider, names: tuple[str, ...], now: datetime) -> None:
    """New ones appear, gone ones are not offered any more, and what an admin chose stays. Five queries."""
    known = {row.name: row for row in provider.models.all()}
    for row in known.values():
        row.is_listed = row.name in names
        row.is_offered = row.is_listed and row.is_chosen
        row.seen_at = now if row.is_listed else row.seen_at
    ProviderModel.objects.bulk_update(known.values(), FIELDS)
    ProviderModel.objects.bulk_create(_new(provider, name, now) for name in names if name not in known)
    gone = provider.models.filter(is_listed=False).order_by("-seen_at", "name")
    forgotten = list(gone.values_list("pk", flat=True)[MOST_GONE:])
    provider.models.filter(pk__in=forgotten).delete()


def _new(provider: Provider, name: str, now: datetime) -> ProviderModel:
    chats = not any(part in name.lower() for part in NO_CHAT)
    sees = provider.kind == Provider.Kind.OPENAI and name in settings.VISION_MODELS
    return ProviderModel(
        provider=provider, name=name, seen_at=now, is_chosen=chats, is_offered=chats, has_vision=sees
    )


def choose(provider: Provider, shown: set[int], chosen: set[int], seeing: set[int]) -> int:
    """How many changed. Raises ModelGone."""
    rows = {row.pk: row for row in provider.models.filter(pk__in=shown)}
    if rows.keys() != shown:
        raise ModelGone()
    changed = []
    for key, row in rows.items():
        wanted = (key in chosen, key in seeing)
        if (row.is_chosen, row.has_vision) != wanted:
            row.is_chosen, row.has_vision = wanted
            row.is_offered = row.is_chosen and row.is_listed
            changed.append(row)
    ProviderModel.objects.bulk_update(changed, FIELDS)
    return len(changed)

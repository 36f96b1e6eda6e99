"""Writes to a workspace's own providers of models (docs/models.md). Keys are sealed before they are kept."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.permissions import Member
from assistants.models import Provider
from assistants.providers import addresses, listing, models, sealing
from assistants.providers.listing import Listing
from assistants.providers.refusals import KeyNeededAgain, ProviderChanged, TooManyProviders, about
from config import errors
from tenants import audit
from usage.features import queries as features
from usage.features.keys import Feature

MOST_PROVIDERS = 20
SLUG_LENGTH = 24
MOST_KEY = 500
SHOWN_FROM = 12
"""Of a shorter key the last four would be too much of it."""
Kind = Provider.Kind


@dataclass(frozen=True)
class Wanted:
    """What an admin says. `key` empty: the one that is there stays, unless `drops_key`. `base_url` is of compatible
    servers only."""

    name: str
    kind: str
    base_url: str = ""
    key: str = field(default="", repr=False)
    drops_key: bool = False


def add_provider(*, member: Member, wanted: Wanted) -> Provider:
    """Asks the name server where private hosts are allowed: outside every transaction.

    Raises ProviderRefused, TooManyProviders, FeatureNotIncluded unless the server is local.
    """
    base_url, is_local = _reach(member, wanted)
    now = timezone.now()
    with transaction.atomic():
        _lock_all()
        name = _free_name(wanted.name, None)
        row = Provider(
            name=name,
            slug=_free_slug(name),
            kind=wanted.kind,
            base_url=base_url,
            is_local=is_local,
            created_by_id=member.user_id,
            created_at=now,
            updated_at=now,
        )
        _seal(member.workspace_id, row, wanted.key)
        _require_key(row)
        row.save(force_insert=True)
        _record(member, row, "provider.added", kind=row.kind)
    return row


def edit_provider(*, member: Member, provider: Provider, wanted: Wanted) -> None:
    """Its slug stays, by which assistants name its models. The names of fields that changed go into the audit log.

    Outside every transaction. Raises ProviderRefused, FeatureNotIncluded, and KeyNeededAgain where the address changes
    and a key would go along to it.
    """
    base_url, is_local = _reach(member, wanted)
    with transaction.atomic():
        _lock_all()
        row = _locked(provider)
        name = _free_name(wanted.name, row.id)
        # SECURITY: compared under the lock with what is there now, not with what the page showed.
        if base_url != row.base_url and row.key_sealed is not None and not (wanted.key or wanted.drops_key):
            raise KeyNeededAgain()
        said = {"name": name, "kind": wanted.kind, "base_url": base_url, "is_local": is_local}
        changed = [each for each, value in said.items() if getattr(row, each) != value]
        for each in changed:
            setattr(row, each, said[each])
        if wanted.key or (wanted.drops_key and row.key_sealed is not None):
            _seal(member.workspace_id, row, wanted.key)
            changed.append("key")
        _require_key(row)
        if not changed:
            return
        if {"base_url", "key"} & set(changed):
            row.tested_at, row.test_code = None, ""
        row.updated_at = timezone.now()
        row.save()
        _record(member, row, "provider.edited", fields=changed)


def switch_provider(*, member: Member, provider: Provider, is_on: bool) -> None:
    """Switched off, none of its models answers from the next question on. Nothing happens where it is so already.

    Raises FeatureNotIncluded for switching on what is not local.
    """
    if is_on and not provider.is_local:
        features.require(member.workspace_id, Feature.OWN_KEYS)
    with transaction.atomic():
        row = _locked(provider)
        if row.is_on == is_on:
            return
        row.is_on, row.updated_at = is_on, timezone.now()
        row.save(update_fields=["is_on", "updated_at"])
        _record(member, row, "provider.switched_on" if is_on else "provider.switched_off")


def remove_provider(*, member: Member, provider: Provider) -> None:
    """Its key and the list of its models go with it. What was used stays in the ledger."""
    with transaction.atomic():
        row = _locked(provider)
        _record(member, row, "provider.removed")
        row.delete()


def test_provider(*, member: Member, provider: Provider) -> Listing:
    """Asks the server for its models and keeps what came; a failure changes no model.

    Outside every transaction; takes up to `listing.TIME_S`. Raises FeatureNotIncluded unless the server was local, and
    ProviderChanged when it was edited meanwhile: then nothing is kept.
    """
    if not provider.is_local:
        features.require(member.workspace_id, Feature.OWN_KEYS)
    try:
        key = sealing.key_of(provider, member.workspace_id)
    except sealing.KeyUnreadable:
        found = Listing("key_unreadable")
    else:
        found = listing.read(provider.base_url, key)
    now = timezone.now()
    with transaction.atomic():
        row = _locked(provider)
        if (row.base_url, row.updated_at) != (provider.base_url, provider.updated_at):
            raise ProviderChanged()
        row.tested_at, row.test_code = now, found.code
        if found.is_ok:
            row.is_local = found.is_local
            models.take_over(row, found.models, now)
        row.save(update_fields=["tested_at", "test_code", "is_local"])
        _record(member, row, "provider.tested", code=found.code, models=len(found.models))
    return found


def choose_models(
    *,
    member: Member,
    provider: Provider,
    shown: Collection[int],
    chosen: Collection[int],
    seeing: Collection[int],
) -> None:
    """Of the models that were `shown`: which may be used, and which see images. Others stay as they are.

    Raises ModelGone when one that was shown is gone.
    """
    with transaction.atomic():
        row = _locked(provider)
        changed = models.choose(row, set(shown), set(chosen), set(seeing))
        if changed:
            _record(member, row, "provider.models_chosen", models=changed)


def _reach(member: Member, wanted: Wanted) -> tuple[str, bool]:
    """The address as it is kept, and whether it is local: then the key is no cloud's. Raises FeatureNotIncluded."""
    if wanted.kind == Kind.OPENAI:
        base_url, is_local = addresses.OPENAI_URL, False
    else:
        base_url = addresses.normalised(wanted.base_url)
        is_local = addresses.is_local(base_url)
    if not is_local:
        features.require(member.workspace_id, Feature.OWN_KEYS)
    return base_url, is_local


def _lock_all() -> None:
    """Names and the number are counted by one writer of the workspace at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.providers', 0))")


def _locked(provider: Provider) -> Provider:
    """Raises NotFound when it was removed meanwhile."""
    row = Provider.objects.select_for_update().filter(id=provider.id).first()
    if row is None:
        raise errors.NotFound()
    return row


def _free_name(text: str, own_id: UUID | None) -> str:
    name = " ".join(text.split())
    if not name:
        raise about("name", "Give it a name.")
    rows = Provider.objects.values_list("id", "name")
    others = [each for key, each in rows if key != own_id]
    if name.casefold() in {each.casefold() for each in others}:
        raise about("name", "There is a provider of this name already.")
    if own_id is None and len(others) >= MOST_PROVIDERS:
        raise TooManyProviders(f"A workspace has {MOST_PROVIDERS} providers at most. Remove one first.")
    return name


def _free_slug(name: str) -> str:
    """Never changed again. None that a model of the platform begins with."""
    stem = slugify(name)[: SLUG_LENGTH - 3].strip("-_") or "provider"
    taken = set(Provider.objects.values_list("slug", flat=True))
    taken |= {model.partition("/")[0] for model in settings.CHAT_MODELS}
    tries = [stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3))]
    return next(each for each in tries if each not in taken)


def _seal(workspace_id: UUID, row: Provider, key: str) -> None:
    key = key.strip()
    if len(key) > MOST_KEY or not all(32 < ord(sign) < 127 for sign in key):
        raise about("key", "A key has no spaces and only plain letters, digits and signs.")
    row.key_sealed = sealing.seal(workspace_id, row.id, key) if key else None
    row.key_last_four = key[-4:] if len(key) >= SHOWN_FROM else ""


def _require_key(row: Provider) -> None:
    if row.kind == Kind.OPENAI and row.key_sealed is None:
        raise about("key", "OpenAI needs a key.")


def _record(member: Member, row: Provider, action: str, **data: Any) -> None:
    # SECURITY: never the key, and never the address: either may carry a secret.
    audit.record(
        action,
        actor=member.actor,
        workspace_id=member.workspace_id,
        target=("provider", row.id),
        **data,
    )

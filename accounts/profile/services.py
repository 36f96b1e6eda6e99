"""What a person says about themselves, and how they like it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from accounts import services as accounts_services
from accounts.models import User
from config import errors
from tenants import audit, pictures
from tenants.keys import person_file_name
from tenants.settings.values import ZONES

LANGUAGES = {"en": "English"}
"""Only what pages and mails are written in."""
THEMES = {"system": "As the system", "light": "Light", "dark": "Dark"}
NAME_LENGTH = 80


class ProfileRefused(errors.DomainError):
    """`data`: the field."""

    code = "profile_refused"
    status = 422


def update(
    *, user_id: UUID, display_name: str, language: str, timezone: str, preferences: Mapping[str, Any]
) -> None:
    """`timezone` empty: none of their own. `preferences`: as `read_preferences` gives them. Raises ProfileRefused."""
    name = " ".join(display_name.split())
    _check(name, language, timezone, preferences)
    with transaction.atomic():
        user = User.objects.select_for_update().get(id=user_id)
        before, was = _shown(user), user.display_name
        user.display_name, user.language, user.timezone = name, language, timezone
        user.preferences = {**user.preferences, **preferences}
        if (before, was) == (_shown(user), name):
            return
        user.save(update_fields=["display_name", "language", "timezone", "preferences"])
        ref = accounts_services.person_reference(user)
        audit.record(
            "person.profile_changed",
            actor=accounts_services.person_actor(user),
            workspace_id=None,
            target=("person", ref),
            before=before,
            after=_shown(user),
            personal={"was": was, "name": name} if was != name else None,
            about=ref,
        )


def _check(name: str, language: str, timezone: str, preferences: Mapping[str, Any]) -> None:
    refused = {
        "display_name": len(name) > NAME_LENGTH,
        "language": language not in LANGUAGES,
        "timezone": bool(timezone) and timezone not in ZONES,
        "theme": preferences.get("theme", "system") not in THEMES,
    }
    for field, is_refused in refused.items():
        if is_refused:
            raise ProfileRefused(f"This value of {field} is not offered.", data={"field": field})


def _shown(user: User) -> dict[str, Any]:
    """Without the name, which is sealed."""
    return {"language": user.language, "timezone": user.timezone, **read_preferences(user)}


def read_preferences(user: User) -> dict[str, Any]:
    """With the defaults of what was never chosen."""
    return {
        "theme": user.preferences.get("theme", "system"),
        "new_device_mails": user.preferences.get("new_device_mails", True),
    }


def set_avatar(*, user_id: UUID, upload: UploadedFile) -> None:
    """Raises PictureRefused."""
    png = pictures.square(upload)
    with transaction.atomic():
        user = User.objects.select_for_update().get(id=user_id)
        name = person_file_name(user.id, "avatar", pictures.fresh_name())
        user.avatar = pictures.replace(user.avatar, name, png)
        user.save(update_fields=["avatar"])
        _record(user, "person.avatar_set")


def remove_avatar(*, user_id: UUID) -> None:
    """Nothing happens where there is none."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(id=user_id)
        if not user.avatar:
            return
        pictures.remove_on_commit(user.avatar)
        user.avatar = ""
        user.save(update_fields=["avatar"])
        _record(user, "person.avatar_removed")


def _record(user: User, action: str) -> None:
    target = ("person", accounts_services.person_reference(user))
    audit.record(action, actor=accounts_services.person_actor(user), workspace_id=None, target=target)

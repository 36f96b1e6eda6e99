"""What a workspace's settings may be: each check takes what was wanted and returns what is kept."""

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from config import errors

LANGUAGES = {
    "en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "it": "Italiano", "nl": "Nederlands",
    "pl": "Polski", "pt": "Português", "tr": "Türkçe", "uk": "Українська", "ja": "日本語", "zh": "中文",
}  # fmt: skip
USUAL_RETENTION_DAYS = (30, 90, 365)
MOST_RETENTION_DAYS = 3650
NAME_LENGTH = 80
ACCENT = re.compile(r"#[0-9a-f]{6}")
# Names without a place, such as `Etc/GMT+3`, turn round what people expect of a sign.
ZONES = frozenset(
    zone
    for zone in available_timezones()
    if "/" in zone and not zone.startswith(("Etc/", "SystemV/", "posix"))
) | {"UTC"}


class SettingRefused(errors.DomainError):
    """`data`: the field that was refused."""

    code = "setting_refused"
    status = 422


def refuse(field: str, code: str, message: str) -> SettingRefused:
    return SettingRefused(message, code=code, data={"field": field})


def name(wanted: str) -> str:
    kept = " ".join(wanted.split())
    if not 1 <= len(kept) <= NAME_LENGTH:
        raise refuse("name", "name_length", f"A workspace’s name has 1 to {NAME_LENGTH} characters.")
    return kept


def timezone(wanted: str) -> str:
    if wanted not in ZONES:
        raise refuse(
            "timezone", "timezone_unknown", "This timezone is unknown. One looks like Europe/Berlin."
        )
    return wanted


def language(wanted: str) -> str:
    if wanted not in LANGUAGES:
        raise refuse("language", "language_unknown", f"Choose one of: {', '.join(LANGUAGES)}.")
    return wanted


def retention_days(wanted: int | None) -> int | None:
    if wanted is not None and not 1 <= wanted <= MOST_RETENTION_DAYS:
        message = f"Conversations can be kept 1 to {MOST_RETENTION_DAYS:,} days, or for good."
        raise refuse("retention_days", "retention_out_of_range", message)
    return wanted


def accent(wanted: str) -> str:
    kept = wanted.strip().lower()
    if kept and not ACCENT.fullmatch(kept):
        raise refuse("accent", "accent_malformed", "A colour looks like #0b6650.")
    return kept


def hides_product_name(wanted: bool) -> bool:  # noqa: FBT001  one of a table of checks
    return wanted


CHECKS: dict[str, Callable[[Any], Any]] = {
    check.__name__: check for check in (name, timezone, language, retention_days, accent, hides_product_name)
}

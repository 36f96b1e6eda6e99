"""Words of limits in templates, from the data of a refusal."""

from datetime import datetime
from typing import Any

from django import template

from usage import words
from usage.holds import explain

register = template.Library()


@register.simple_tag
def limit_title(limit: dict[str, Any]) -> str:
    return explain.title_of(limit["meter"], limit["window"], limit["subject"])


@register.simple_tag
def limit_amount(limit: dict[str, Any], name: str) -> str:
    return words.amount(limit["meter"], limit[name])


@register.simple_tag
def limit_reset(limit: dict[str, Any], zone: str | None) -> str:
    resets_at = datetime.fromisoformat(limit["resets_at"]) if limit["resets_at"] else None
    return explain.reset_of(resets_at, zone or "UTC")

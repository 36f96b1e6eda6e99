"""Words of limits in templates, from the data of a refusal."""

from datetime import datetime
from typing import Any

from django import template

from usage import words
from usage.holds import explain
from usage.models import Meter, SubjectKind, Window

register = template.Library()


@register.simple_tag
def limit_title(limit: dict[str, Any]) -> str:
    """`Messages today, for this workspace`"""
    meter = words.METERS[Meter(limit["meter"])].capitalize()
    window = explain.WINDOW_WORDS[Window(limit["window"])]
    return f"{meter} {window}, for {explain.SUBJECT_WORDS[SubjectKind(limit['subject'])]}"


@register.simple_tag
def limit_amount(limit: dict[str, Any], name: str) -> str:
    return words.amount(limit["meter"], limit[name])


@register.simple_tag
def limit_reset(limit: dict[str, Any], zone: str | None) -> str:
    if not limit["resets_at"]:
        return ""
    return words.local(datetime.fromisoformat(limit["resets_at"]), zone or "UTC")

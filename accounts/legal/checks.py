"""A start without legal pages is refused: people would accept what is not there."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from accounts.legal import documents


@register
def legal_pages_are_there(**_: Any) -> list[CheckMessage]:
    try:
        documents.list_all()
    except documents.DocumentUnreadable as error:
        return [Error(str(error), hint="See legal/ for the form, and docs/legal.md.", id="steward.E020")]
    return []

"""A pasted list of addresses, read as people write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

MOST_CHARACTERS = 254
NAMED = re.compile(r"(?P<name>[^<>]*)<\s*(?P<email>[^<>\s]+)\s*>")


@dataclass(frozen=True)
class Entry:
    """`text`: as it was typed. `email`: in lower case, None for what is no address."""

    text: str
    email: str | None


def read(text: str) -> list[Entry]:
    """Entries in order. Commas, semicolons and line breaks part them, spaces only between bare addresses; a comma in
    a quoted name does not."""
    return [Entry(part, email_of(part)) for part in _parts(text)]


def email_of(text: str) -> str | None:
    """Of `a@b.c`, `<a@b.c>` or `Name <a@b.c>`."""
    named = NAMED.fullmatch(text)
    email = (named["email"] if named else text).strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        return None
    return email if len(email) <= MOST_CHARACTERS else None


def _parts(text: str) -> Iterator[str]:
    for part in _split(text):
        words = part.split()
        if len(words) > 1 and all("@" in word and "<" not in word for word in words):
            yield from words
        elif words:
            yield " ".join(words)


def _split(text: str) -> Iterator[str]:
    part, is_quoted = "", False
    for sign in text:
        if sign in "\r\n":
            # A quote that nobody closed ends with its line.
            is_quoted = False
        elif sign == '"':
            is_quoted = not is_quoted
        if sign in ",;\r\n" and not is_quoted:
            yield part
            part = ""
        else:
            part += sign
    yield part

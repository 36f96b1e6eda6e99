"""Names of mail domains, and the domain of an address."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")
MOST_CHARACTERS = 230
"""Room for the label under which the proof is published."""


def normalised(text: str) -> str:
    """A domain in lower-case ASCII. Raises ValueError for what is none: without a dot, an address, a web address."""
    try:
        name = text.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError as error:
        raise ValueError(text) from error
    if not NAME.fullmatch(name) or len(name) > MOST_CHARACTERS or name.rsplit(".", 1)[1].isdigit():
        raise ValueError(text)
    return name


def of_address(address: str) -> str:
    """The domain after the last @; empty for what is no address. SECURITY: compared whole, never by its end."""
    try:
        validate_email(address)
        return normalised(address.rsplit("@", 1)[1])
    except (ValidationError, ValueError):
        return ""

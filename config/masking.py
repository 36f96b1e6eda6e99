"""What an API key looks like, so that none is logged or let through an address."""

import re

# Also with its underscores percent-encoded, with its end cut off, or with something stuck to it.
API_KEY = re.compile(r"stw(?:_|%5f)(?:[a-z]{2,8}(?:_|%5f))?[0-9a-z]{20,}", re.IGNORECASE)
MASKED = "stw_[masked]"


def holds_key(text: str) -> bool:
    return API_KEY.search(text) is not None


def masked(text: str) -> str:
    return API_KEY.sub(MASKED, text)

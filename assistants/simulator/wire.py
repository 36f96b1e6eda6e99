"""JSON as the protocol carries it."""

from __future__ import annotations

import json
from typing import Any

from assistants.simulator.errors import bad_request


def read_json(body: bytes) -> dict[str, Any]:
    """Raises ProviderError (400) for what is no JSON object."""
    try:
        data = json.loads(body)
        if b"\\ud" in body.lower():
            # An escaped half of a surrogate pair parses, but is no text.
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise bad_request("We could not parse the JSON body of your request.") from error
    if not isinstance(data, dict):
        raise bad_request("The JSON body must be an object.")
    return data


def dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

"""Single values of files that others wrote: the right type, or nothing."""

import math
from datetime import UTC, datetime
from typing import Any

MAX_TEXT = 200
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def text(value: Any, *, length: int | None = MAX_TEXT) -> str:
    """`length`: None for texts of messages, which their reader shortens."""
    if not isinstance(value, str):
        return ""
    # What UTF-8 cannot say, and what PostgreSQL does not keep.
    clean = value.replace("\x00", "").encode("utf-8", "replace").decode()
    return clean if length is None else " ".join(clean.split())[:length]


def moment(value: Any) -> datetime | None:
    """Of seconds since 1970, or of ISO 8601; None for what lies before such products or in the future."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found = datetime.fromtimestamp(value, UTC)
        else:
            return None
        return found.astimezone(UTC) if EARLIEST <= found <= datetime.now(UTC) else None
    except (ValueError, OverflowError, OSError):
        return None

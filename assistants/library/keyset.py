"""Where a page of a list ended: the position of its last row, in an address."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q


@dataclass(frozen=True)
class Place:
    """Rows are in order of `-updated_at, -id`."""

    updated_at: datetime
    id: UUID

    @property
    def text(self) -> str:
        said = f"{self.updated_at.isoformat()} {self.id}".encode()
        return base64.urlsafe_b64encode(said).decode().rstrip("=")

    @property
    def beyond(self) -> Q:
        """What comes after it. The first condition is the one that an index serves."""
        return Q(updated_at__lte=self.updated_at) & (
            Q(updated_at__lt=self.updated_at) | Q(updated_at=self.updated_at, id__lt=self.id)
        )


def read(text: str | None) -> Place | None:
    """None for what is no place: the list then begins at its first row."""
    if not text:
        return None
    try:
        moment, key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split(" ")
        place = Place(datetime.fromisoformat(moment), UUID(key))
    except (binascii.Error, ValueError):
        return None
    return place if place.updated_at.tzinfo is not None else None

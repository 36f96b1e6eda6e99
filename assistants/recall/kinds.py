"""What can be recalled: rows with a text, a full-text column, and a table of vectors beside them."""

from dataclasses import dataclass
from typing import Any, Literal

from django.apps import apps
from django.db import models

Kind = Literal["memory", "passage"]


@dataclass(frozen=True)
class Source:
    """`vectors`: the table of its vectors; a row's vectors go with the row. `newest`: an order of the rows."""

    label: str
    vectors: str
    newest: tuple[str, ...]

    @property
    def model(self) -> type[models.Model]:
        found: type[models.Model] = apps.get_model(self.label)
        return found

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def rows(self) -> models.QuerySet[Any]:
        return self.model._default_manager.all()


SOURCES: dict[Kind, Source] = {
    "memory": Source("assistants.MemoryItem", "assistants_memoryvector", ("-updated_at", "-id")),
    "passage": Source("assistants.DocumentChunk", "assistants_passagevector", ("-id",)),
}

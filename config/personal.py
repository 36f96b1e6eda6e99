"""The registry of personal data: for every model of every installed app, whose rows there are and what erasing does.

Each app lists its own in `<app>/personal_data.py` and registers the list in `AppConfig.ready()`; models of third
parties are listed by the app that owns their topic. A model that nobody classed fails a test (docs/erasure.md).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet


class NotYet(Exception):
    """Something of the person's still runs and would write again: the erasure goes on in a moment."""


@dataclass(frozen=True)
class Subject:
    """The person whose data is taken along or erased. `ref`: their reference in append-only tables."""

    user_id: UUID
    ref: UUID | None
    # Every address of theirs, in lower case.
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Erasure(StrEnum):
    DELETED = "deleted"
    # The rows stay, the fields that name somebody are emptied.
    EMPTIED = "emptied"
    # The rows stay as they are; `why` says why, and why they name nobody.
    KEPT = "kept"
    # Whoever calls the registry does it itself, last: the row of the person, of the workspace.
    CALLER = "caller"


@dataclass(frozen=True)
class Part:
    """One side of a model: the rows that a person (or a workspace) has in it, and what erasing them does.

    `rows` takes a Subject (a workspace's id) and is asked inside a workspace's schema where the model lives in one.
    `emptied`: field → value. `erase`: does it in its own way, inside a transaction, and returns how many rows.
    """

    rows: Callable[[Any], QuerySet[Any]]
    erasure: Erasure
    emptied: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    erase: Callable[[Any], int] | None = None

    def __post_init__(self) -> None:
        if (self.erasure == Erasure.KEPT) != bool(self.why):
            raise ValueError("a part that is kept says why, and no other does")
        if self.erasure == Erasure.EMPTIED and not (self.emptied or self.erase):
            raise ValueError("a part that is emptied says which fields, or how")


def deleted(rows: Callable[[Any], QuerySet[Any]], *, erase: Callable[[Any], int] | None = None) -> Part:
    return Part(rows, Erasure.DELETED, erase=erase)


def emptied(
    rows: Callable[[Any], QuerySet[Any]], *, erase: Callable[[Any], int] | None = None, **fields: Any
) -> Part:
    return Part(rows, Erasure.EMPTIED, emptied=fields, erase=erase)


def kept(rows: Callable[[Any], QuerySet[Any]], why: str) -> Part:
    return Part(rows, Erasure.KEPT, why=why)


def by_caller(rows: Callable[[Any], QuerySet[Any]]) -> Part:
    return Part(rows, Erasure.CALLER)


@dataclass(frozen=True)
class Exported:
    """A model that holds data of persons or of workspaces.

    `model`: app_label.Model. `fields`: what an export shows, as `QuerySet.values` names it; never a secret. `shape`:
    makes a batch of such rows readable (opens what is sealed, for example), given the Subject or the workspace's id.
    `files`: names in the storage of what a person's rows stand for; a workspace's export has its whole folder anyway.
    """

    model: str
    title: str
    fields: tuple[str, ...]
    person: Part | None = None
    workspace: Part | None = None
    shape: Callable[[list[dict[str, Any]], Any], list[dict[str, Any]]] | None = None
    files: Callable[[Subject], list[str]] | None = None

    def __post_init__(self) -> None:
        if self.person is None and self.workspace is None:
            raise ValueError(f"{self.model}: without rows of anybody it is NotPersonal")


@dataclass(frozen=True)
class NotPersonal:
    """A model whose rows belong to no person and no workspace."""

    model: str
    why: str


Holding = Exported | NotPersonal
_holdings: dict[str, Holding] = {}


def register(holdings: Iterable[Holding]) -> None:
    """In the order in which erasing goes: what refers to others before what they are. Raises ValueError for a model
    that was classed before."""
    for holding in holdings:
        key = holding.model.lower()
        if _holdings.get(key, holding) != holding:
            raise ValueError(f"{holding.model} is classed twice")
        _holdings[key] = holding


def all_holdings() -> list[Holding]:
    return list(_holdings.values())


def unclassed(models: Sequence[type[Model]] | None = None) -> list[str]:
    """Labels of the installed models (or of these) that nobody classed."""
    installed = apps.get_models(include_auto_created=True) if models is None else models
    return sorted(model._meta.label for model in installed if model._meta.label_lower not in _holdings)


def exported(*, in_schema: bool | None = None) -> list[Exported]:
    """Rightmost app first, each in its own order. `in_schema`: only those that live in workspaces' schemas (or not)."""
    found: list[Exported] = []
    for app in _apps_from_the_right():
        of_app = [item for item in _holdings.values() if item.model.split(".", 1)[0].lower() == app]
        found += [item for item in of_app if isinstance(item, Exported)]
    return [item for item in found if in_schema is None or lives_in_schema(item) == in_schema]


def _apps_from_the_right() -> Iterator[str]:
    return reversed(list(dict.fromkeys(key.split(".", 1)[0] for key in _holdings)))


def lives_in_schema(holding: Holding) -> bool:
    """Whether its table exists once per workspace."""
    return apps.get_model(holding.model)._meta.app_config.name in settings.TENANT_APPS


def erase_person(subject: Subject, *, in_schema: bool = False) -> dict[str, int]:
    """Rows erased or emptied by model. Each model in a transaction of its own; safe to run again.

    With `in_schema` the models of the workspace that the caller is in, otherwise those outside workspaces. What is
    the caller's own (Erasure.CALLER) is left to it.
    """
    parts = ((item.model, item.person) for item in exported(in_schema=in_schema))
    return {model: _erase(part, subject) for model, part in parts if part is not None}


def erase_workspace(workspace_id: UUID) -> dict[str, int]:
    """Like `erase_person` for a workspace's rows outside its schema, which its caller drops as a whole."""
    parts = ((item.model, item.workspace) for item in exported(in_schema=False))
    return {model: _erase(part, workspace_id) for model, part in parts if part is not None}


def _erase(part: Part, whose: Any) -> int:
    with transaction.atomic():
        if part.erasure in (Erasure.KEPT, Erasure.CALLER):
            return 0
        if part.erase is not None:
            return part.erase(whose)
        if part.erasure == Erasure.EMPTIED:
            return part.rows(whose).update(**part.emptied)
        return part.rows(whose).delete()[0]

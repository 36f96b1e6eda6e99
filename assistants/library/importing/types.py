"""A conversation from elsewhere, as plain values."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Node:
    """`key`, `parent`: the other product's ids; parents come before their children."""

    key: str
    parent: str | None
    role: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class Talk:
    """`leaf`: the node at which the branch ends that was looked at last."""

    source: str
    key: str
    title: str
    created_at: datetime | None
    updated_at: datetime | None
    nodes: list[Node] = field(default_factory=list)
    leaf: str | None = None

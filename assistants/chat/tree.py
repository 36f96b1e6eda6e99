"""The shape of a conversation: which branch is shown, and where its siblings are."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


class Node(NamedTuple):
    """A message without its text and time: a long conversation has thousands, and times are slow to read."""

    id: UUID
    parent_id: UUID | None
    role: str


@dataclass(frozen=True, slots=True)
class Place:
    """A message on the shown branch; `siblings` in order of time, with itself at `index`."""

    message: Node
    siblings: list[UUID]
    index: int


class Tree:
    """Built from the messages of one conversation in order of time."""

    def __init__(self, messages: Sequence[Node]) -> None:
        self.by_id = {message.id: message for message in messages}
        self.children: dict[UUID | None, list[UUID]] = defaultdict(list)
        for message in messages:
            self.children[message.parent_id].append(message.id)

    def leaf_below(self, message_id: UUID | None) -> UUID | None:
        """The end of the newest branch under a message (under the root for None)."""
        current = message_id
        while self.children[current]:
            current = self.children[current][-1]
        return current

    def branch(self, leaf_id: UUID | None) -> list[Place]:
        """From the first message to the leaf; the newest branch when the leaf is unknown."""
        current = leaf_id if leaf_id in self.by_id else self.leaf_below(None)
        places = []
        while current is not None:
            message = self.by_id[current]
            siblings = self.children[message.parent_id]
            places.append(Place(message, siblings, siblings.index(current)))
            current = message.parent_id
        return places[::-1]

    def newest_through(self, message_id: UUID) -> list[Place]:
        """The newest branch that a message is on."""
        return self.branch(self.leaf_below(message_id))

    def path(self, message_id: UUID | None, leaf_id: UUID) -> list[UUID]:
        """What follows a message on the branch that ends with the leaf; nothing when it is not on it."""
        ids = [place.message.id for place in self.branch(leaf_id)]
        return ids[ids.index(message_id) + 1 :] if message_id in ids else []

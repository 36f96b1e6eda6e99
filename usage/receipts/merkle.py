"""RFC 6962 trees over stored perfect subtrees. Pure functions; verification is in `verify`, which stands alone.

A tree of any size is a row of perfect subtrees, whose hashes never change. They are what is stored, by
(level, index); a root or a proof says which of them it needs, O(log n), and folds them.
"""

from collections.abc import Iterable, Mapping, Sequence

from usage.receipts.verify import EMPTY_ROOT, fold, node_hash, split

Place = tuple[int, int]
Plan = list[list[Place]]


def cover(begin: int, end: int) -> list[Place]:
    """The perfect subtrees of leaves `begin` to `end - 1`, biggest first. `begin` is a multiple of the biggest."""
    places = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        places.append((level, begin >> level))
        begin += 1 << level
    return places


def grow(size: int, leaves: Sequence[bytes], edge: Mapping[Place, bytes]) -> dict[Place, bytes]:
    """Every node that `leaves` add to a tree of `size` leaves. `edge`: the hashes at `cover(0, size)`."""
    grown = {(0, size + number): leaf for number, leaf in enumerate(leaves)}
    begin, end, level = size, size + len(leaves), 0
    while begin >> 1 < end >> 1:
        begin, end, level = begin >> 1, end >> 1, level + 1
        for index in range(begin, end):
            left, right = (level - 1, 2 * index), (level - 1, 2 * index + 1)
            grown[level, index] = node_hash(grown[left] if left in grown else edge[left], grown[right])
    return grown


def root(size: int, nodes: Mapping[Place, bytes]) -> bytes:
    """The root at `size`, from the nodes at `cover(0, size)`."""
    return fold([nodes[place] for place in cover(0, size)]) if size else EMPTY_ROOT


def inclusion(index: int, size: int) -> Plan:
    """RFC 6962 section 2.1.1: what proves leaf `index` of `size`, deepest first; each entry is folded into a hash."""
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    plan: Plan = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + split(end - begin)
        if index < middle:
            plan.append(cover(middle, end))
            end = middle
        else:
            plan.append(cover(begin, middle))
            begin = middle
    return plan[::-1]


def consistency(first: int, second: int) -> Plan:
    """RFC 6962 section 2.1.2: what proves that the tree of `second` leaves begins with the tree of `first`."""
    if not 0 <= first <= second:
        raise ValueError(f"a log of {second} leaves cannot continue one of {first}")
    plan: Plan = []
    begin, end = 0, second
    while first not in (0, end):
        middle = begin + split(end - begin)
        if first <= middle:
            plan.append(cover(middle, end))
            end = middle
        else:
            plan.append(cover(begin, middle))
            begin = middle
    if begin:
        plan.append(cover(begin, end))
    return plan[::-1]


def places_of(plans: Iterable[Plan]) -> set[Place]:
    return {place for plan in plans for entry in plan for place in entry}


def resolve(plan: Plan, nodes: Mapping[Place, bytes]) -> list[bytes]:
    """The proof's hashes."""
    return [fold([nodes[place] for place in entry]) for entry in plan]

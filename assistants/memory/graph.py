"""The graph of what is remembered: laid out by igraph on the server, drawn as SVG, with a table that says the same."""

import random
from collections import Counter
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

import igraph  # type: ignore[import-untyped]

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.memory import queries
from assistants.models import Entity, Relation

MOST_NODES, MOST_EDGES = 150, 400
WIDTH, HEIGHT, MARGIN = 1000, 640, 70
SEED = 7
# igraph's chance is of the whole process: two drawings at once would draw from one another's.
_drawing = Lock()


@dataclass(frozen=True)
class Node:
    """`x`, `y`: the middle, in units of the drawing. `size`: its radius, by how many edges it has. `row`: the anchor of
    the first row of the table that names it.
    """

    name: str
    row: str
    x: int
    y: int
    size: int
    is_left: bool


@dataclass(frozen=True)
class Line:
    x1: int
    y1: int
    x2: int
    y2: int
    text: str


@dataclass(frozen=True)
class Row:
    anchor: str
    subject: str
    predicate: str
    object: str
    url: str
    statement: str


@dataclass(frozen=True)
class Graph:
    """`left_out`: entities that are not drawn; the table has their edges too.

    `older`: relations that stand in neither.
    """

    nodes: list[Node]
    lines: list[Line]
    rows: list[Row]
    left_out: int
    older: int
    width: int = WIDTH
    height: int = HEIGHT


def of(request: MemberRequest) -> Graph:
    """Of what the member may see. One query, two where there is more than is shown."""
    seen = queries.visible_relations(request.member.user_id)
    relations = list(seen.order_by("-created_at", "-id")[:MOST_EDGES])
    older = seen.count() - MOST_EDGES if len(relations) == MOST_EDGES else 0
    degrees = Counter(entity_id for row in relations for entity_id in (row.subject_id, row.object_id))
    drawn = [entity_id for entity_id, _ in degrees.most_common(MOST_NODES)]
    entities = {entity.id: entity for row in relations for entity in (row.subject, row.object)}
    places = _places(drawn, relations)
    anchors = _anchors(relations)
    return Graph(
        [_node(entities[each], anchors[each], places[each], degrees[each]) for each in drawn],
        _lines(relations, places),
        [_row(request, number, relation) for number, relation in enumerate(relations, start=1)],
        len(degrees) - len(drawn),
        older,
    )


def _row(request: MemberRequest, number: int, relation: Relation) -> Row:
    return Row(
        f"relation-{number}",
        relation.subject.name,
        relation.predicate,
        relation.object.name,
        page_url(request, "memory-item", item_id=relation.item_id),
        relation.item.text,
    )


def _anchors(relations: list[Relation]) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for number, relation in enumerate(relations, start=1):
        for entity_id in (relation.subject_id, relation.object_id):
            found.setdefault(entity_id, f"relation-{number}")
    return found


def _places(drawn: list[UUID], relations: list[Relation]) -> dict[UUID, tuple[int, int]]:
    """Fruchterman and Reingold's forces, from a fixed beginning, by fixed chance: a graph looks the same each time."""
    if not drawn:
        return {}
    numbers = {entity_id: at for at, entity_id in enumerate(drawn)}
    edges = [
        (numbers[row.subject_id], numbers[row.object_id])
        for row in relations
        if row.subject_id in numbers and row.object_id in numbers
    ]
    chance = random.Random(SEED)  # noqa: S311  a drawing
    start = [[chance.random(), chance.random()] for _ in drawn]
    graph = igraph.Graph(n=len(drawn), edges=edges)
    with _drawing:
        igraph.set_random_number_generator(random.Random(SEED))  # noqa: S311  a drawing
        layout = graph.layout_fruchterman_reingold(seed=start, niter=400, grid="nogrid")
    layout.fit_into((MARGIN, MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN), keep_aspect_ratio=False)
    return {entity_id: (round(x), round(y)) for entity_id, (x, y) in zip(drawn, layout.coords, strict=True)}


def _node(entity: Entity, anchor: str, place: tuple[int, int], degree: int) -> Node:
    return Node(entity.name, anchor, place[0], place[1], min(8 + 3 * degree, 26), place[0] > WIDTH * 0.8)


def _lines(relations: list[Relation], places: dict[UUID, tuple[int, int]]) -> list[Line]:
    return [
        Line(
            *places[row.subject_id],
            *places[row.object_id],
            f"{row.subject.name} {row.predicate} {row.object.name}",
        )
        for row in relations
        if row.subject_id in places and row.object_id in places
    ]

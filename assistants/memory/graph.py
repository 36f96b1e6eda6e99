"""The graph of what is remembered: laid out by igraph on the server, drawn as SVG, with a table that says the same."""

import random
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import igraph  # type: ignore[import-untyped]

from accounts.links import page_url
from accounts.requests import MemberRequest
from assistants.memory import queries
from assistants.models import Entity, Relation

MOST_NODES, MOST_EDGES = 150, 400
WIDTH, HEIGHT, MARGIN = 1000, 640, 70
SEED = 7


@dataclass(frozen=True)
class Node:
    """`x`, `y`: the middle, in units of the drawing. `size`: its radius, by how many edges it has."""

    name: str
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
    subject: str
    predicate: str
    object: str
    url: str
    statement: str


@dataclass(frozen=True)
class Graph:
    """`left_out`: entities that are not drawn; the table has their edges too, as far as it goes."""

    nodes: list[Node]
    lines: list[Line]
    rows: list[Row]
    left_out: int
    width: int = WIDTH
    height: int = HEIGHT


def of(request: MemberRequest) -> Graph:
    """Of what the member may see. One query."""
    relations = list(
        queries.visible_relations(request.member.user_id).order_by("-created_at", "-id")[:MOST_EDGES]
    )
    degrees = Counter(entity.id for row in relations for entity in (row.subject, row.object))
    drawn = [entity_id for entity_id, _ in degrees.most_common(MOST_NODES)]
    entities = {entity.id: entity for row in relations for entity in (row.subject, row.object)}
    places = _places(drawn, relations)
    rows = [
        Row(
            row.subject.name,
            row.predicate,
            row.object.name,
            page_url(request, "memory-item", item_id=row.item_id),
            row.item.text,
        )
        for row in relations
    ]
    return Graph(
        [_node(entities[each], places[each], degrees[each]) for each in drawn],
        _lines(relations, places),
        rows,
        len(degrees) - len(drawn),
    )


def _places(drawn: list[UUID], relations: list[Relation]) -> dict[UUID, tuple[int, int]]:
    """Fruchterman and Reingold's forces, from a fixed beginning: the same graph looks the same each time."""
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
    layout = graph.layout_fruchterman_reingold(seed=start, niter=400, grid="nogrid")
    layout.fit_into((MARGIN, MARGIN, WIDTH - MARGIN, HEIGHT - MARGIN), keep_aspect_ratio=False)
    return {entity_id: (round(x), round(y)) for entity_id, (x, y) in zip(drawn, layout.coords, strict=True)}


def _node(entity: Entity, place: tuple[int, int], degree: int) -> Node:
    return Node(entity.name, place[0], place[1], min(8 + 3 * degree, 26), place[0] > WIDTH * 0.8)


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

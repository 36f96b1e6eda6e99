"""The graph: the same each time, bounded, and saying what it leaves out."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assistants.memory import graph, services
from assistants.models import Relation

ADDRESS = "/w/acme/memory/graph/"


@pytest.fixture
def page(in_acme, member):
    browser = member.browser()
    browser.get("/w/acme/memory/")
    return browser


def relate(person, *edges) -> None:
    for subject, predicate, obj in edges:
        item = services.remember(member=person.member, layer="semantic", text=f"{subject} {predicate} {obj}.")
        services.relate(item=item, subject=subject, predicate=predicate, object=obj)


def test_the_same_graph_is_drawn_the_same_way(page, member):
    relate(member, ("Nora", "uses", "Helix"), ("Nora", "knows", "Ines"), ("Ines", "leads", "Heron"))
    first, second = (
        re.search(r"<figure.*</figure>", page.get(ADDRESS).content.decode(), re.S)[0] for _ in range(2)
    )
    assert first == second
    assert first.count("<circle") == 4


def test_what_is_not_drawn_is_counted_and_stands_in_the_table(page, member, monkeypatch):
    relate(member, ("Nora", "uses", "Helix"), ("Nora", "knows", "Ines"), ("Tomasz", "mentors", "Aylin"))
    monkeypatch.setattr(graph, "MOST_NODES", 3)
    body = page.get(ADDRESS).content.decode()
    assert body.count("<circle") == 3
    assert "2 with fewer relations are not drawn; the table has them." in body
    assert body.count('<tr id="relation-') == 3


def test_older_relations_are_counted(page, member, monkeypatch):
    relate(member, ("Nora", "uses", "Helix"), ("Nora", "knows", "Ines"), ("Tomasz", "mentors", "Aylin"))
    assert "not shown" not in page.get(ADDRESS).content.decode()
    monkeypatch.setattr(graph, "MOST_EDGES", 2)
    body = page.get(ADDRESS).content.decode()
    assert body.count('<tr id="relation-') == 2
    assert "1 older relation is not shown." in body


def test_each_node_leads_to_a_row_and_each_row_to_its_statement(page, member):
    relate(member, ("Nora", "uses", "Helix"), ("Nora", "knows", "Ines"))
    body = page.get(ADDRESS).content.decode()
    anchors = set(re.findall(r'<tr id="([^"]+)"', body))
    assert set(re.findall(r'class="graph-node" href="#([^"]+)"', body)) <= anchors
    for relation in Relation.objects.all():
        assert f'href="/w/acme/memory/{relation.item_id}/"' in body


def test_edges_of_others_and_of_what_is_not_true_any_more_are_not_there(page, member, owner):
    relate(owner, ("Nora", "is", "a fox"))
    relate(member, ("Nora", "uses", "Helix"))
    services.delete(member=member.member, item=Relation.objects.get(predicate="uses").item)
    body = page.get(ADDRESS).content.decode()
    assert ("fox" in body, "Helix" in body) == (False, False)
    assert Relation.objects.filter(predicate="is").exists(), "the control: theirs is in the workspace"


def test_two_relations_and_forty_cost_the_same(page, member):
    relate(member, ("Nora", "uses", "Helix"), ("Nora", "knows", "Ines"))
    page.get(ADDRESS)
    page.get(ADDRESS)
    with CaptureQueriesContext(connection) as few:
        page.get(ADDRESS)
    relate(member, *((f"Person{n}", "knows", f"Tool{n}") for n in range(38)))
    with CaptureQueriesContext(connection) as many:
        page.get(ADDRESS)
    asked = [[row["sql"] for row in each if not row["sql"].startswith("SET")] for each in (few, many)]
    assert len(asked[0]) == len(asked[1])

"""A restricted workspace, and a person beyond the seats: all can be read, nothing changed but what the table says.

Every address × every unsafe method: one that nobody marked is refused.
"""

from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import path, reverse

from accounts.permissions import Permission, open_while_read_only, works_read_only
from assistants.models import Run
from assistants.runs import turns
from tenants.scope import workspace_scope
from tests import factories, routes
from tests.routes import Route
from tests.sweep import furnish_for, ids_of, send
from tests.test_sweep import all_routes
from usage.features import queries as features
from usage.features.keys import Feature
from usage.models import Hold

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
SPACES = {"workspace": routes.WORKSPACE, "api": routes.API, "openai": routes.OPENAI}
ROWS = [(space, name) for space, table in SPACES.items() for name in table]
READABLE = [
    (space, name)
    for space, name in ROWS
    if space != "openai" and "GET" in SPACES[space][name].offers and not SPACES[space][name].streams
]
OVERDUE = "payment_overdue"


def address(world: Any, space: str, name: str, route: Route) -> str:
    ids = ids_of(route, world.own["owner"])
    where = {"workspace": world.home.slug} if space == "workspace" else {}
    return reverse(f"{space}:{name}", urlconf="config.urls", kwargs={**where, **ids})


def code_of(response: HttpResponse, space: str) -> str:
    if space == "workspace":
        return str(response.context["code"]) if response.context else ""
    body = response.json()
    return str(body["code"] if space == "api" else body["error"].get("reason", ""))


@pytest.mark.django_db
@pytest.mark.parametrize(("space", "name"), ROWS)
def test_restricted_workspace_refuses_every_change(world, space, name):
    route = SPACES[space][name]
    world = furnish_for(world, route)
    owner = world.people["owner"]
    client = owner.browser() if space == "workspace" else factories.with_key(factories.make_key(owner.member))
    factories.give_rights(world.home.id, *Feature.values, restricted=OVERDUE)
    url = address(world, space, name, route)
    for method in UNSAFE:
        response, writes = send(client, method, url, route.data, as_json=space != "workspace")
        if route.is_open(method):
            assert response.status_code not in (402, 429), (
                f"{method} {name} is refused, and marked as working"
            )
            continue
        assert response.status_code == (429 if space == "openai" else 402), (
            f"{method} {name}: {response.status_code}"
        )
        assert code_of(response, space) == (OVERDUE if space == "openai" else "workspace_restricted")
        assert writes == [], f"{method} {name}: was refused and yet wrote"


@pytest.mark.django_db
@pytest.mark.parametrize(("space", "name"), READABLE)
def test_restricted_workspace_can_be_read(world, space, name):
    route = SPACES[space][name]
    world = furnish_for(world, route)
    owner = world.people["owner"]
    client = owner.browser() if space == "workspace" else factories.with_key(factories.make_key(owner.member))
    factories.give_rights(world.home.id, *Feature.values, restricted=OVERDUE)
    query = {key: value.format(log_size=world.own["owner"].log_size) for key, value in route.query.items()}
    assert client.get(address(world, space, name, route), query).status_code == route.offers["GET"][1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("space", "name"), [(space, name) for space, name in ROWS if "POST" in SPACES[space][name].offers]
)
def test_person_beyond_the_seats_changes_nothing(world, space, name):
    route = SPACES[space][name]
    world = furnish_for(world, route)
    person = world.people["admin"]
    client = (
        person.browser() if space == "workspace" else factories.with_key(factories.make_key(person.member))
    )
    factories.give_rights(world.home.id, *Feature.values, seats=1)
    assert person.member.membership_id in features.state_of(world.home.id).over_seats
    url = address(world, space, name, route)
    response, writes = send(client, "POST", url, route.data, as_json=space != "workspace")
    if route.is_open("POST"):
        assert response.status_code not in (402, 429)
        return
    if space == "workspace" and not person.member.can(Permission(route.offers["POST"][0])):
        # A page's permission may be asked first.
        assert (response.status_code, writes) in [(402, []), (403, [])]
        return
    assert response.status_code == (429 if space == "openai" else 402)
    assert writes == []


def test_marks_and_table_agree():
    tables = {"w/<slug:workspace>/": routes.WORKSPACE, "api/v1/": routes.API, "v1/": routes.OPENAI}
    compared = 0
    for url, pattern in all_routes():
        table = next((rows for prefix, rows in tables.items() if url.startswith(prefix)), None)
        if table is None or pattern.name not in table:
            continue
        for method in set(table[pattern.name].offers) & set(UNSAFE):
            marked = works_read_only(pattern.callback, method)
            assert marked == table[pattern.name].is_open(method), f"{method} {pattern.name}: marked {marked}"
        compared += 1
    assert compared > 40


def test_view_that_is_not_marked_counts_as_refused():
    """The control: the mark is seen on functions, classes and methods, and is not there by itself."""
    from django.views import View

    @open_while_read_only
    class Marked(View): ...

    class Plain(View):
        @open_while_read_only
        def delete(self, request): ...

        def patch(self, request): ...

    views = [path("", Marked.as_view()), path("", Plain.as_view()), path("", lambda request: HttpResponse())]
    seen = [[works_read_only(view.callback, method) for method in ("DELETE", "PATCH")] for view in views]
    assert seen == [[True, True], [True, False], [False, False]]


# beside the addresses


def test_run_is_not_started_in_a_restricted_workspace(in_acme, acme, owner):
    factories.give_rights(acme.id, *Feature.values, restricted=OVERDUE)
    with pytest.raises(features.WorkspaceRestricted) as refused:
        factories.ask(owner.member)
    assert (refused.value.status, refused.value.data["reason"]) == (402, OVERDUE)
    assert Run.objects.count() == 0
    assert not Hold.objects.filter(workspace_id=acme.id).exists()


def test_run_of_a_person_beyond_the_seats_is_not_started(in_acme, acme, member, owner):
    factories.give_rights(acme.id, *Feature.values, seats=1)
    with pytest.raises(features.SeatOverPlan):
        factories.ask(member.member)
    assert Run.objects.count() == 0
    assert factories.ask(owner.member).run is not None


def test_queued_run_is_refused_when_the_workspace_was_restricted_meanwhile(db, acme, owner):
    with workspace_scope(acme.id):
        run = factories.ask(owner.member).run
    from usage.holds import services as holds

    claim = holds.claim(run.id)
    factories.give_rights(acme.id, *Feature.values, restricted=OVERDUE)
    with workspace_scope(acme.id):
        assert turns._prepare(acme, claim, 0.0) == (None, "workspace_restricted")


def test_queued_run_goes_on_in_a_workspace_that_is_not_restricted(db, acme, owner):
    with workspace_scope(acme.id):
        run = factories.ask(owner.member).run
    from usage.holds import services as holds

    with workspace_scope(acme.id):
        job, refusal = turns._prepare(acme, holds.claim(run.id), 0.0)
    assert job is not None and refusal == ""


def test_everything_works_again_at_once(db, acme, owner):
    factories.give_rights(acme.id, *Feature.values, restricted=OVERDUE)
    browser = owner.browser()
    assert browser.post("/w/acme/chat/", {"text": "Hello"}).status_code == 402
    factories.give_rights(acme.id, *Feature.values)
    assert browser.post("/w/acme/chat/", {"text": "Hello"}).status_code == 303

"""Who may enter in which state, and the pages on which owners archive, delete and undo."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import revocation
from accounts.models import Membership
from accounts.permissions import READ_ONLY_MARK
from accounts.workspaces_ending import entry
from accounts.workspaces_ending.entry import DELETING_MARK
from tenants.models import Workspace
from tests import factories, routes
from tests.routes import Route
from tests.sweep import furnish_for, ids_of, send
from tests.test_sweep import all_routes
from usage.features.marks import mark_of

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
ROLES = ("viewer", "member", "admin", "owner")
SPACES = {"workspace": routes.WORKSPACE, "api": routes.API, "openai": routes.OPENAI}
ROWS = [(space, name) for space, table in SPACES.items() for name in table]
SOON = timezone.now() + timedelta(days=3)
# What owners reach in a workspace that is going to be deleted.
OPEN = {"settings-ending", "settings-ending-undo", "settings-export", "settings-export-download"}


def put(world, state: str) -> None:
    delete_at = SOON if state == "deleting" else None
    Workspace.objects.filter(id=world.home.id).update(state=state, delete_at=delete_at)


def client_of(world, role: str, space: str):
    person = world.people[role]
    return person.browser() if space == "workspace" else factories.with_key(factories.make_key(person.member))


def address(world, space: str, name: str, route: Route, role: str = "owner") -> str:
    where = {"workspace": world.home.slug} if space == "workspace" else {}
    return reverse(
        f"{space}:{name}", urlconf="config.urls", kwargs={**where, **ids_of(route, world.own[role])}
    )


def code_of(response, space: str) -> str:
    if space == "workspace":
        return str(response.context["code"])
    body = response.json()
    return str(body["code"] if space == "api" else body["error"]["code"])


# archived


@pytest.mark.django_db
@pytest.mark.parametrize(("space", "name"), ROWS)
def test_archived_workspace_refuses_every_change_and_shows_everything(world, space, name):
    route = SPACES[space][name]
    world = furnish_for(world, route)
    client = client_of(world, "owner", space)
    put(world, "archived")
    url = address(world, space, name, route)
    for method in UNSAFE:
        response, writes = send(client, method, url, route.data, as_json=space != "workspace")
        if route.is_open(method):
            assert response.status_code != 423, f"{method} {name} is refused, and marked as working"
            continue
        assert response.status_code == 423, f"{method} {name}: {response.status_code}"
        assert code_of(response, space) == "workspace_archived"
        assert writes == [], f"{method} {name}: was refused and yet wrote"
    if "GET" in route.offers and not route.streams:
        query = {
            key: value.format(log_size=world.own["owner"].log_size) for key, value in route.query.items()
        }
        assert client.get(url, query).status_code == route.offers["GET"][1]


@pytest.mark.django_db
def test_change_that_nobody_asks_about_is_caught(world, monkeypatch):
    monkeypatch.setattr(entry, "check_view", lambda *_: None)
    route = routes.WORKSPACE["assistant-create"]
    put(world, "archived")
    client = client_of(world, "owner", "workspace")
    response, writes = send(
        client, "POST", address(world, "workspace", "assistant-create", route), route.data, as_json=False
    )
    assert (response.status_code, bool(writes)) == (302, True)


# going to be deleted


@pytest.mark.django_db
@pytest.mark.parametrize(("space", "name"), ROWS)
def test_workspace_that_is_going_to_be_deleted_is_closed_but_for_its_owners(world, space, name):
    route = SPACES[space][name]
    world = furnish_for(world, route)
    clients = {role: client_of(world, role, space) for role in ROLES}
    stranger = client_of(world, "stranger", space)
    put(world, "deleting")
    for role, client in clients.items():
        for method in route.offers:
            url = address(world, space, name, route, role)
            response, writes = send(client, method, url, route.data, as_json=space != "workspace")
            what = f"{role} {method} {name}: {response.status_code}"
            if role == "owner" and name in OPEN:
                # Undoing is refused in the table's workspace, which is in use.
                success = 302 if name == "settings-ending-undo" else route.offers[method][1]
                assert response.status_code == success, what
            elif role == "owner" and method == "GET" and space == "workspace":
                assert (response.status_code, response["Location"]) == (
                    302, f"/w/{world.home.slug}/settings/ending/",
                ), what  # fmt: skip
            else:
                assert (response.status_code, code_of(response, space)) == (423, "workspace_deleting"), what
                assert writes == [], f"{what}: was refused and yet wrote"
            if space == "workspace":
                response, _ = send(stranger, method, url, route.data, as_json=False)
                assert response.status_code == 404, f"stranger {method} {name}"


def test_marks_are_where_the_table_says():
    """Also on pages that other people build: what is open in a closed workspace is named here."""
    marked = {
        pattern.name
        for path, pattern in all_routes()
        if path.startswith("w/") and mark_of(pattern.callback, DELETING_MARK)
    }
    assert marked == OPEN
    assert all(mark_of(pattern.callback, READ_ONLY_MARK) or "POST" not in routes.WORKSPACE[pattern.name].offers
               for path, pattern in all_routes() if path.startswith("w/") and pattern.name in marked)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("state", "stands"), [("active", True), ("archived", True), ("suspended", False), ("deleting", False)]
)
def test_open_streams_end_where_nobody_may_enter(world, state, stands):
    principal = world.people["member"].member.principal
    put(world, state)
    assert revocation.list_revoked([principal]) == (set() if stands else {principal})


@pytest.mark.django_db
def test_people_land_in_a_workspace_that_is_in_use(world):
    from accounts import queries

    user = factories.make_user()
    first, last = factories.make_workspace(user), factories.make_workspace(user)
    assert queries.get_home_workspace(user.id).id == last.id
    Workspace.objects.filter(id=last.id).update(state="deleting", delete_at=SOON)
    assert queries.get_home_workspace(user.id).id == first.id


# pages


@pytest.fixture
def team(db):
    user = factories.make_user("owns@example.test")
    return factories.Person(
        user, workspace := factories.make_workspace(user, "paged-team"), factories.member_of(workspace, user)
    )


def proven(person):
    """A browser whose person typed their password just now."""
    client = person.browser()
    response = client.post("/accounts/reauthenticate/", {"password": factories.PASSWORD})
    assert response.status_code == 302
    return client


def state_of(person) -> tuple[str, bool]:
    row = Workspace.objects.get(id=person.workspace.id)
    return row.state, row.delete_at is not None


def test_archiving_and_taking_out_again(team):
    client = team.browser()
    response = client.post("/w/paged-team/settings/ending/archive/", follow=True)
    assert state_of(team) == ("archived", False)
    assert "Paged-Team is archived." in response.content.decode()
    assert "This workspace is archived" in client.get("/w/paged-team/").content.decode()
    client.post("/w/paged-team/settings/ending/unarchive/")
    assert state_of(team) == ("active", False)
    assert "This workspace is archived" not in client.get("/w/paged-team/").content.decode()


def test_deleting_asks_who_is_there_first(team):
    client = team.browser()
    for method in ("get", "post"):
        response = getattr(client, method)("/w/paged-team/settings/ending/delete/", {"name": "Paged-Team"})
        assert response.status_code == 302
        assert response["Location"].startswith(
            "/accounts/reauthenticate/?next=%2Fw%2Fpaged-team%2Fsettings%2Fending"
        )
    assert state_of(team) == ("active", False)


def test_deleting_shows_what_will_happen_in_numbers(team):
    from tenants.scope import enter

    factories.join(team.workspace, factories.make_user(), Membership.Role.MEMBER)
    factories.make_key(team.member)
    with enter(team.workspace):
        factories.answer(factories.ask(team.member).run)
    page = proven(team).get("/w/paged-team/settings/ending/delete/").content.decode()
    lines = {
        "1": ("conversations", "assistants", "API keys", "receipts", "entries of the ledger"),
        "2": ("messages", "members"), "0": ("files", "invoices", "calls by programs"),
    }  # fmt: skip
    for count, names in lines.items():
        for name in names:
            said = f"{name[0].upper()}{name[1:]}: "
            assert f'<dt>{said}<span class="number">{count}</span></dt>' in page, name


def test_wrong_name_comes_back_with_a_word(team):
    response = proven(team).post("/w/paged-team/settings/ending/delete/", {"name": "Paged"})
    assert response.status_code == 422
    page = response.content.decode()
    assert 'value="Paged"' in page
    assert "That is not the name of this workspace." in page
    assert state_of(team) == ("active", False)


def test_deleting_and_keeping_it_after_all(team):
    client = proven(team)
    response = client.post("/w/paged-team/settings/ending/delete/", {"name": "Paged-Team"}, follow=True)
    assert state_of(team) == ("deleting", True)
    page = response.content.decode()
    assert "The deletion is scheduled." in page
    assert "that is in 14 days" in page
    client.post("/w/paged-team/settings/ending/undo/")
    assert state_of(team) == ("active", False)
    assert client.get("/w/paged-team/").status_code == 200


def test_when_the_time_is_over_it_cannot_be_undone(team):
    Workspace.objects.filter(id=team.workspace.id).update(state="deleting", delete_at=timezone.now())
    client = team.browser()
    response = client.post("/w/paged-team/settings/ending/undo/")
    assert (response.status_code, response.context["code"]) == (409, "deletion_begun")
    assert "The time to undo this is over" in client.get("/w/paged-team/settings/ending/").content.decode()

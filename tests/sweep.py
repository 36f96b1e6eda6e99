"""The sweep's machinery: a world of two workspaces, one request, and what must be true of its answer."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify

from accounts import api_keys
from accounts import services as accounts_services
from accounts.members import services as members
from accounts.models import ApiKey, User
from accounts.permissions import ROLE_PERMISSIONS, SCOPES, Member, Permission
from assistants.chat import queueing
from assistants.memory.services import remember
from assistants.models import FollowUp, MemoryRefusal, Provider
from config import streaming
from tenants import audit
from tenants.models import AuditEntry, Domain, Workspace
from tenants.scope import WorkspaceRef, enter
from tenants.webhooks import services as webhooks
from tests import exports, factories, library
from tests.accounts.sso import connections
from tests.assistants.documents import shelf
from tests.assistants.tools import waiting
from tests.assistants.widget import visitors
from tests.billing import contracts
from tests.factories import Person, Role
from tests.routes import Route
from usage import stops
from usage.limits import services as limits
from usage.models import Limit, QuotaNotice, Stop
from usage.receipts import services as receipts
from usage.receipts.models import LogKind
from usage.statements import services as statements

ROLES = ("viewer", "member", "admin", "owner")
OUTSIDERS = ("stranger", "removed")
"""The owner of another workspace, and somebody who was a member of this one."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CANARY = "CANARY-7f3a"
# What a colleague wrote; only who oversees the workspace may read it, and only on pages marked so.
COLLEAGUE = f"{CANARY} of a colleague"


@dataclass(frozen=True)
class Things:
    """One person's objects; `answer` failed with text, so that every wish about it can succeed."""

    conversation: UUID
    question: UUID
    answer: UUID
    run: UUID
    live_run: UUID
    assistant: UUID
    key: UUID
    receipt: UUID
    trial: UUID
    version: UUID
    limit: int = 0
    stop: int = 0
    notice: int = 0
    month: str = ""
    model: str = ""
    log_size: int = 0
    contract: UUID = UUID(int=0)
    offer: UUID = UUID(int=0)
    mail_domain: UUID = UUID(int=0)
    membership: UUID = UUID(int=0)
    invitation: UUID = UUID(int=0)
    workspace: UUID = UUID(int=0)
    domain: int = 0
    audit_entry: int = 0
    export: UUID = UUID(int=0)
    project: UUID = UUID(int=0)
    link: UUID = UUID(int=0)
    import_id: UUID = UUID(int=0)
    document: UUID = UUID(int=0)
    passage: UUID = UUID(int=0)
    attachment: UUID = UUID(int=0)
    user: UUID = UUID(int=0)
    memory: UUID = UUID(int=0)
    refusal: UUID = UUID(int=0)
    call: UUID = UUID(int=0)
    tool: str = ""
    provider: UUID = UUID(int=0)
    follow_up: UUID = UUID(int=0)
    visitor_talk: UUID = UUID(int=0)
    webhook: UUID = UUID(int=0)
    webhook_delivery: int = 0


NOBODYS: dict[str, Any] = {
    "audit_entry": 10**9,
    "domain": 10**9,
    "webhook_delivery": 10**9,
    "limit": 10**9,
    "stop": 10**9,
    "notice": 10**9,
    "tool": "no-tool",
    "month": "1999-01",
}


FURNISHED = {
    "limit", "notice", "stop", "month", "log_size", "contract", "offer", "export", "mail_domain", "membership",
    "invitation", "workspace", "domain", "audit_entry", "webhook", "webhook_delivery",
}  # fmt: skip
"""What `furnish_workspace` makes: a test holds the two together."""


@dataclass(frozen=True)
class World:
    home: WorkspaceRef
    people: dict[str, Person]
    own: dict[str, Things]
    colleague: Things
    foreign: Things
    keys: dict[str, str]
    """The owner's keys, one of each scope."""


def make_things(
    workspace: WorkspaceRef, member: Member, mark: str, *, workspace_is_foreign: bool = False
) -> Things:
    shared = mark if workspace_is_foreign else "of all"
    with enter(workspace):
        assistant = factories.make_assistant(member, f"Helper {shared}", instructions=shared)
        turn = factories.ask(member, f"Question {mark}", assistant=assistant)
        ended = factories.answer(turn.run, f"Answer {mark}", state="failed", error_code="provider_cut")
        live = factories.ask(member, f"Another {mark}", assistant=assistant)
        trial = factories.try_draft(member, f"Test {mark}", instructions=mark)
        version = assistant.versions.get().id
        refusal = MemoryRefusal.objects.create(
            person_id=member.user_id, text=f"Brightwater {mark}", created_at=timezone.now()
        )
        provider = _provider(shared).id
        memory = remember(member=member, layer="semantic", text=f"Remembered {mark}")
        asked = waiting.sweepable(member, ended)
        waits = queueing.ask(
            member=member, conversation=live.conversation, text=f"Then {mark}", parent_id=live.answer.id
        )
        assert isinstance(waits, FollowUp)
        kept = (
            asked
            | {"follow_up": waits.id, "visitor_talk": visitors.talk(member, assistant, shared).id}
            | library.make(member, mark, live.conversation)
            | shelf.sweepable(member, mark)
        )
    text = factories.make_key(member, ["keys:manage"] if member.can_manage_keys else ["view"])
    key = ApiKey.objects.get(prefix=api_keys.prefix_of(text))
    key.name = f"Key {mark}"
    key.save(update_fields=["name"])
    assert ended.receipt_id is not None
    return Things(
        turn.conversation.id, turn.question.id, turn.answer.id, turn.run.id, live.run.id, assistant.id, key.id,
        ended.receipt_id, trial=trial.id, version=version, memory=memory.id, refusal=refusal.id,
        user=member.user_id, provider=provider, model=f"assistant:{assistant.slug}", **kept,
    )  # fmt: skip


def _provider(mark: str) -> Provider:
    """Its key opens nowhere, so that no test of it leaves the house."""
    now = timezone.now()
    return Provider.objects.create(
        name=f"Models {mark} {uuid4().hex[:6]}", slug=uuid4().hex[:20], kind="compatible", base_url="https://models.example/v1",
        key_sealed=b"of no secret", created_at=now, updated_at=now,
    )  # fmt: skip


def make_world() -> World:
    """Two workspaces of their own, committed once: every request is undone again."""
    founder, stranger = factories.make_user(), factories.make_user()
    home, away = factories.make_workspace(founder), factories.make_workspace(stranger)
    people = {"owner": Person(founder, home, factories.member_of(home, founder))}
    for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER):
        user = factories.make_user()
        people[str(role)] = Person(user, home, factories.join(home, user, role))
    people["stranger"] = Person(stranger, away, factories.member_of(away, stranger))
    people["removed"] = _removed(home, founder)
    colleague = factories.join(home, factories.make_user(), Role.MEMBER)
    return World(
        home=home,
        people=people,
        own={role: make_things(home, people[role].member, f"of the {role}") for role in ROLES},
        colleague=make_things(home, colleague, COLLEAGUE),
        foreign=make_things(away, people["stranger"].member, CANARY, workspace_is_foreign=True),
        keys={scope: factories.make_key(people["owner"].member, [scope]) for scope in SCOPES},
    )


def _removed(home: WorkspaceRef, founder: User) -> Person:
    """Somebody who was here. They own a workspace like everybody, and their key outlived nothing."""
    user = factories.make_user()
    member = factories.join(home, user, Role.ADMIN)
    accounts_services.remove_member(
        membership_id=member.membership_id,
        workspace_id=home.id,
        actor=accounts_services.person_actor(founder),
    )
    return Person(user, home, member)


def furnish(world: World) -> World:
    """The same with what belongs to a workspace as a whole. It lasts as long as the test: others count these rows."""
    home = furnish_workspace(world.home, "of all", date(2020, 3, 1))
    away = world.people["stranger"].workspace
    assert away is not None
    return replace(
        world,
        own={role: replace(things, **home) for role, things in world.own.items()},
        colleague=replace(world.colleague, **home),
        foreign=replace(world.foreign, **furnish_workspace(away, CANARY, date(2020, 4, 1))),
    )


def names_furnished(route: Route) -> bool:
    """Whether an address names something of a workspace as a whole."""
    named = {*route.ids.values(), *re.findall(r"{(\w+)}", f"{route.query} {route.data}")}
    return bool(named & FURNISHED)


def shows_furnished(route: Route) -> bool:
    """Whether it may also show such things without naming one: then somebody else's must be there."""
    return names_furnished(route) or not route.ids


def furnish_for(world: World, route: Route) -> World:
    """As `furnish`, for tests that look at no foreign objects: only home, only when the route names such a thing."""
    if not names_furnished(route):
        return world
    home = furnish_workspace(world.home, "of all", date(2020, 3, 1))
    return replace(world, own={role: replace(things, **home) for role, things in world.own.items()})


def furnish_workspace(workspace: WorkspaceRef, mark: str, month: date) -> dict[str, Any]:
    spec = limits.LimitSpec("images", "day", 5)
    limit = limits.set_limit(
        workspace_id=workspace.id, spec=spec, source=Limit.Source.WORKSPACE, actor=audit.SYSTEM
    )
    notice = QuotaNotice.objects.create(
        workspace_id=workspace.id, limit=limit, window_start=month, line="warn", used=4, amount=5
    )
    stop = stops.set_stop(
        scope=Stop.Scope.ASSISTANT, target=str(uuid4()), reason=f"Stopped {mark}", actor=audit.SYSTEM,
        authority=Stop.Authority.WORKSPACE, workspace_id=workspace.id,
    )  # fmt: skip
    statements.write(workspace_id=workspace.id, zone="UTC", month=month)
    checkpoint = receipts.take_checkpoint(workspace.id, LogKind.RECEIPTS)
    return {
        "limit": limit.pk, "notice": notice.pk, "stop": stop.pk, "month": f"{month:%Y-%m}",
        "log_size": checkpoint.size, "contract": contracts.make(workspace.id, mark, state="active").id,
        "export": exports.make(workspace.id).id,
        "mail_domain": connections.furnish(workspace.id).id,
        "offer": contracts.make(workspace.id, mark, state="offered").id,
        **_people(workspace, mark), **_webhook(workspace),
        "workspace": workspace.id,
        "domain": Domain.objects.create(domain=f"{mark}.example", tenant_id=workspace.id, proof="p").pk,
        "audit_entry": AuditEntry.objects.filter(workspace_id=workspace.id).latest("id").id,
    }  # fmt: skip


def _webhook(workspace: WorkspaceRef) -> dict[str, Any]:
    caller = webhooks.Caller(workspace.id, audit.SYSTEM)
    made, _ = webhooks.create(caller=caller, url="https://example.com/", event_types=["run.finished"])
    delivery = webhooks.send_test(caller=caller, endpoint_id=made.id)
    return {"webhook": made.id, "webhook_delivery": delivery.id}


def _people(workspace: WorkspaceRef, mark: str) -> dict[str, UUID]:
    """Somebody to act on, somebody invited an hour ago, and another owner, so that every owner may go."""
    co_owner = factories.join(workspace, factories.make_user(), Role.OWNER)
    somebody = factories.join(workspace, factories.make_user(display_name=f"Somebody {mark}"), Role.MEMBER)
    address = f"{slugify(mark)}@example.test"
    (invitation,) = members.invite(member=co_owner, emails=[address], role=Role.VIEWER)
    invitation.last_sent_at -= timedelta(hours=1)
    invitation.save(update_fields=["last_sent_at"])
    return {"membership": somebody.membership_id, "invitation": invitation.id}


# one request, and what must be true of any answer


def send(
    client: Client, method: str, url: str, data: dict, *, as_json: bool
) -> tuple[HttpResponse, list[str]]:
    """The answer and the statements that wrote something. Whatever it did is undone."""
    files = {name: value for name, value in data.items() if isinstance(value, bytes)}
    if files and method == "POST":
        # A form with files, at an address of the API too.
        uploads = {name: SimpleUploadedFile("sound.wav", value) for name, value in files.items()}
        options, as_json = {"data": {**data, **uploads}}, False
    else:
        rest = {name: value for name, value in data.items() if name not in files}
        options = (
            {"data": json.dumps(rest), "content_type": "application/json"} if as_json else {"data": rest}
        )
    if method == "GET":
        options = {}
    elif not as_json and method != "POST":
        options = {"data": "", "content_type": "application/x-www-form-urlencoded"}
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        response = getattr(client, method.lower())(url, **options)
        transaction.set_rollback(True)
    assert connection.schema_name == "public", f"{method} {url} left the connection in a workspace"
    return response, [row["sql"] for row in captured if is_write(row["sql"])]


def is_write(statement: str) -> bool:
    """Not counted: that a key was used or a session seen, and sessions with what the audit log says of them."""
    uncounted = (
        '"last_used_at"',
        '"last_seen_at"',
        "django_session",
        "'session.entered'",
        "tenants_sealingkey",
    )
    return statement.startswith(("INSERT", "UPDATE", "DELETE")) and not any(
        text in statement for text in uncounted
    )


def assert_answer(
    what: str, found: tuple[HttpResponse, list[str]], expected: int, *, oversees: bool = False
) -> None:
    response, writes = found
    assert response.status_code == expected, f"{what}: {response.status_code}, expected {expected}"
    # A file's content is streamed.
    content = response.getvalue() if response.streaming else response.content
    # A picture is no text, and shows none.
    everything = content.decode(errors="replace") + str(response.headers)
    if oversees:
        everything = everything.replace(COLLEAGUE, "")
    assert CANARY not in everything, f"{what}: shows somebody else's text"
    if expected >= 400 or (expected == 302 and "/accounts/login/" in response.get("Location", "")):
        assert writes == [], f"{what}: was refused and yet wrote"


def ids_of(route: Route, things: Things) -> dict[str, Any]:
    return {name: getattr(things, which) for name, which in route.ids.items()}


def filled(values: dict[str, Any], things: Things) -> dict[str, Any]:
    """`{assistant}` in a text becomes the id of the caller's."""
    return {
        name: value.format(**asdict(things)) if isinstance(value, str) else value
        for name, value in values.items()
    }


def oversees(route: Route, role: str) -> bool:
    return bool(route.overseen_by) and Permission(route.overseen_by) in ROLE_PERMISSIONS[role]


def foreign_ids(world: World, route: Route, own: Things, *, role: str) -> dict[str, dict[str, Any]]:
    """Everything that is not the caller's to see, by what it is."""
    if not route.ids:
        return {}
    found = {
        "of another workspace": ids_of(route, world.foreign),
        "of nobody": {name: NOBODYS.get(which) or uuid4() for name, which in route.ids.items()},
    }
    if not route.shared and not oversees(route, role):
        found["of a colleague"] = ids_of(route, world.colleague)
    if len(route.ids) > 1:
        mine, theirs = ids_of(route, own), ids_of(route, world.colleague)
        for name in route.ids:
            found[f"own but for {name}"] = mine | {name: theirs[name]}
    return found


# the three kinds of addresses


def sweep_page(world: World, name: str, route: Route) -> None:
    world = furnish(world) if shows_furnished(route) else world

    def url(ids: dict[str, Any]) -> str:
        kwargs = {"workspace": world.home.slug, **ids}
        return reverse(f"workspace:{name}", urlconf="config.urls", kwargs=kwargs)

    owned = ids_of(route, world.own["owner"])
    visitor = factories.browser()
    outsiders = {outsider: world.people[outsider].browser() for outsider in OUTSIDERS}
    for method in METHODS:
        found = send(visitor, method, url(owned), route.data, as_json=False)
        assert_answer(f"visitor {method} {name}", found, 302)
        assert found[0]["Location"].startswith("/accounts/login/?next=")
        for outsider, client in outsiders.items():
            found = send(client, method, url(owned), route.data, as_json=False)
            assert_answer(f"{outsider} {method} {name}", found, 404)
    for role in ROLES:
        client = world.people[role].browser()
        for method in METHODS if role == "owner" else route.offers:
            _sweep_as(world, client, method, route, role, url, name=f"{role} {method} {name}", as_json=False)
    _sweep_suspended(world, name, route, url, as_json=False)


def sweep_api(world: World, name: str, route: Route, space: str = "api") -> None:
    world = furnish(world) if shows_furnished(route) else world
    query = urlencode(filled(route.query, world.own["owner"]))

    def url(ids: dict[str, Any]) -> str:
        return reverse(f"{space}:{name}", urlconf="config.urls", kwargs=ids) + (f"?{query}" if query else "")

    owned = ids_of(route, world.own["owner"])
    stranger = factories.with_key(factories.make_key(world.people["stranger"].member))
    for method in METHODS:
        found = send(factories.browser(), method, url(owned), route.data, as_json=True)
        if found[0].status_code != 405 or space == "api":
            assert_answer(f"visitor {method} {name}", found, 401)
        if method in route.offers:
            found = send(stranger, method, url(owned), route.data, as_json=True)
            _assert_nothing_of_home(f"stranger's key {method} {name}", found, is_named=bool(route.ids))
    for role in ROLES:
        member = world.people[role].member
        client = factories.with_key(factories.make_key(member))
        for method in METHODS if role == "owner" else route.offers:
            _sweep_as(
                world, client, method, route, role, url, name=f"{role}'s key {method} {name}", as_json=True
            )
    _sweep_scopes(world, name, route, url)
    if space == "api":
        _sweep_sessions(world, name, route, url)
    _sweep_suspended(world, name, route, url, as_json=True)


def _assert_nothing_of_home(what: str, found: tuple[HttpResponse, list[str]], *, is_named: bool) -> None:
    """Whoever comes with a key of another workspace: what is named is not there, and lists are of their own things."""
    if is_named:
        assert_answer(what, found, 404)
    elif not isinstance(found[0], streaming.Deferred):
        content = found[0].getvalue() if found[0].streaming else found[0].content
        assert "of the owner" not in content.decode(errors="replace"), f"{what}: shows somebody else's text"


def _sweep_as(world, client, method, route, role, url, *, name, as_json) -> None:
    """Somebody of the workspace: allowed or not, with their own objects and with everybody else's."""
    own = world.own[role]
    data, sees_all = filled(route.data, own), oversees(route, role)
    if method not in route.offers:
        found = send(client, method, url(ids_of(route, own)), data, as_json=as_json)
        # A page's permission is asked before its methods.
        assert found[0].status_code in ((405,) if as_json else (403, 405)), f"{name}: {found[0].status_code}"
        assert found[1] == [], f"{name}: wrote"
        return
    permission, success = route.offers[method]
    is_allowed = Permission(permission) in ROLE_PERMISSIONS[role]
    found = send(client, method, url(ids_of(route, own)), data, as_json=as_json)
    if not route.shared or is_allowed:
        assert_answer(name, found, success if is_allowed else 403, oversees=sees_all)
    is_deferred = isinstance(found[0], streaming.Deferred)
    assert is_deferred == (route.streams and is_allowed), f"{name}: Deferred or not"
    for whose, ids in foreign_ids(world, route, own, role=role).items():
        found = send(client, method, url(ids), data, as_json=as_json)
        assert_answer(f"{name} {whose}", found, 404 if is_allowed else found[0].status_code)
        if not is_allowed:
            assert found[0].status_code in (403, 404), f"{name} {whose}: {found[0].status_code}"


def _sweep_scopes(world: World, name: str, route: Route, url) -> None:
    """A key may do no more than its scopes say, even the owner's."""
    owner, own = world.people["owner"].member, world.own["owner"]
    for method, (permission, _) in route.offers.items():
        scopes = sorted(set(Permission) - {Permission(permission)})
        narrow = factories.with_key(factories.make_key(owner, scopes))
        found = send(narrow, method, url(ids_of(route, own)), route.data, as_json=True)
        assert_answer(f"key without {permission} {method} {name}", found, 403)
        _sweep_each_scope(world, f"{method} {name}", method, route, url)


def _sweep_each_scope(world: World, what: str, method: str, route: Route, url) -> None:
    """What the table of scopes says, exactly."""
    own = world.own["owner"]
    permission, success = route.offers[method]
    for scope, text in world.keys.items():
        client, data = factories.with_key(text), filled(route.data, own)
        found = send(client, method, url(ids_of(route, own)), data, as_json=True)
        expected = success if Permission(permission) in SCOPES[scope] else 403
        assert_answer(f"key for {scope} {what}", found, expected, oversees=oversees(route, "owner"))


def _sweep_sessions(world: World, name: str, route: Route, url) -> None:
    """A session that names a workspace of others gets what a workspace of nobody gets."""
    for method in route.offers:
        for person, named, expected in (
            ("stranger", world.home.slug, 404),
            ("stranger", str(world.home.id), 404),
            ("removed", world.home.slug, 404),
            ("owner", "no-such-workspace", 404),
            ("owner", "", route.of_person.get(method, 401)),
        ):
            client = world.people[person].browser(headers={"X-Workspace": named})
            found = send(client, method, url(ids_of(route, world.own["owner"])), route.data, as_json=True)
            assert_answer(f"{person}'s session for {named!r} {method} {name}", found, expected)


# a workspace that is suspended


def _sweep_suspended(
    world: World, name: str, route: Route, url: Callable[..., str], *, as_json: bool
) -> None:
    """Whoever belongs there is told so; whoever does not learns nothing. Last: it stays so to the test's end."""
    owner, stranger = world.people["owner"], world.people["stranger"].browser()
    client = factories.with_key(factories.make_key(owner.member)) if as_json else owner.browser()
    Workspace.objects.filter(id=world.home.id).update(state=Workspace.State.SUSPENDED)
    address = url(ids_of(route, world.own["owner"]))
    for method in route.offers:
        found = send(client, method, address, route.data, as_json=as_json)
        assert_answer(f"suspended: owner {method} {name}", found, 423)
        if not as_json:
            found = send(stranger, method, address, route.data, as_json=False)
            assert_answer(f"suspended: stranger {method} {name}", found, 404)

"""Plain functions that make what tests need, by the product's own services."""

import itertools
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar
from uuid import UUID, uuid4

from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import queries as accounts_queries
from accounts import services as accounts_services
from accounts.legal import documents
from accounts.models import Membership, User
from accounts.permissions import ROLE_PERMISSIONS, Member
from assistants.builder import queries as builder_queries
from assistants.builder import services as builder_services
from assistants.builder import trials
from assistants.builder.content import Content
from assistants.chat import services as chat_services
from assistants.llm import tokens
from assistants.models import Assistant, Run
from assistants.runs import estimate
from assistants.runs import services as runs_services
from assistants.runs.job import Outcome
from tenants.scope import WorkspaceRef, get_ref
from usage import prices
from usage.features import queries as features
from usage.features import services as features_services
from usage.features.keys import Feature
from usage.features.services import Wanted
from usage.holds import services as holds
from usage.holds.types import Hold, HoldRequest
from usage.limits import services as limit_services
from usage.models import Limit

PASSWORD = "correct-horse-battery-staple"
HOST = "127.0.0.1:8000"
Role = Membership.Role
T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """Somebody of the cast; `member` is their place in `workspace`, if they have one."""

    user: User
    workspace: WorkspaceRef | None = None
    member: Member | None = None

    def browser(self, **options) -> Client:
        return sign_in(self.user, **options)


@dataclass(frozen=True)
class Cast:
    acme: WorkspaceRef
    globex: WorkspaceRef
    owner: Person
    admin: Person
    member: Person
    viewer: Person
    globex_owner: Person
    staff: Person


def make_cast() -> Cast:
    """Acme with a person of each role, globex with its owner, and staff. Kept between runs with --reuse-db."""
    owner, globex_owner = make_user("owner@acme.test"), make_user("owner@globex.test")
    acme, globex = make_workspace(owner, "acme"), make_workspace(globex_owner, "globex")
    staff = make_user("staff@steward.test", is_staff=True, is_superuser=True)
    others = {
        role: _colleague(acme, make_user(f"{role}@acme.test"), role)
        for role in (Role.ADMIN, Role.MEMBER, Role.VIEWER)
    }
    return Cast(
        acme=acme,
        globex=globex,
        owner=_place(acme, owner),
        admin=others[Role.ADMIN],
        member=others[Role.MEMBER],
        viewer=others[Role.VIEWER],
        globex_owner=_place(globex, globex_owner),
        staff=Person(staff),
    )


def _colleague(workspace: WorkspaceRef, user: User, role: str) -> Person:
    if not Membership.objects.filter(workspace_id=workspace.id, user=user).exists():
        join(workspace, user, role)
    return _place(workspace, user)


def _place(workspace: WorkspaceRef, user: User) -> Person:
    return Person(user, workspace, member_of(workspace, user))


def make_user(email: str = "", *, verified: bool = True, **fields) -> User:
    email = email or f"person-{secrets.token_hex(6)}@example.test"
    user = accounts_queries.get_user_by_email(email)
    if user is None:
        fields.setdefault("accepted", documents.current())
        user = User.objects.create_user(email, PASSWORD, **fields)
        EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)
    return user


def make_workspace(owner: User, slug: str = "", *, on_free_plan: bool = False) -> WorkspaceRef:
    """With everything that plans can include and any number of seats, or as a newcomer gets it."""
    slug = slug or f"team-{secrets.token_hex(6)}"
    if not accounts_queries.list_workspaces(owner.id) or slug not in _slugs(owner):
        accounts_services.create_workspace(owner=owner, name=slug.title(), slug=slug)
    workspace = get_ref(slug=slug)
    if not on_free_plan:
        give_everything(workspace.id)
    return workspace


def give_everything(workspace_id: UUID) -> None:
    """As if pushed by a plan of its own; whoever refreshes its entitlements has those of its real plan again."""
    if features.read(workspace_id).plan_key != "everything":
        limit_services.push_plan(workspace_id=workspace_id, limits=limit_services.DEFAULT_LIMITS)
        give_rights(workspace_id, *Feature.values)


def give_rights(
    workspace_id: UUID, *keys: str, seats: int | None = None, restricted: str = "", **fields
) -> None:
    """What a plan would push: these features and nothing else."""
    fields = {"plan_key": "everything", "plan_name": "Everything", **fields}
    wanted = Wanted(features=keys, seats_allowed=seats, restricted_reason=restricted, **fields)
    features_services.push(workspace_id=workspace_id, wanted=wanted)


def _slugs(user: User) -> set[str]:
    return {row.slug for row in accounts_queries.list_workspaces(user.id)}


def join(workspace: WorkspaceRef, user: User, role: str) -> Member:
    actor = accounts_services.person_actor(user)
    accounts_services.add_member(workspace_id=workspace.id, user=user, role=role, actor=actor)
    return member_of(workspace, user)


def member_of(workspace: WorkspaceRef, user: User) -> Member:
    member = accounts_queries.get_member(user_id=user.id, workspace_id=workspace.id, session_key=None)
    assert member is not None
    return member


def owner_of(workspace: WorkspaceRef) -> Member:
    """The one owner of a workspace that a test has made."""
    return member_of(workspace, Membership.objects.get(workspace_id=workspace.id, role=Role.OWNER).user)


def make_key(member: Member, scopes: list[str] | None = None, **fields) -> str:
    """The text of a new key; without `scopes` it may do what the member's role may."""
    wanted = sorted(ROLE_PERMISSIONS[member.role]) if scopes is None else scopes
    _, text = accounts_services.create_api_key(member=member, name="Test key", scopes=wanted, **fields)
    return text


def browser(**options) -> Client:
    """A browser on the main host, at an address of its own so that rate limits of other tests do not reach it."""
    address = ".".join(str(number) for number in (10, *secrets.token_bytes(3)))
    return Client(HTTP_HOST=HOST, REMOTE_ADDR=address, **options)


def sign_in(user: User, **options) -> Client:
    client = browser(**options)
    client.force_login(user)
    return client


def with_key(text: str, **options) -> Client:
    return browser(headers={"Authorization": f"Bearer {text}"}, **options)


def make_assistant(member: Member, name: str = "Reviewer", **fields) -> Assistant:
    options = {"instructions": "", "model": "gpt-4o-mini", "temperature": Decimal("0.7")}
    options |= {"max_output_tokens": 2048, **fields}
    return builder_services.create_assistant(member=member, name=name, **options)


def try_draft(member: Member, question: str = "What is a hold?", **fields) -> Run:
    """A queued test of an unsaved draft. Inside the member's workspace."""
    options = {"assistant": fields.pop("assistant", None), "earlier": fields.pop("earlier", [])}
    draft = Content(**{"name": "Draft", "model": "gpt-4o-mini", **fields})
    return trials.start_trial(member=member, draft=draft, question=question, **options)


def ask(member: Member, text: str = "What is a hold?", **fields) -> chat_services.Turn:
    """A new conversation with a queued answer. Inside the member's workspace."""
    if "assistant" not in fields:
        fields["assistant"] = builder_queries.get_default_assistant(member)
    return chat_services.start_conversation(member=member, text=text, **fields)


def answer(run: Run, text: str = "An answer.", **outcome) -> Run:
    """Ends a queued run as a worker would, charged by our own count. Inside its workspace."""
    claim = holds.claim(run.id)
    assert claim is not None
    result = Outcome(text=text, **{"finish_reason": "stop", **outcome})
    ended = runs_services.finish_run(run_id=run.id, attempt=claim.attempt, outcome=result)
    assert ended is not None
    return ended


def open_hold(**fields) -> UUID:
    """A hold of a chat run, without the run. A workspace without limits is given ample ones first."""
    return hold_of(**fields).id


def hold_of(**fields) -> Hold:
    values = {
        "id": uuid4(), "workspace_id": uuid4(), "zone": "UTC", "person_ref": uuid4(), "kind": "reply",
        "model": "gpt-4o-mini", "cap": 200, "min_cap": 1,
    } | fields  # fmt: skip
    if "meters" not in values:
        rates = prices.rates(provider="openai", model=values["model"], at=timezone.now())
        values["meters"] = estimate.chat_meters(kind=values["kind"], input_tokens=1000, rates=[rates])
    if not Limit.objects.filter(workspace_id=values["workspace_id"]).exists():
        give_limits(values["workspace_id"], ("messages", "month", None))
    with transaction.atomic():
        return holds.open_hold(HoldRequest(**values))


def give_limits(workspace_id: UUID, *limits: tuple[str, str, int | None]) -> None:
    """What a plan would push: (meter, window, amount) each, with a block line of 100 %."""
    specs = [limit_services.LimitSpec(*limit, block_percent=100) for limit in limits]
    limit_services.push_plan(workspace_id=workspace_id, limits=specs)


def tokens_of(text: str) -> int:
    return tokens.count(text)


def at_once(count: int, work: Callable[[int], T]) -> list[T | BaseException]:
    """Runs `work(0)` … `work(count - 1)` in real threads that begin together; results in order, or what was raised."""
    assert not connection.in_atomic_block, "threads see what is committed: use the fixture `committed`"
    connection.close()
    barrier = threading.Barrier(count)

    def begin(number: int) -> T | BaseException:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return work(number)
        except BaseException as error:  # noqa: BLE001  the test judges it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, itertools.islice(itertools.count(), count)))

"""Demo data: two workspaces with people of each role, assistants, usage and conversations. Made by services, once."""

import hashlib
import hmac
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts import api_keys, queries
from accounts import services as accounts_services
from accounts.legal import documents
from accounts.legal import services as legal
from accounts.models import ApiKey, Membership, User
from accounts.permissions import SCOPES, Member
from assistants.builder import demo as builder_demo
from assistants.builder import queries as builder_queries
from assistants.builder import services as builder_services
from assistants.chat import services as chat_services
from assistants.documents import demo as documents_demo
from assistants.library import demo as library_demo
from assistants.llm.usage import Usage
from assistants.memory import demo as memory_demo
from assistants.models import Assistant
from assistants.runs import services as runs_services
from assistants.runs import turns
from assistants.runs.job import Outcome
from assistants.tools import demo as tools_demo
from tenants.models import Workspace
from tenants.scope import WorkspaceRef, get_ref, workspace_scope
from usage import demo as usage_demo
from usage import prices
from usage.holds import services as holds
from usage.receipts import services as receipts
from usage.receipts.models import LogKind

PASSWORD = "steward-demo"  # noqa: S105  a demo's password is public
Role = Membership.Role


@dataclass(frozen=True)
class Person:
    email: str
    name: str
    role: str


PEOPLE = {
    "acme": [
        Person("owner@acme.test", "Olivia Owner", Role.OWNER),
        Person("admin@acme.test", "Adam Admin", Role.ADMIN),
        Person("member@acme.test", "Mia Member", Role.MEMBER),
        Person("viewer@acme.test", "Viktor Viewer", Role.VIEWER),
    ],
    "globex": [
        Person("owner@globex.test", "Gwen Owner", Role.OWNER),
        Person("member@globex.test", "Max Member", Role.MEMBER),
    ],
}
STAFF = Person("staff@steward.test", "Sam Staff", "staff")
ASSISTANTS: list[dict[str, Any]] = [
    {
        "name": "Code reviewer",
        "description": "Reads code and names the riskiest line first.",
        "instructions": "You review code. Name the riskiest line first, then suggest the smallest change.",
        "tools": ["documents", "calculator", "web_page", "clock"],
    },
    {
        "name": "Release notes",
        "description": "Turns a list of changes into notes for customers.",
        "instructions": "You write release notes for customers: what changed for them, in plain words, no jargon.",
    },
]
TALKS = [
    (
        "How do I name a database index?",
        "Name it after the **question it answers**, not after its columns.\n\n"
        "| Index | Good name |\n|---|---|\n| `(owner_id, updated_at desc)` | `conversation_owner_recent` |\n"
        "| `(expires_at)` where open | `hold_lease_due` |\n\nWhoever reads the query plan then knows why it exists.",
    ),
    (
        "Write a function that splits a list into chunks",
        "Here it is:\n\n```python\nfrom collections.abc import Iterator, Sequence\n\n\n"
        "def chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:\n"
        "    for start in range(0, len(items), size):\n        yield items[start : start + size]\n```\n\n"
        "The last chunk may be shorter. A `size` below 1 raises `ValueError` from `range`.",
    ),
    (
        "Summarise what a budget hold is, for my team",
        "Before a model is called, the amount it may cost is **held**. Then:\n\n"
        "1. the call runs, capped at what was held;\n2. what it really used is settled;\n"
        "3. the rest returns at once.\n\n"
        "So two calls can never spend the same money.",
    ),
]
RELEASE_TALK = (
    "Notes for 2.4: holds in steps, receipts, a usage page by the hour",
    "**Steward 2.4**\n\n- Long answers no longer wait for a large budget: they take it step by step.\n"
    "- Every answer now has a receipt that you can check yourself.\n"
    "- The usage page shows today by the hour.",
)


def seed() -> bool:
    """Makes the demo data when it is not there. True when it was made now."""
    prices.load_published()
    _person(STAFF, is_staff=True)
    made = [_workspace(slug, people) for slug, people in PEOPLE.items()]
    return any(made)


def describe() -> dict[str, Any]:
    """For scripts: where it runs, who can sign in, an API key per workspace."""
    people = {
        slug: [{"email": p.email, "password": PASSWORD, "role": str(p.role)} for p in rows]
        for slug, rows in PEOPLE.items()
    }
    return {
        "base_url": settings.BASE_URL,
        "staff": {"email": STAFF.email, "password": PASSWORD},
        **{slug: {"slug": slug, "people": people[slug], "api_key": _shown_key(slug)} for slug in PEOPLE},
    }


def _person(person: Person, *, is_staff: bool = False) -> User:
    user = queries.get_user_by_email(person.email)
    if user is None:
        rights = {"is_staff": is_staff, "is_superuser": is_staff}
        user = User.objects.create_user(person.email, PASSWORD, display_name=person.name, **rights)
        EmailAddress.objects.create(user=user, email=person.email, verified=True, primary=True)
    # Nobody is asked in a demo, also in one of an older version.
    legal.accept(user_id=user.id, versions=documents.current())
    return user


def _workspace(slug: str, people: list[Person]) -> bool:
    if Workspace.objects.filter(slug=slug).exists():
        return False
    users = [_person(person) for person in people]
    with transaction.atomic():
        workspace = accounts_services.create_workspace(owner=users[0], name=slug.title(), slug=slug)
        _tell_seeds("workspace_made", workspace)
        actor = accounts_services.person_actor(users[0])
        for user, person in list(zip(users, people, strict=True))[1:]:
            accounts_services.add_member(workspace_id=workspace.id, user=user, role=person.role, actor=actor)
        key = _make_key(workspace, users[0], slug)
    members = [_member(workspace, user) for user in users[:3]]
    talkers = [member for member in members if member.can_chat]
    assistants = _make_assistants(workspace, talkers[0])
    if slug == "acme":
        with workspace_scope(workspace.id):
            builder_demo.furnish(talkers, assistants[-1])
    _use(get_ref(id=workspace.id), talkers, assistants, key)
    _tell_seeds("workspace_used", workspace)
    return True


def _tell_seeds(step: str, workspace: Workspace) -> None:
    for name in settings.DEMO_SEEDS:
        getattr(import_module(name), step)(workspace_id=workspace.id, slug=workspace.slug)


def _member(workspace: Workspace, user: User) -> Member:
    member = queries.get_member(user_id=user.id, workspace_id=workspace.id, session_key=None)
    assert member is not None
    return member


def _make_assistants(workspace: Workspace, member: Member) -> list[Assistant]:
    """The default one first."""
    with workspace_scope(workspace.id):
        return [
            builder_queries.get_default_assistant(member),
            *(
                builder_services.create_assistant(
                    member=member,
                    model=settings.CHAT_MODELS[0],
                    temperature=Decimal("0.7"),
                    max_output_tokens=2048,
                    **fields,
                )
                for fields in ASSISTANTS
            ),
        ]


def _use(workspace: WorkspaceRef, members: list[Member], assistants: list[Assistant], key: ApiKey) -> None:
    """Two months of figures, then finished conversations of each person, charged and receipted like real ones."""
    cast = usage_demo.Cast([member.person_ref for member in members], [row.id for row in assistants], key.id)
    usage_demo.write_history(workspace, cast)
    usage_demo.fence_spend(workspace)
    usage_demo.override_a_limit(workspace)
    usage_demo.limit_nearly_used(workspace, assistants[-1].id, actor=members[0].actor)
    with workspace_scope(workspace.id):
        for member in members:
            for question, answer in TALKS:
                _talk(member, assistants[0], question, answer)
        _talk(members[-1], assistants[-1], *RELEASE_TALK)
        library_demo.make(members)
        documents_demo.seed(member=members[0], assistant=assistants[0])
        tools_demo.seed(members[0], assistants[1])
        for member in members:
            memory_demo.tell(member, curates=member.can_manage_workspace)
    receipts.take_checkpoint(workspace.id, LogKind.RECEIPTS)


def _talk(member: Member, assistant: Assistant, question: str, answer: str) -> None:
    turn = chat_services.start_conversation(member=member, assistant=assistant, text=question)
    claim = holds.claim(turn.run.id) if turn.run else None
    if claim is not None and turn.run is not None:
        runs_services.begin_run(turn.run, attempt=claim.attempt, request=turns.request_of(turn.run, claim))
        usage = Usage(len(question) // 4 + 20, len(answer) // 4, cached_tokens=0, reasoning_tokens=0)
        outcome = Outcome(text=answer, finish_reason="stop", answered_by=assistant.model, usage=usage)
        runs_services.finish_run(run_id=claim.hold_id, attempt=claim.attempt, outcome=outcome)


def _key_text(slug: str, *, environment: str) -> str:
    """The demo's keys are derived from the installation's secret, so that they can be shown again."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"demo-key:{slug}".encode(), hashlib.sha512)
    length = 30 if environment else 38
    body = api_keys.head_of(environment) + "".join(api_keys.ALPHABET[byte % 62] for byte in digest[:length])
    return body + api_keys.checksum(body)


def _shown_key(slug: str) -> str:
    """In the format in which it was made: both have the same beginning."""
    text = _key_text(slug, environment=settings.API_KEY_ENVIRONMENT)
    row = ApiKey.objects.filter(prefix=api_keys.prefix_of(text)).first()
    return text if row is None else _key_text(slug, environment=row.environment)


def _make_key(workspace: Workspace, owner: User, slug: str) -> ApiKey:
    text = _key_text(slug, environment=settings.API_KEY_ENVIRONMENT)
    membership = Membership.objects.get(workspace=workspace, user=owner)
    return ApiKey.objects.create(
        membership=membership,
        name="Demo key",
        environment=settings.API_KEY_ENVIRONMENT,
        prefix=api_keys.prefix_of(text),
        key_hash=api_keys.hash_of(text),
        scopes=list(SCOPES),
    )

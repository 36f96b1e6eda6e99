"""Each service that changes something, called once, leaves exactly one entry that says it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from accounts import api_keys
from accounts import services as accounts
from accounts.auditlog import services as auditlog
from accounts.keys import services as key_services
from accounts.models import ApiKey, User
from accounts.permissions import Member
from assistants.builder import services as builder
from billing.enquiries import services as enquiries
from billing.outcomes import services as outcomes
from tenants import audit, support
from tenants import services as tenants
from tenants.domains import services as domains
from tenants.lifecycle import services as lifecycle
from tenants.models import AuditEntry, Domain
from tenants.scope import WorkspaceRef, enter
from tests import factories
from tests.billing import contracts
from usage import prices, stops
from usage.limits import services as limits
from usage.models import Limit, Price, Stop
from usage.receipts import services as receipts
from usage.spend import services as spend


@dataclass(frozen=True)
class Place:
    """A workspace, its owner, and a colleague."""

    workspace: WorkspaceRef
    owner: Member
    user: User
    colleague: Member

    @property
    def id(self) -> UUID:
        return self.workspace.id


STAFF = audit.Actor("staff", UUID(int=7))
Change = Callable[[Place], object]


@pytest.fixture
def place(db, acme, owner, member) -> Place:
    return Place(acme, owner.member, owner.user, member.member)


def key_of(place: Place) -> UUID:
    return ApiKey.objects.get(prefix=api_keys.prefix_of(factories.make_key(place.owner))).id


def limit_of(place: Place) -> Limit:
    spec = limits.LimitSpec("images", "day", 5)
    return limits.set_limit(workspace_id=place.id, spec=spec, source=Limit.Source.WORKSPACE, actor=STAFF)


def override(limit: Limit) -> int:
    ends = datetime(2099, 1, 1, tzinfo=UTC)
    return limits.override(limit=limit, amount=9, reason="asked", expires_at=ends, actor=STAFF).pk


def stop_of(place: Place) -> int:
    return stops.set_stop(scope=Stop.Scope.WORKSPACE, target=str(place.id), reason="why", actor=STAFF).pk


def domain_of(place: Place) -> int:
    name = f"{uuid4().hex[:8]}.example.test"
    return Domain.objects.create(domain=name, tenant_id=place.id, is_primary=False).pk


def edit(place: Place) -> Change:
    with enter(place.workspace):
        assistant = factories.make_assistant(place.owner)
    return lambda p: builder.edit_assistant(member=p.owner, assistant=assistant, changes={"name": "Other"})


def given(
    prepare: Callable[[Place], object], change: Callable[[Place, object], object]
) -> Callable[[Place], Change]:
    """First what the change needs, then the change."""

    def ready(place: Place) -> Change:
        thing = prepare(place)
        return lambda p: change(p, thing)

    return ready


def nothing(place: Place) -> None:
    return None


TERMS = outcomes.Terms(title="T", goal="traffic", unit="visits", baseline=1, target=2, fee_minor=100)
PRICE = {"provider": "openai", "model": "m", "meter": "input_tokens", "micro_per_million": 1}
CASES: dict[str, Callable[[Place], Change]] = {
    "member.added": given(
        lambda p: factories.make_user(),
        lambda p, user: accounts.add_member(workspace_id=p.id, user=user, role="member", actor=p.owner.actor),
    ),
    "member.removed": given(
        nothing,
        lambda p, _: accounts.remove_member(
            membership_id=p.colleague.membership_id, workspace_id=p.id, actor=p.owner.actor
        ),
    ),
    "api_key.created": given(
        nothing, lambda p, _: accounts.create_api_key(member=p.owner, name="Key", scopes=["view"])
    ),
    "api_key.changed": given(
        key_of, lambda p, key: key_services.change(member=p.owner, key_id=key, name="Renamed")
    ),
    "api_key.rotated": given(
        key_of, lambda p, key: key_services.rotate(member=p.owner, key_id=key, overlap_hours=1)
    ),
    "api_key.exposed": given(
        lambda p: factories.make_key(p.owner), lambda p, text: key_services.note_exposure(text)
    ),
    "api_key.revoked": given(key_of, lambda p, key: accounts.revoke_api_key(member=p.owner, key_id=key)),
    "api_key.revoked by staff": given(
        key_of, lambda p, key: accounts.revoke_anyones_api_key(key_id=key, actor=STAFF)
    ),
    "person.blocked": given(
        nothing,
        lambda p, _: accounts.set_sign_in_allowed(
            user_id=p.user.id, allowed=False, reason="why", actor=STAFF
        ),
    ),
    "person.allowed": given(
        nothing,
        lambda p, _: accounts.set_sign_in_allowed(user_id=p.user.id, allowed=True, reason="why", actor=STAFF),
    ),
    "person.staff_rights_set": given(
        nothing,
        lambda p, _: accounts.set_staff_rights(
            user=p.user, is_staff=True, is_superuser=False, groups=[], actor=STAFF
        ),
    ),
    "audit.exported": given(
        nothing, lambda p, _: auditlog.note_export(member=p.owner, form="csv", filters={})
    ),
    "support.viewed": given(
        nothing,
        lambda p, _: support.note_view(workspace_id=p.id, actor=STAFF, seen=("workspace", p.id)),
    ),
    "workspace.suspended": given(
        nothing,
        lambda p, _: lifecycle.suspend(workspace_id=p.id, reason="why", actor=STAFF),
    ),
    "workspace.archived": given(
        nothing, lambda p, _: lifecycle.archive(workspace_id=p.id, actor=p.owner.actor)
    ),
    "workspace.deletion_scheduled": given(
        nothing,
        lambda p, _: lifecycle.schedule_deletion(
            workspace_id=p.id, typed_name=p.workspace.name, actor=p.owner.actor, now=datetime.now(UTC)
        ),
    ),
    "workspace.billing_day_set": given(
        nothing, lambda p, _: tenants.set_billing_day(workspace_id=p.id, day=9, actor=STAFF)
    ),
    "domain.verified": given(
        domain_of, lambda p, row: domains.verify_domain(domain_id=row, now=datetime.now(UTC), actor=STAFF)
    ),
    "limit.set": given(nothing, lambda p, _: limit_of(p)),
    "limit.removed": given(limit_of, lambda p, limit: limits.remove_limit(limit=limit, actor=p.owner.actor)),
    "limit.overridden": given(limit_of, lambda p, limit: override(limit)),
    "limit.override_lifted": given(
        lambda p: override(limit_of(p)), lambda p, row: limits.lift_override(override_id=row, actor=STAFF)
    ),
    "limits.pushed": given(
        nothing, lambda p, _: limits.push_plan(workspace_id=p.id, limits=limits.DEFAULT_LIMITS)
    ),
    "rights.pushed": given(nothing, lambda p, _: factories.give_rights(p.id, plan_name="Another")),
    "stop.set": given(nothing, lambda p, _: stop_of(p)),
    "stop.lifted": given(stop_of, lambda p, stop: stops.lift_stop(stop_id=stop, actor=STAFF)),
    "spend_alarm.set": given(
        nothing, lambda p, _: spend.set_alarm(workspace_id=p.id, micro_per_hour=5, actor=STAFF)
    ),
    "spend_alarm.removed": given(
        lambda p: spend.set_alarm(workspace_id=p.id, micro_per_hour=5, actor=STAFF).pk,
        lambda p, alarm: spend.remove_alarm(alarm_id=alarm, actor=STAFF),
    ),
    "price.added": given(
        nothing,
        lambda p, _: prices.add_price(
            Price(**PRICE, effective_at=datetime.now(UTC) + timedelta(days=1), source="staff"), actor=STAFF
        ),
    ),
    "receipts.checkpoints_mailed": given(
        nothing, lambda p, _: receipts.mail_checkpoints_now(p.id, actor=p.owner.actor)
    ),
    "contract.drafted": given(
        nothing, lambda p, _: outcomes.draft_contract(workspace_id=p.id, terms=TERMS, actor=STAFF)
    ),
    "contract.offered": given(
        lambda p: contracts.make(p.id, state="draft").id,
        lambda p, row: outcomes.offer_contract(contract_id=row, actor=STAFF),
    ),
    "contract.accepted": given(
        lambda p: contracts.make(p.id, state="offered").id,
        lambda p, row: outcomes.accept_contract(member=p.owner, contract_id=row),
    ),
    "enquiry.received": given(
        nothing,
        lambda p, _: enquiries.create_enquiry(
            name="N", email="n@example.test", message="M", workspace_id=p.id
        ),
    ),
    "assistant.created": given(
        nothing, lambda p, _: inside(p, lambda: factories.make_assistant(p.owner, "Another"))
    ),
    "assistant.edited": edit,
    "conversation.started": given(nothing, lambda p, _: inside(p, lambda: factories.ask(p.owner))),
}


def inside(place: Place, act: Callable[[], object]) -> object:
    with enter(place.workspace):
        return act()


@pytest.mark.parametrize("name", CASES)
def test_service_leaves_exactly_one_entry(place, name):
    change = CASES[name](place)
    newest = AuditEntry.objects.latest("id").id
    if name == "assistant.edited":
        inside(place, lambda: change(place))
    else:
        change(place)
    left = list(AuditEntry.objects.filter(id__gt=newest).values_list("action", flat=True))
    assert left == [name.split(" ", 1)[0]]


def test_making_a_workspace_enters_each_of_its_parts(db):
    newest = AuditEntry.objects.latest("id").id
    accounts.create_workspace(owner=factories.make_user(), name="New", slug=f"new-{uuid4().hex[:8]}")
    left = sorted(AuditEntry.objects.filter(id__gt=newest).values_list("action", flat=True))
    assert left == ["limits.pushed", "member.added", "rights.pushed", "workspace.created"]


def test_model_calls_and_turns_enter_nothing(in_acme, member):
    turn = factories.ask(member.member)
    newest = AuditEntry.objects.latest("id").id
    factories.answer(turn.run)
    from assistants.chat import services as chat

    again = chat.send_message(
        member=member.member, conversation=turn.conversation, text="And then?", parent_id=turn.answer.id
    )
    factories.answer(again.run)
    assert not AuditEntry.objects.filter(id__gt=newest).exists()


def test_call_of_v1_enters_nothing(db, owner, monkeypatch):
    key = factories.with_key(factories.make_key(owner.member))
    newest = AuditEntry.objects.latest("id").id
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
    response = key.post("/v1/chat/completions", body, content_type="application/json")
    assert response.status_code == 200
    assert not AuditEntry.objects.filter(id__gt=newest).exists()

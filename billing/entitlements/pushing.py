"""A plan as `usage` is told of it. Each part is compared first: what is so already is neither written nor audited."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.plans import queries as plans
from billing.plans.models import Plan
from billing.subscriptions.models import BillingAccount
from tenants import audit
from tenants import services as tenants
from tenants.scope import get_ref
from usage.features import services as features
from usage.features.keys import Feature
from usage.features.services import Wanted
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Limit, Meter, RequestRate, SubjectKind, Window
from usage.pace import queries as pace_queries
from usage.pace import services as pace
from usage.pace.queries import Rates

UPGRADE_TEXT = "An owner can change the plan on the billing page."
PAYMENT_OVERDUE = "payment_overdue"


def push(account: BillingAccount, plan: Plan, *, actor: audit.Actor) -> list[str]:
    """What was changed: limits, rates, features, billing_day. Inside the transaction that has locked `account`."""
    seats = plans.seats_of(plan, account.quantity)
    parts = {
        "limits": push_limits(account.workspace_id, specs_of(plan, seats), actor=actor),
        "rates": push_rates(account.workspace_id, rates_of(plan), actor=actor),
        "features": features.push(
            workspace_id=account.workspace_id, wanted=wanted_of(account, plan, seats), actor=actor
        ),
        "billing_day": push_billing_day(account, actor=actor),
    }
    if parts["limits"]:
        features.forget_with_commit(account.workspace_id)
    return [name for name, changed in parts.items() if changed]


def specs_of(plan: Plan, seats: int | None) -> list[LimitSpec]:
    """The plan's limits of the whole workspace; seats are one of them, so that they are shown beside the others."""
    specs = {(Meter.SEATS.value, Window.TOTAL.value): LimitSpec(Meter.SEATS, Window.TOTAL, seats)}
    for row in plan.limits:
        spec = _spec(row)
        specs[(spec.meter, spec.window)] = spec
    return list(specs.values())


def _spec(row: dict[str, Any]) -> LimitSpec:
    lines = {name: row[name] for name in ("warn_percent", "block_percent") if row.get(name)}
    return LimitSpec(meter=row["meter"], window=row["window"], amount=row["amount"], **lines)


def push_limits(workspace_id: UUID, wanted: list[LimitSpec], *, actor: audit.Actor) -> bool:
    """A limit of the same meter and window that staff have set stays in the place of the plan's."""
    rows = Limit.objects.filter(workspace_id=workspace_id, subject_kind=SubjectKind.WORKSPACE, subject_id="")
    present = {(row.meter, row.window): row for row in rows}
    kept = {key for key, row in present.items() if row.source == Limit.Source.STAFF}
    wanted = [spec for spec in wanted if (spec.meter, spec.window) not in kept]
    of_plan = {key: _line(row) for key, row in present.items() if row.source == Limit.Source.PLAN}
    if of_plan == {(str(spec.meter), str(spec.window)): _wanted_line(spec) for spec in wanted}:
        return False
    limits.push_plan(workspace_id=workspace_id, limits=wanted, actor=actor)
    return True


def _line(row: Limit) -> tuple[int | None, int, int]:
    return row.amount, row.warn_percent, row.block_percent


def _wanted_line(spec: LimitSpec) -> tuple[int | None, int, int]:
    return spec.amount, spec.warn_percent, limits.block_percent_of(spec)


def rates_of(plan: Plan) -> Rates:
    """What a plan does not name has the fence that everybody has."""
    default = pace_queries.DEFAULT
    return Rates(
        per_key=plan.rates.get("per_key", default.per_key),
        per_person=plan.rates.get("per_person", default.per_person),
        per_workspace=plan.rates.get("per_workspace", default.per_workspace),
    )


def push_rates(workspace_id: UUID, wanted: Rates, *, actor: audit.Actor) -> bool:
    row = RequestRate.objects.filter(workspace_id=workspace_id).first()
    present = Rates(row.per_key, row.per_person, row.per_workspace) if row else pace_queries.DEFAULT
    if present == wanted:
        return False
    pace.push_rates(workspace_id=workspace_id, rates=wanted, actor=actor)
    return True


def wanted_of(account: BillingAccount, plan: Plan, seats: int | None) -> Wanted:
    """Features that nothing enforces are not pushed: they are not sold either."""
    return Wanted(
        features=[key for key in plan.features if key in Feature.values],
        plan_key=plan.key,
        plan_name=plan.name,
        sold_in=sold_in(),
        upgrade_text=UPGRADE_TEXT,
        seats_allowed=seats,
        restricted_reason=PAYMENT_OVERDUE if account.restricted_at else "",
    )


def sold_in() -> dict[str, str]:
    """Feature → the name of the first plan, by rank, that has it. Two queries."""
    found: dict[str, str] = {}
    for plan in plans.list_offered():
        for key in plan.features:
            if key in Feature.values:
                found.setdefault(key, plan.name)
    return found


def push_billing_day(account: BillingAccount, *, actor: audit.Actor) -> bool:
    """The day of the workspace's own calendar on which its period began. Without a subscription it stays as it is."""
    if account.period_start is None:
        return False
    workspace = get_ref(id=account.workspace_id)
    day = account.period_start.astimezone(ZoneInfo(workspace.timezone)).day
    if day == workspace.billing_day:
        return False
    tenants.set_billing_day(workspace_id=workspace.id, day=day, actor=actor)
    return True

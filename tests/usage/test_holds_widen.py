"""Further input of a started run: held before it is sent, all of it or nothing, and never beyond a limit."""

from uuid import uuid4

import pytest
from django.db import transaction

from tenants.audit import SYSTEM
from tests import factories
from tests.usage.runs import counter
from usage.holds import services
from usage.holds.types import Actual
from usage.limits import services as limit_services
from usage.limits.services import LimitSpec
from usage.models import Counter, Hold, LedgerEntry, Limit

INPUT = 1000  # of tests.factories.hold_of
LIMITED = ("tokens", "input_tokens", "cost_micro", "messages")


def begun(**limits: int):
    """A claimed hold of 1,000 input and 200 output tokens; (its id, its workspace)."""
    workspace_id = uuid4()
    amounts = dict.fromkeys(LIMITED, 1_000_000) | limits
    factories.give_limits(workspace_id, *((meter, "month", amount) for meter, amount in amounts.items()))
    hold_id = factories.open_hold(workspace_id=workspace_id)
    assert services.claim(hold_id).attempt == 1
    return hold_id, workspace_id


def held(workspace_id) -> dict[str, int]:
    return dict(
        Counter.objects.filter(workspace_id=workspace_id, subject_kind="workspace").values_list(
            "meter", "held"
        )
    )


def test_input_is_held_at_the_price_of_the_first(db):
    hold_id, workspace_id = begun(tokens=10_000)
    assert held(workspace_id) == {"tokens": 1200, "input_tokens": 1000, "cost_micro": 270, "messages": 1}
    assert services.widen(hold_id, attempt=1, input_tokens=3000) == 200
    assert held(workspace_id) == {"tokens": 4200, "input_tokens": 4000, "cost_micro": 720, "messages": 1}
    assert services.extend(hold_id, attempt=1, cap=400) == 400, "steps of output go on from there"
    assert held(workspace_id)["tokens"] == 4400


def test_what_does_not_fit_holds_nothing(db):
    hold_id, workspace_id = begun(tokens=4199)
    before = held(workspace_id)
    assert services.widen(hold_id, attempt=1, input_tokens=3000) == 0
    assert held(workspace_id) == before
    assert services.widen(hold_id, attempt=1, input_tokens=2999) == 200, "the control: one token fewer"
    assert held(workspace_id)["tokens"] == 4199


def test_money_refuses_too(db):
    hold_id, workspace_id = begun(cost_micro=719)
    assert services.widen(hold_id, attempt=1, input_tokens=3000) == 0
    assert held(workspace_id)["cost_micro"] == 270


def test_only_the_owner_may(db):
    hold_id, workspace_id = begun()
    assert services.widen(hold_id, attempt=2, input_tokens=5) is None
    assert services.widen(uuid4(), attempt=1, input_tokens=5) is None
    assert held(workspace_id)["tokens"] == 1200


def test_settlement_books_up_to_what_is_held_now_and_gives_the_rest_back(db):
    hold_id, workspace_id = begun()
    services.widen(hold_id, attempt=1, input_tokens=3000)
    actual = Actual(provider="openai", model="gpt-4o-mini", input_tokens=4500, output_tokens=100, messages=1)
    with transaction.atomic():
        settled = services.settle(hold_id, attempt=1, actual=actual)
    assert settled.actual.input_tokens == 4000, "the platform bears what is beyond"
    assert counter(workspace_id, "tokens").used == 4100
    assert set(held(workspace_id).values()) == {0}
    overrun = LedgerEntry.objects.get(hold_id=hold_id, account="platform")
    assert overrun.input_tokens == 500


def test_without_further_input_only_the_first_would_be_booked(db):
    """The control: what was not held is not the workspace's."""
    hold_id, _ = begun()
    actual = Actual(provider="openai", model="gpt-4o-mini", input_tokens=4500, output_tokens=100, messages=1)
    with transaction.atomic():
        assert services.settle(hold_id, attempt=1, actual=actual).actual.input_tokens == INPUT


@pytest.fixture
def race(committed):
    workspace_id = uuid4()
    factories.give_limits(workspace_id, ("tokens", "month", 20_000))
    hold_ids = [factories.open_hold(workspace_id=workspace_id) for _ in range(8)]
    for hold_id in hold_ids:
        services.claim(hold_id)
    yield workspace_id, hold_ids


def test_many_at_once_never_pass_the_limit(race):
    workspace_id, hold_ids = race
    answers = factories.at_once(
        8, lambda number: services.widen(hold_ids[number], attempt=1, input_tokens=3000)
    )
    assert sorted(answers) == [0, 0, 0, 0, 0, 200, 200, 200]
    assert counter(workspace_id, "tokens").held == 8 * 1200 + 3 * 3000
    assert sum(line["held"] for hold in Hold.objects.filter(id__in=hold_ids) for line in hold.lines) == 18_600


def test_platform_share_is_drawn_for_it(db):
    spec = LimitSpec("tokens", "total", 5000, subject_kind="platform", block_percent=100)
    limit_services.set_limit(workspace_id=None, spec=spec, source=Limit.Source.STAFF, actor=SYSTEM)
    hold_id, workspace_id = begun()
    assert services.widen(hold_id, attempt=1, input_tokens=3000) == 200
    share = counter(workspace_id, "tokens", subject_kind="platform")
    assert share.granted >= share.held == 4200
    assert services.widen(hold_id, attempt=1, input_tokens=1000) == 0, "the pool is empty"
    assert counter(workspace_id, "tokens", subject_kind="platform").held == 4200

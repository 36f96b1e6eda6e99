"""Contracts: what is offered, accepted, measured, and falls due once."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.mails.models import Mail
from billing.catalogues.catalogue import Milestone
from billing.outcomes import progress, queries, services, tasks
from billing.outcomes.models import Contract, ContractMilestone, Measurement
from billing.outcomes.services import (
    ContractNotFound,
    ContractNotReady,
    ContractRefused,
    Evidence,
    EvidenceMissing,
    Terms,
)
from billing.subscriptions.models import BillingEvent, Grant
from config.errors import Forbidden
from tenants import audit
from tenants.models import AuditEntry

pytestmark = pytest.mark.django_db

TERMS = Terms(
    title="Twice the visits", goal="traffic", unit="visits a month", baseline=Decimal(10_000),
    target=Decimal(20_000), fee_minor=100_001,
)  # fmt: skip
SEEN = Evidence(text="Counted by the server")


@pytest.fixture(autouse=True)
def no_tasks(monkeypatch) -> list[int]:
    """Ids of the milestones that are to be invoiced."""
    wanted: list[int] = []
    monkeypatch.setattr(tasks.invoice_milestone, "delay", lambda *, milestone_id: wanted.append(milestone_id))
    return wanted


def drafted(workspace_id, terms: Terms = TERMS) -> Contract:
    return services.draft_contract(workspace_id=workspace_id, terms=terms, actor=audit.SYSTEM)


def active(owner, terms: Terms = TERMS) -> Contract:
    contract = drafted(owner.member.workspace_id, terms)
    services.offer_contract(contract_id=contract.id, actor=audit.SYSTEM)
    services.accept_contract(member=owner.member, contract_id=contract.id)
    return services.activate_contract(contract_id=contract.id, actor=audit.SYSTEM)


def measure(owner, contract, value, **fields) -> Measurement:
    values = {"evidence": SEEN, "source": "page"} | fields
    return services.measure(member=owner.member, contract_id=contract.id, value=Decimal(value), **values)


def reached(contract) -> list[int]:
    rows = contract.milestones.filter(reached_at__isnull=False).order_by("percent")
    return list(rows.values_list("percent", flat=True))


def log_of(contract) -> list[str]:
    rows = BillingEvent.objects.filter(workspace_id=contract.workspace_id, data__contract=str(contract.id))
    return list(rows.order_by("created_at").values_list("kind", flat=True))


# progress


@pytest.mark.parametrize(
    ("baseline", "target", "value", "expected"),
    [
        ("10000", "20000", "10000", 0),
        ("10000", "20000", "12500", 2500),
        ("10000", "20000", "12499.9999", 2499),
        ("10000", "20000", "20000", 10_000),
        ("10000", "20000", "25000", 15_000),
        ("10000", "20000", "5000", -5000),
        ("2.5", "3.5", "3.25", 7500),
        ("8", "2", "5", 5000),
        ("8", "2", "9", -1666),
        ("0", "0.0001", "9999999999999999", 1_000_000_000),
    ],
)
def test_progress_is_the_part_of_the_way_in_basis_points(baseline, target, value, expected):
    found = progress.progress_bp(baseline=Decimal(baseline), target=Decimal(target), value=Decimal(value))
    assert found == expected


def test_shares_are_the_fee_to_the_cent():
    assert progress.amounts(100_001, [2500, 2500, 2500, 2500]) == [25_000, 25_000, 25_000, 25_001]
    assert progress.amounts(100, [3333, 3333, 3334]) == [33, 33, 34]
    assert progress.amounts(1, [2500] * 4) == [0, 0, 0, 1]
    for fee in (1, 7, 99, 12_345_679):
        assert sum(progress.amounts(fee, [1, 4999, 0, 5000])) == fee


# making one


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline": Decimal(20_000)},
        {"goal": "fame"},
        {"title": " "},
        {"unit": ""},
        {"fee_minor": 0},
        {"milestones": (Milestone(50, 10_000),)},
        {"milestones": (Milestone(100, 5000), Milestone(50, 5000))},
        {"milestones": (Milestone(50, 5000), Milestone(100, 4999))},
        {"milestones": (Milestone(50, -5000), Milestone(100, 15_000))},
        {"milestones": (Milestone(0, 5000), Milestone(100, 5000))},
    ],
)
def test_what_could_not_be_kept_is_refused(acme, changes):
    before = Contract.objects.count()
    with pytest.raises(ContractRefused):
        drafted(acme.id, Terms(**(vars(TERMS) | changes)))
    assert Contract.objects.count() == before


def test_without_milestones_a_quarter_falls_due_at_each_quarter(acme):
    contract = drafted(acme.id)
    rows = contract.milestones.order_by("percent").values_list("percent", "share_bp", "amount_minor")
    assert list(rows) == [(25, 2500, 25_000), (50, 2500, 25_000), (75, 2500, 25_000), (100, 2500, 25_001)]


def test_a_contract_goes_its_way_in_order(cast, owner):
    contract = drafted(cast.acme.id)
    with pytest.raises(ContractNotReady):
        services.activate_contract(contract_id=contract.id, actor=audit.SYSTEM)
    with pytest.raises(ContractNotFound):
        services.accept_contract(member=owner.member, contract_id=contract.id)
    services.offer_contract(contract_id=contract.id, actor=audit.SYSTEM)
    with pytest.raises(ContractNotReady):
        measure(owner, contract, 15_000)
    services.accept_contract(member=owner.member, contract_id=contract.id)
    with pytest.raises(ContractNotReady):
        services.accept_contract(member=owner.member, contract_id=contract.id)
    with pytest.raises(ContractNotReady):
        measure(owner, contract, 15_000)
    services.activate_contract(contract_id=contract.id, actor=audit.SYSTEM)
    contract.refresh_from_db()
    assert (contract.state, contract.accepted_by_ref) == ("active", owner.member.person_ref)
    assert log_of(contract) == ["contract.offered", "contract.accepted", "contract.activated"]
    entries = AuditEntry.objects.filter(target_id=str(contract.id)).order_by("id")
    assert [entry.action for entry in entries] == [
        "contract.drafted", "contract.offered", "contract.accepted", "contract.activated",
    ]  # fmt: skip


def test_only_owners_accept_and_measure(cast, owner, admin, member, viewer, globex_owner):
    contract = drafted(cast.acme.id)
    services.offer_contract(contract_id=contract.id, actor=audit.SYSTEM)
    for person in (admin, member, viewer):
        with pytest.raises(Forbidden):
            services.accept_contract(member=person.member, contract_id=contract.id)
    with pytest.raises(ContractNotFound):
        services.accept_contract(member=globex_owner.member, contract_id=contract.id)
    contract.refresh_from_db()
    assert contract.state == "offered"
    contract = active(owner)
    for person in (admin, member, viewer):
        with pytest.raises(Forbidden):
            measure(person, contract, 20_000)
    with pytest.raises(ContractNotFound):
        measure(globex_owner, contract, 20_000)
    assert not contract.measurements.exists()


def test_the_database_knows_no_contract_that_runs_unaccepted(cast):
    contract = drafted(cast.acme.id)
    with pytest.raises(DatabaseError, match="contract_accepted_first"), transaction.atomic():
        Contract.objects.filter(pk=contract.pk).update(state="active")


# measuring


def test_milestones_up_to_the_value_fall_due_and_each_once(
    owner, no_tasks, django_capture_on_commit_callbacks
):
    contract = active(owner)
    with django_capture_on_commit_callbacks(execute=True):
        measure(owner, contract, 15_500)
    assert reached(contract) == [25, 50]
    with django_capture_on_commit_callbacks(execute=True):
        measure(owner, contract, 15_600)
    assert reached(contract) == [25, 50]
    assert no_tasks == list(
        contract.milestones.filter(percent__lte=50).order_by("percent").values_list("pk", flat=True)
    )
    keys = [f"milestone:{contract.id}:{percent}" for percent in (25, 50)]
    assert (
        sorted(Grant.objects.filter(key__startswith=f"milestone:{contract.id}").values_list("key", flat=True))
        == keys
    )
    assert (
        sorted(Mail.objects.filter(key__startswith=f"milestone:{contract.id}").values_list("key", flat=True))
        == keys
    )
    assert log_of(contract)[3:] == [
        "contract.measured", "contract.milestone_reached", "contract.milestone_reached", "contract.measured",
    ]  # fmt: skip


def test_a_lower_value_takes_nothing_back_and_coming_again_pays_nothing_twice(owner):
    contract = active(owner)
    measure(owner, contract, 15_000)
    measure(owner, contract, 9_000)
    found = queries.access_contract(owner.member, contract.id)
    assert (found.progress_bp, found.best_bp, found.current) == (-1000, 5000, Decimal(9_000))
    assert reached(contract) == [25, 50]
    assert found.due_minor == 50_000
    measure(owner, contract, 15_100)
    assert Grant.objects.filter(key__startswith=f"milestone:{contract.id}").count() == 2


def test_without_the_claim_a_milestone_that_was_undone_by_hand_would_fall_due_again(owner, monkeypatch):
    contract = active(owner)
    measure(owner, contract, 12_500)
    contract.milestones.update(reached_at=None, reached_by=None)
    measure(owner, contract, 12_600)
    assert reached(contract) == []
    monkeypatch.setattr(services.grants, "claim", lambda key, **data: True)
    measure(owner, contract, 12_700)
    assert reached(contract) == [25]


def test_the_last_milestone_completes_the_contract(owner):
    contract = active(owner)
    measure(owner, contract, 21_000)
    contract.refresh_from_db()
    assert (contract.state, reached(contract)) == ("completed", [25, 50, 75, 100])
    assert sum(contract.milestones.values_list("amount_minor", flat=True)) == 100_001
    with pytest.raises(ContractNotReady):
        measure(owner, contract, 22_000)


def test_a_contract_may_count_downwards(owner):
    terms = Terms(
        **(vars(TERMS) | {"baseline": Decimal("8"), "target": Decimal("2"), "unit": "seconds", "goal": "own"})
    )
    contract = active(owner, terms)
    measure(owner, contract, "3.5")
    assert reached(contract) == [25, 50, 75]


def test_a_milestone_without_a_share_is_reached_and_not_invoiced(
    owner, no_tasks, django_capture_on_commit_callbacks
):
    milestones = (Milestone(50, 0), Milestone(100, 10_000))
    contract = active(owner, Terms(**(vars(TERMS) | {"milestones": milestones})))
    with django_capture_on_commit_callbacks(execute=True):
        measure(owner, contract, 15_000)
    assert no_tasks == []
    assert [row.state for row in queries.access_contract(owner.member, contract.id).milestones] == [
        "free",
        "open",
    ]


def test_a_value_needs_evidence_and_no_future(owner):
    contract = active(owner)
    with pytest.raises(EvidenceMissing):
        measure(owner, contract, 15_000, evidence=Evidence(" ", ""))
    with pytest.raises(ContractRefused):
        measure(owner, contract, 15_000, measured_at=timezone.now() + timedelta(minutes=5))
    assert not contract.measurements.exists()
    assert reached(contract) == []


def test_a_measurement_is_never_changed(owner):
    contract = active(owner)
    row = measure(owner, contract, 11_000)
    for change in (
        lambda: Measurement.objects.filter(pk=row.pk).update(value=1),
        lambda: Measurement.objects.filter(pk=row.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_an_ended_contract_keeps_what_fell_due(owner):
    contract = active(owner)
    measure(owner, contract, 12_500)
    services.end_contract(contract_id=contract.id, reason="Both agreed", actor=audit.SYSTEM)
    with pytest.raises(ContractNotReady):
        measure(owner, contract, 20_000)
    with pytest.raises(ContractNotReady):
        services.end_contract(contract_id=contract.id, reason="Again", actor=audit.SYSTEM)
    found = queries.access_contract(owner.member, contract.id)
    assert (found.state, found.due_minor, found.end_reason) == ("ended", 25_000, "Both agreed")


def test_what_was_not_invoiced_is_found_by_the_sweep(owner, no_tasks):
    contract = active(owner)
    measure(owner, contract, 12_500)
    tasks.invoice_milestones()
    assert no_tasks == [], "its own task has two minutes"
    ContractMilestone.objects.filter(contract=contract, percent=25).update(
        reached_at=timezone.now() - timedelta(minutes=3)
    )
    tasks.invoice_milestones()
    assert no_tasks == [contract.milestones.get(percent=25).pk]


# what is seen


def test_contracts_are_seen_without_drafts_and_only_one_s_own(
    cast, owner, admin, globex_owner, assert_queries
):
    draft, contract = drafted(cast.acme.id), active(owner)
    foreign = drafted(cast.globex.id)
    services.offer_contract(contract_id=foreign.id, actor=audit.SYSTEM)
    services.measure(
        member=owner.member, contract_id=contract.id, value=Decimal(12_500), source="api",
        evidence=Evidence(url="https://example.test/report"),
    )  # fmt: skip
    with assert_queries(4):
        (found,) = queries.list_contracts(owner.member)
    assert found.id == contract.id
    assert [row.state for row in found.milestones] == ["reached", "open", "open", "open"]
    (row,) = found.measurements
    assert (row.evidence_url, row.source, row.progress_bp) == ("https://example.test/report", "api", 2500)
    assert row.recorded_by == owner.user.name
    assert (found.can_measure, found.can_accept) == (True, False)
    assert queries.list_contracts(admin.member)[0].can_measure is False
    for hidden in (draft.id, foreign.id, uuid4(), "no-id"):
        with pytest.raises(ContractNotFound):
            queries.access_contract(owner.member, hidden)


def test_staff_measure_in_the_product_s_name(owner, settings):
    contract = active(owner)
    services.measure_as_staff(
        contract_id=contract.id, value=Decimal(12_500), evidence=SEEN, actor=audit.SYSTEM
    )
    (row,) = queries.access_contract(owner.member, contract.id).measurements
    assert (row.source, row.recorded_by) == ("staff", settings.PRODUCT_NAME)

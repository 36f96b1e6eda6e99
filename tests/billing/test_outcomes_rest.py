"""Contracts over REST. Who may what is swept (tests/routes.py)."""

import pytest
from django.urls import reverse

from billing.outcomes.models import Measurement
from tests import factories
from tests.billing import contracts

pytestmark = pytest.mark.django_db


def url(name: str, contract=None) -> str:
    return reverse(f"api:{name}", args=[contract.id] if contract else [])


@pytest.fixture
def api(cast, owner):
    return factories.with_key(factories.make_key(owner.member, ["billing:view", "billing:manage"]))


def test_contracts_are_listed_with_exact_figures(acme, api):
    contract = contracts.make(acme.id, baseline="2.5", target="3.75")
    contracts.make(acme.id, "Hidden", state="draft")
    body = api.get(url("contract-list")).json()
    assert [row["id"] for row in body["results"]] == [str(contract.id)]
    row = body["results"][0]
    assert (row["baseline"], row["target"], row["fee_minor"]) == ("2.5000", "3.7500", 100_000)
    assert [(step["percent"], step["amount_minor"], step["state"]) for step in row["milestones"]] == [
        (25, 25_000, "open"), (50, 25_000, "open"), (75, 25_000, "open"), (100, 25_000, "open"),
    ]  # fmt: skip


def test_an_offer_is_accepted_once(acme, api):
    contract = contracts.make(acme.id, state="offered")
    assert api.post(url("contract-accept", contract)).json()["state"] == "accepted"
    again = api.post(url("contract-accept", contract))
    assert (again.status_code, again.json()["code"]) == (409, "contract_not_ready")


def test_a_value_is_recorded_with_its_evidence(acme, api, owner):
    contract = contracts.make(acme.id)
    data = {
        "value": "12600.5", "evidence_url": "https://example.test/report", "measured_at": "2026-03-01T00:00:00Z",
    }  # fmt: skip
    response = api.post(url("contract-measure", contract), data, content_type="application/json")
    assert response.status_code == 201
    body = response.json()
    assert (body["current"], body["progress_bp"], body["due_minor"]) == ("12600.5000", 2600, 25_000)
    assert [step["state"] for step in body["milestones"]] == ["reached", "open", "open", "open"]
    row = Measurement.objects.get(contract=contract)
    assert (row.source, row.recorded_by_ref) == ("api", owner.member.person_ref)
    assert row.measured_at.isoformat() == "2026-03-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({"value": "15000"}, 422, "evidence_missing"),
        ({"value": "15000", "evidence": "x", "measured_at": "2999-01-01T00:00:00Z"}, 422, "contract_refused"),
        ({"value": "many", "evidence": "x"}, 400, "invalid"),
        ({"value": "NaN", "evidence": "x"}, 400, "invalid"),
        ({"value": "1e30", "evidence": "x"}, 400, "invalid"),
        ({"evidence": "x"}, 400, "invalid"),
        ({"value": "1", "evidence_url": "javascript:alert(1)"}, 400, "invalid"),
    ],
)
def test_what_is_no_measurement_is_refused_and_not_recorded(acme, api, data, status, code):
    contract = contracts.make(acme.id)
    response = api.post(url("contract-measure", contract), data, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not contract.measurements.exists()


def test_a_contract_that_is_over_is_not_measured(acme, api):
    contract = contracts.make(acme.id, state="ended")
    data = {"value": "20000", "evidence": "x"}
    response = api.post(url("contract-measure", contract), data, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (409, "contract_not_ready")
    assert not contract.measurements.exists()

"""Limits and stops that a workspace sets over REST: the same rules as on its pages."""

import json
from uuid import uuid4

import pytest

from tenants.models import AuditEntry
from tenants.scope import workspace_scope
from tests import factories
from usage.models import Limit, Stop

pytestmark = pytest.mark.django_db
LIMITS, STOPS = "/api/v1/usage/limits", "/api/v1/usage/stops"


@pytest.fixture
def caller(owner):
    return factories.with_key(factories.make_key(owner.member))


@pytest.fixture
def assistant(acme, owner):
    with workspace_scope(acme.id):
        return factories.make_assistant(owner.member)


def post(client, path: str, **body):
    return client.post(path, json.dumps(body, default=str), content_type="application/json")


def test_a_limit_is_set_changed_listed_and_removed(acme, caller, assistant) -> None:
    asked = {"subject": "assistant", "subject_id": assistant.id, "meter": "cost_micro", "window": "day"}
    made = post(caller, LIMITS, **asked, amount=2_500_000)
    assert (made.status_code, made.json()) == (
        201,
        {"id": made.json()["id"], **asked, "subject_id": str(assistant.id), "amount": 2_500_000},
    )
    assert post(caller, LIMITS, **asked, amount=3_000_000).json()["id"] == made.json()["id"]
    (row,) = [row for row in caller.get(LIMITS).json()["results"] if row["id"] == made.json()["id"]]
    assert (row["limit"], row["set_by"]) == (3_000_000, "workspace")
    assert AuditEntry.objects.filter(action="limit.set", target_id=str(row["id"])).count() == 2
    assert caller.delete(f"{LIMITS}/{row['id']}").status_code == 204
    assert not Limit.objects.filter(id=row["id"]).exists()


@pytest.mark.parametrize("subject", ["person", "assistant", "api_key"])
def test_of_another_workspace_nobody_is_limited(globex, caller, subject) -> None:
    for stranger in (uuid4(), factories.owner_of(globex).person_ref):
        refused = post(
            caller, LIMITS, subject=subject, subject_id=stranger, meter="messages", window="day", amount=1
        )
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_what_the_plan_set_stays(acme, caller) -> None:
    limit = Limit.objects.filter(
        workspace_id=acme.id, source=Limit.Source.PLAN
    ).first() or Limit.objects.filter(workspace_id=acme.id).latest("id")
    Limit.objects.filter(id=limit.id).update(source=Limit.Source.PLAN)
    refused = caller.delete(f"{LIMITS}/{limit.id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "limit_refused")
    assert Limit.objects.filter(id=limit.id).exists()


def test_a_stop_is_set_refuses_calls_and_is_lifted(acme, caller, assistant) -> None:
    made = post(caller, STOPS, reason="A drill").json()
    assert (made["scope"], made["target"], made["set_by"]) == ("workspace", str(acme.id), "workspace")
    assert [row["id"] for row in caller.get(STOPS).json()["results"]] == [made["id"]]
    refused = post(caller, "/api/v1/conversations", text="Hello")
    assert (refused.status_code, refused.json()["code"]) == (503, "stopped")
    assert caller.delete(f"{STOPS}/{made['id']}").status_code == 204
    assert post(caller, "/api/v1/conversations", text="Hello").status_code == 201
    one = post(caller, STOPS, reason="Only this one", assistant=assistant.id).json()
    assert (one["scope"], one["target"]) == ("assistant", str(assistant.id))


def test_what_staff_stopped_is_not_lifted_from_here(acme, caller) -> None:
    stop = Stop.objects.create(scope="workspace", target=str(acme.id), reason="Fraud", workspace_id=acme.id)
    assert caller.get(STOPS).json()["results"][0]["set_by"] == "staff"
    assert caller.delete(f"{STOPS}/{stop.id}").status_code == 404
    # Nor is another workspace's assistant stopped.
    assert post(caller, STOPS, reason="No", assistant=uuid4()).status_code == 404

"""Notices over REST: what pages tell, to whom, and what somebody dismissed."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from billing.subscriptions import charges
from tenants import audit
from tests import factories
from tests.assistants.api.conftest import Caller
from tests.billing import lives
from usage import stops
from usage.features.keys import Feature
from usage.limits import services as limits
from usage.limits import windows
from usage.limits.services import LimitSpec
from usage.models import Limit, QuotaNotice, Stop

pytestmark = pytest.mark.django_db
GRACE = datetime(2999, 3, 17, tzinfo=UTC)


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(charges, "_ask", lambda account: None)


def cross(workspace) -> QuotaNotice:
    spec = LimitSpec("images", "total", 5)
    limit = limits.set_limit(
        workspace_id=workspace.id, spec=spec, source=Limit.Source.WORKSPACE, actor=audit.SYSTEM
    )
    start = windows.starts(zone="UTC", at=timezone.now())[limit.window]
    return QuotaNotice.objects.create(
        workspace_id=workspace.id, limit=limit, window_start=start, line="warn", used=4, amount=5
    )


def test_owner_is_told_of_plan_limits_and_stops(acme, owner):
    api = Caller(owner)
    assert api.rows("notices") == []
    lives.subscribed(acme, status="past_due", grace_ends_at=GRACE)
    notice = cross(acme)
    stops.set_stop(
        scope=Stop.Scope.WORKSPACE, target=str(acme.id), reason="Look first.", actor=audit.SYSTEM,
        authority=Stop.Authority.WORKSPACE, workspace_id=acme.id,
    )  # fmt: skip
    plan, stop, limit = api.rows("notices")
    assert plan == {
        "id": None, "about": "plan", "tone": "danger", "title": "A payment failed", "label": "Update card",
        "text": "Everything works until 17 March 2999; then the workspace is read-only.", "url": "/w/acme/billing/",
    }  # fmt: skip
    assert (stop["id"], stop["about"], stop["title"], stop["url"]) == (
        None, "usage", "Model calls are stopped", "/w/acme/usage/stops/",
    )  # fmt: skip
    assert stop["text"].endswith("Look first.")
    assert (limit["id"], limit["about"], limit["tone"], limit["url"]) == (
        notice.pk, "usage", "warning", "/w/acme/usage/",
    )  # fmt: skip
    assert api.rows("notices", fields="id") == [{"id": None}, {"id": None}, {"id": notice.pk}]
    page = owner.browser().get("/w/acme/").content.decode()
    for each in (plan, stop, limit):
        assert each["title"] in page


def test_others_are_told_what_concerns_them(acme, admin, member):
    lives.subscribed(acme, status="past_due", grace_ends_at=GRACE)
    cross(acme)
    assert [each["about"] for each in Caller(admin).rows("notices")] == ["plan", "usage"]
    assert Caller(member).rows("notices") == []


def test_dismissed_by_one_it_is_told_to_the_others(acme, owner, admin, member, globex_owner):
    notice = cross(acme)
    api, other = Caller(owner), Caller(admin)
    one = f"notices/{notice.pk}"
    assert Caller(globex_owner).delete(one).status_code == 404
    refused = Caller(member).delete(one)
    assert (refused.status_code, refused.json()["needs"]) == (403, "workspace:manage")
    assert [each["id"] for each in api.rows("notices")] == [notice.pk]
    for _ in range(2):
        assert api.delete(one).status_code == 204
    assert (api.rows("notices"), [each["id"] for each in other.rows("notices")]) == ([], [notice.pk])
    assert api.delete("notices/999999999").status_code == 404


def test_key_of_another_workspace_is_told_nothing(acme, globex_owner):
    cross(acme)
    assert Caller(globex_owner).rows("notices") == []


def test_notices_can_be_read_while_the_workspace_is_restricted(acme, owner):
    lives.subscribed(acme, status="past_due", restricted_at=timezone.now())
    factories.give_rights(acme.id, *Feature.values, restricted="unpaid")
    assert [each["title"] for each in Caller(owner).rows("notices")] == ["This workspace is read-only"]

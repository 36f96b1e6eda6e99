"""A billing period begins on the workspace's own day, wherever a limit is held, told or refused."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants import audit
from tenants import services as tenants
from tenants.scope import WorkspaceNotFound, enter, get_ref
from tests import factories
from tests.usage.runs import counter
from usage.limits import windows
from usage.models import QuotaNotice


@pytest.fixture
def place(db):
    """A workspace of its own whose period began yesterday or earlier, never on the first."""
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    today = timezone.now().date()
    day = (today - timedelta(days=1)).day if today.day > 2 else today.day + 5
    tenants.set_billing_day(workspace_id=workspace.id, day=day, actor=audit.SYSTEM)
    factories.give_limits(workspace.id, ("messages", "period", 1))
    return get_ref(id=workspace.id), factories.member_of(workspace, user), user


def test_hold_refusal_and_reading_name_the_same_period(place):
    workspace, member, user = place
    begun = windows.starts(zone="UTC", at=timezone.now(), anchor_day=workspace.billing_day)["period"]
    ends = windows.resets_at("period", begun, zone="UTC", anchor_day=workspace.billing_day)
    assert begun.day != 1
    with enter(workspace):
        run = factories.ask(member).run
        factories.answer(run)
    assert counter(workspace.id, "messages").window_start == begun
    key = factories.with_key(factories.make_key(member))
    refused = key.post("/api/v1/conversations", {"text": "Hi"}, content_type="application/json").json()
    assert refused["limits"][0]["resets_at"] == ends.isoformat()
    (standing,) = key.get("/api/v1/usage/limits").json()["results"]
    assert (standing["used"], standing["window"]) == (1, "period")
    assert standing["resets_at"].replace("Z", "+00:00") == ends.isoformat()
    assert QuotaNotice.objects.get(workspace_id=workspace.id, line="block").window_start == begun
    assert "used up" in factories.sign_in(user).get(f"/w/{workspace.slug}/usage/").text


def test_day_is_one_of_a_month(place):
    workspace, _, _ = place
    for day in (0, 32):
        with pytest.raises(ValueError, match=str(day)):
            tenants.set_billing_day(workspace_id=workspace.id, day=day, actor=audit.SYSTEM)
    with pytest.raises(WorkspaceNotFound):
        tenants.set_billing_day(workspace_id=uuid4(), day=3, actor=audit.SYSTEM)
    from tenants.models import Workspace

    with pytest.raises(IntegrityError), transaction.atomic():
        Workspace.objects.filter(id=workspace.id).update(billing_day=0)

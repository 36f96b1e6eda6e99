"""What the demo shows of usage, and that its books close."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone

from assistants import demo
from tenants.scope import get_ref
from tests import factories
from usage.limits import queries as limits_queries
from usage.limits.queries import Viewpoint
from usage.models import LedgerEntry, QuotaNotice
from usage.reconciliation import invariants
from usage.rollups import queries
from usage.rollups.queries import GroupBy, Span
from usage.statements.models import Statement

PEOPLE = [
    demo.Person("owner@initech.test", "Peter", demo.Role.OWNER),
    demo.Person("member@initech.test", "Milton", demo.Role.MEMBER),
]

OF_DOCUMENTS_AND_TOOLS = 3


@pytest.fixture
def initech(db, cast):
    with patch.object(demo, "PEOPLE", {"initech": PEOPLE}):
        assert demo.seed()
        yield get_ref(slug="initech")


def standings(workspace):
    viewpoint = Viewpoint(workspace.id, workspace.timezone, workspace.id, sees_all=True)
    return limits_queries.list_standings(viewpoint, now=timezone.now())


def test_demo_has_months_of_usage_in_every_breakdown_but_projects(initech):
    today = timezone.now().date()
    span = Span(initech.id, initech.timezone, today - timedelta(days=62), today)
    found = queries.history(span)
    assert len(found[GroupBy.DAY]) > 45
    more_than_one = [group.value for group, rows in found.items() if len(rows) > 1]
    assert more_than_one == ["day", "person", "assistant", "model", "api_key"]
    assert queries.total(found[GroupBy.DAY]).cost_micro == sum(
        LedgerEntry.objects.filter(workspace_id=initech.id).values_list("cost_micro", flat=True)
    )
    assert Statement.objects.get(workspace_id=initech.id).cost_micro > 0


def test_demo_warns_of_one_limit_and_has_changed_another(initech):
    [notice] = QuotaNotice.objects.filter(workspace_id=initech.id, line="warn")
    assert (notice.limit.subject_kind, notice.limit.meter) == ("assistant", "messages")
    assert [row.meter for row in standings(initech) if row.is_overridden] == ["images"]


def test_demo_books_close(initech):
    assert invariants.check(workspace_ids=[initech.id]) == []
    assert not LedgerEntry.objects.filter(workspace_id=initech.id, account="platform").exists()
    verdicts = factories.with_key(demo.describe()["initech"]["api_key"]).get("/api/v1/tecp/verify").json()
    assert verdicts["integrity"]["holds"] and verdicts["completeness"]["holds"]
    assert verdicts["completeness"]["checked"] == len(demo.TALKS) * len(PEOPLE) + 1 + OF_DOCUMENTS_AND_TOOLS
    month = next(row for row in standings(initech) if (row.meter, row.window) == ("cost_micro", "month"))
    first = timezone.now().date().replace(day=1)
    booked = LedgerEntry.objects.filter(workspace_id=initech.id, created_at__date__gte=first)
    assert month.used == sum(booked.values_list("cost_micro", flat=True)), (
        "counters begin with what was there"
    )

"""`/api/v1/usage/…`: figures, dates and whose they are."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tenants import audit
from tests import factories
from tests.usage.books import write_entry
from usage.limits import services as limits
from usage.limits.services import LimitSpec
from usage.models import Counter, Limit

API = "/api/v1/"


@pytest.fixture
def client(db, owner):
    return factories.with_key(factories.make_key(owner.member))


@pytest.fixture
def members(db, member):
    return factories.with_key(factories.make_key(member.member))


def use(acme, person, cost, **fields):
    return write_entry(
        datetime.now(UTC),
        workspace_id=acme.id,
        person_ref=person.member.person_ref,
        cost_micro=cost,
        **fields,
    )


def test_current_counts_month_and_today(client, members, acme, owner, member):
    use(acme, owner, 100)
    use(acme, member, 20)
    write_entry(cost_micro=5000)
    everybody = client.get(API + "usage/current").json()
    assert everybody["is_own"] is False
    assert everybody["month"]["cost_micro"] == everybody["today"]["cost_micro"] == 120
    assert (everybody["month"]["entries"], everybody["month"]["tokens"]) == (2, 30)
    today = datetime.now(UTC).date()
    assert everybody["period"] == {
        "first": today.replace(day=1).isoformat(), "last": today.isoformat(), "timezone": "UTC",
    }  # fmt: skip
    mine = members.get(API + "usage/current").json()
    assert (mine["is_own"], mine["month"]["cost_micro"]) == (True, 20)


def test_own_usage_is_own_for_an_owner_too(client, acme, owner, member):
    use(acme, owner, 100)
    use(acme, member, 20)
    body = client.get(API + "user/usage").json()
    assert (body["is_own"], body["month"]["cost_micro"]) == (True, 100)


def test_key_without_the_scope_sees_its_persons_own_usage(db, acme, owner, member):
    use(acme, owner, 100)
    use(acme, member, 20)
    narrow = factories.with_key(factories.make_key(owner.member, ["view"]))
    assert narrow.get(API + "usage/current").json()["month"]["cost_micro"] == 100
    rows = narrow.get(API + "usage/history?group_by=person").json()["results"]
    assert [row["cost_micro"] for row in rows] == [100]


@pytest.mark.parametrize("group_by", ["day", "hour", "person", "assistant", "model", "api_key", "project"])
def test_history_groups(client, acme, owner, group_by):
    use(acme, owner, 7, model="m")
    body = client.get(API + f"usage/history?group_by={group_by}").json()
    now = datetime.now(UTC)
    keys = {
        "day": now.date().isoformat(), "hour": f"{now.date().isoformat()}T{now.hour:02}",
        "person": str(owner.member.person_ref), "model": "m",
    }  # fmt: skip
    assert body["group_by"] == group_by
    assert [(row["key"], row["cost_micro"], row["messages"]) for row in body["results"]] == [
        (keys.get(group_by), 7, 1)
    ]


def test_history_takes_dates(client, acme, owner):
    write_entry(datetime(2026, 3, 10, 12, tzinfo=UTC), workspace_id=acme.id, cost_micro=1)
    write_entry(datetime(2026, 3, 12, 12, tzinfo=UTC), workspace_id=acme.id, cost_micro=2)
    body = client.get(API + "usage/history?from=2026-03-10&to=2026-03-11").json()
    assert [(row["key"], row["name"], row["cost_micro"]) for row in body["results"]] == [
        ("2026-03-10", "10 March 2026", 1)
    ]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("from=2026-03-11&to=2026-03-10", 422, "range_refused"),
        ("from=2020-01-01&to=2026-03-10", 422, "range_refused"),
        ("from=2026-01-01&to=2026-03-10&group_by=hour", 422, "range_refused"),
        ("from=yesterday", 400, "invalid"),
        ("group_by=password", 400, "invalid"),
    ],
)
def test_history_refuses_what_it_cannot_show(client, query, status, code):
    response = client.get(API + "usage/history?" + query)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_limits_say_how_they_stand(client, acme):
    spec = LimitSpec("websites", "month", 100)
    limits.set_limit(workspace_id=acme.id, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM)
    start = datetime.now(UTC).date().replace(day=1)
    Counter.objects.create(
        workspace_id=acme.id, subject_kind="workspace", meter="websites", window="month", window_start=start,
        used=30, held=4,
    )  # fmt: skip
    rows = client.get(API + "usage/limits").json()["results"]
    [row] = [row for row in rows if row["meter"] == "websites"]
    following = (start + timedelta(days=32)).replace(day=1)
    assert row.pop("projected") is None or start < date.max
    assert row == {
        "id": row["id"], "meter": "websites", "window": "month", "subject": "workspace", "subject_id": "", "limit": 100,
        "block_at": 100, "used": 30, "held": 4, "window_start": start.isoformat(),
        "resets_at": f"{following.isoformat()}T00:00:00Z", "who_can_raise": "an owner, by changing the plan",
        "set_by": "staff", "is_overridden": False, "overridden_until": None, "warn_at": 80,
    }  # fmt: skip


def test_override_is_the_limit_while_it_stands(client, acme):
    spec = LimitSpec("websites", "total", 100)
    row = limits.set_limit(workspace_id=acme.id, spec=spec, source=Limit.Source.PLAN, actor=audit.SYSTEM)
    limits.override(
        limit=row,
        amount=250,
        reason="launch",
        expires_at=datetime.now(UTC) + timedelta(days=1),
        actor=audit.SYSTEM,
    )
    [standing] = [r for r in client.get(API + "usage/limits").json()["results"] if r["meter"] == "websites"]
    assert (standing["limit"], standing["block_at"], standing["is_overridden"]) == (250, 250, True)


def test_without_a_key_nobody_reads(db):
    for path in ("usage/current", "usage/history", "usage/limits", "user/usage"):
        assert factories.browser().get(API + path).status_code == 401


def test_schema_names_the_new_addresses(db, owner):
    schema = owner.browser().get("/api/schema/?format=json").json()
    for path in ("usage/current", "usage/history", "usage/limits", "user/usage"):
        assert f"/api/v1/{path}" in schema["paths"]
    names = [row["name"] for row in schema["paths"]["/api/v1/usage/history"]["get"]["parameters"]]
    assert set(names) == {"from", "to", "group_by", "fields", "If-None-Match"}


class TestKeysWithLimits:
    def create(self, client, **fields):
        body = {"name": "CI", "scopes": ["view", "chat"]} | fields
        return client.post(API + "keys", body, content_type="application/json")

    def test_key_is_made_with_its_limits(self, client, acme):
        given = [
            {"meter": "messages", "window": "day", "amount": 5},
            {"meter": "cost_micro", "window": "month", "amount": 9},
        ]
        response = self.create(client, limits=given)
        assert response.status_code == 201
        assert response.json()["limits"] == given
        rows = Limit.objects.filter(
            workspace_id=acme.id, subject_kind="api_key", subject_id=response.json()["id"]
        )
        assert sorted(rows.values_list("meter", "window", "amount", "source")) == [
            ("cost_micro", "month", 9, "key"), ("messages", "day", 5, "key"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "given",
        [
            [{"meter": "seats", "window": "day", "amount": 5}],
            [{"meter": "messages", "window": "hour", "amount": 5}],
            [{"meter": "messages", "window": "day", "amount": -1}],
            [{"meter": "messages", "window": "day"}],
            [{"meter": "messages", "window": "day", "amount": 5}] * 2,
            [{"meter": "messages", "window": "day", "amount": 5}] * 11,
        ],
    )
    def test_strange_limits_make_no_key(self, client, owner, given):
        from accounts.models import ApiKey

        before = ApiKey.objects.count()
        assert self.create(client, limits=given).status_code in (400, 422)
        assert ApiKey.objects.count() == before

    def test_key_with_limits_cannot_make_a_key_without(self, client):
        text = self.create(
            client,
            scopes=["view", "keys:manage"],
            limits=[{"meter": "messages", "window": "day", "amount": 5}],
        ).json()["key"]
        response = self.create(factories.with_key(text), scopes=["view"])
        assert (response.status_code, response.json()["code"]) == (403, "key_is_limited")

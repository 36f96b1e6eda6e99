"""A workspace stops its own model calls and lets them run again; what staff or an alarm stopped stays theirs."""

from uuid import uuid4

import pytest
from django.conf import settings

from tenants import audit
from tenants.models import AuditEntry
from tests import factories
from usage import stops
from usage.holds import queries as holds_queries
from usage.models import Stop

PAGE = "/w/acme/usage/stops/"


def standing(**fields):
    return Stop.objects.filter(lifted_at__isnull=True, **fields)


def everything(acme) -> dict:
    return {"target": f"workspace:{acme.id}", "reason": "A prompt loops"}


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_owner_and_admin_stop_the_workspace_and_lift_it(request, db, acme, role):
    actor = request.getfixturevalue(role)
    client = actor.browser()
    assert client.post(PAGE, everything(acme)).status_code == 302
    stop = standing().get()
    assert (stop.scope, stop.target, stop.authority, stop.workspace_id) == (
        "workspace", str(acme.id), "workspace", acme.id,
    )  # fmt: skip
    assert stops.find(workspace_id=acme.id, assistant_id=None, model="m") == stop
    assert client.post(f"{PAGE}{stop.pk}/lift/").status_code == 302
    assert not standing().exists()
    entries = AuditEntry.objects.filter(target_type="stop", target_id=str(stop.pk)).order_by("id")
    assert [(entry.action, entry.actor_ref, entry.workspace_id) for entry in entries] == [
        ("stop.set", actor.member.person_ref, acme.id), ("stop.lifted", actor.member.person_ref, acme.id),
    ]  # fmt: skip


@pytest.mark.parametrize("role", ["member", "viewer"])
def test_others_see_the_page_and_cannot_stop_or_lift(request, db, acme, owner, role):
    owner.browser().post(PAGE, everything(acme))
    client = request.getfixturevalue(role).browser()
    page = client.get(PAGE)
    assert page.status_code == 200
    assert (
        b"A prompt loops" in page.content and b"Stop now" not in page.content and b">Lift" not in page.content
    )
    assert client.post(PAGE, everything(acme)).status_code == 403
    assert client.post(f"{PAGE}{standing().get().pk}/lift/").status_code == 403
    assert standing().count() == 1


def test_everybody_is_told_on_every_page_while_it_stands(db, acme, owner, viewer, globex_owner):
    owner.browser().post(PAGE, everything(acme))
    for path in ("/w/acme/", "/w/acme/chat/", "/w/acme/usage/"):
        page = viewer.browser().get(path).content.decode()
        assert "All model calls of this workspace are stopped. A prompt loops" in page
    assert b"Model calls are stopped" not in globex_owner.browser().get("/w/globex/").content
    stops.lift_stop(stop_id=standing().get().pk, actor=audit.SYSTEM)
    assert b"Model calls are stopped" not in viewer.browser().get("/w/acme/").content


def test_one_assistant_is_stopped_and_others_run(in_acme, acme, owner):
    one, other = (
        factories.make_assistant(owner.member, "One"),
        factories.make_assistant(owner.member, "Other"),
    )
    response = owner.browser().post(
        PAGE, {"target": f"assistant:{one.id}", "reason": "Wrong answers"}, follow=True
    )
    assert b"(One)" in response.content
    assert stops.find(workspace_id=acme.id, assistant_id=one.id, model="m") is not None
    assert stops.find(workspace_id=acme.id, assistant_id=other.id, model="m") is None


@pytest.mark.parametrize(
    "scope", ["platform:", "model:gpt-4o", "provider:openai", "assistant:%s", "workspace:%s"]
)
def test_nothing_beyond_the_workspace_can_be_stopped(db, owner, globex, scope):
    target = scope.replace("%s", str(globex.id))
    response = owner.browser().post(PAGE, {"target": target, "reason": "x"})
    assert response.status_code == 422
    assert not standing().exists()


def test_stop_needs_a_reason(db, acme, owner):
    assert owner.browser().post(PAGE, {"target": f"workspace:{acme.id}", "reason": " "}).status_code == 422
    assert not standing().exists()


@pytest.mark.parametrize("authority", ["staff", "alarm"])
def test_what_others_stopped_is_shown_and_cannot_be_lifted(db, acme, owner, authority):
    stop = stops.set_stop(
        scope=Stop.Scope.WORKSPACE, target=str(acme.id), reason="Abuse", actor=audit.SYSTEM,
        authority=Stop.Authority(authority),
    )  # fmt: skip
    client = owner.browser()
    assert b">Lift" not in client.get(PAGE).content
    assert client.post(f"{PAGE}{stop.pk}/lift/").status_code == 404
    client.post(PAGE, everything(acme))
    own = standing(authority="workspace").get()
    client.post(f"{PAGE}{own.pk}/lift/")
    assert standing().get() == stop, "the own one beside it is lifted by itself"


def test_stop_of_another_workspace_is_not_found(db, globex, owner):
    stop = stops.set_stop(
        scope=Stop.Scope.WORKSPACE, target=str(globex.id), reason="x", actor=audit.SYSTEM,
        authority=Stop.Authority.WORKSPACE,
    )  # fmt: skip
    assert owner.browser().post(f"{PAGE}{stop.pk}/lift/").status_code == 404
    assert standing().exists()


def test_stop_of_the_provider_refuses_ends_and_is_told(in_acme, acme, member):
    turn = factories.ask(member.member)
    stop = stops.set_stop(
        scope=Stop.Scope.PROVIDER, target=settings.PROVIDER_NAME, reason="Outage", actor=audit.SYSTEM
    )
    assert stops.find(workspace_id=uuid4(), assistant_id=None, model="any") == stop
    assert [order.reason for order in holds_queries.list_stop_orders([turn.run.id])] == ["emergency_stop"]
    assert (
        b"The operator stopped calls to a model provider. Outage" in member.browser().get("/w/acme/").content
    )


def test_stop_of_another_provider_lets_run(in_acme, acme, member):
    turn = factories.ask(member.member)
    stops.set_stop(scope=Stop.Scope.PROVIDER, target="elsewhere", reason="x", actor=audit.SYSTEM)
    assert stops.find(workspace_id=acme.id, assistant_id=None, model="m") is None
    assert holds_queries.list_stop_orders([turn.run.id]) == []


def test_refused_question_is_explained(db, acme, owner, member):
    owner.browser().post(PAGE, everything(acme))
    response = member.browser().post("/w/acme/chat/", {"text": "Hi"}, headers={"HX-Request": "true"})
    assert response.status_code == 503
    assert b"A prompt loops" in response.content and b'data-problem="stopped"' in response.content

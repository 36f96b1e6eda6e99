"""Visitors of other sites: who is let in, what they may do, what it costs, and what they learn of the workspace."""

import pytest

from accounts import revocation
from accounts.permissions import Permission
from assistants.models import Conversation, MemoryItem, Run
from assistants.widget import access
from config import errors
from config.streaming import Deferred
from tenants.models import Workspace
from tenants.scope import workspace_scope
from tests import factories
from tests.assistants.widget.frames import Frame
from tests.assistants.widget.visitors import SITE
from usage.models import Counter, Hold, Limit

FOREIGN = "https://evil.test"


def policy_of(response) -> dict[str, str]:
    rows = (part.strip().partition(" ") for part in response.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in rows}


def test_its_sites_alone_may_frame_it(frame) -> None:
    response = frame.client.get(frame.base)
    assert response.status_code == 200
    assert policy_of(response) == {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'",
        "connect-src": "'self'", "form-action": "'none'", "frame-ancestors": SITE, "object-src": "'none'",
        "base-uri": "'none'",
    }  # fmt: skip
    assert "X-Frame-Options" not in response.headers
    assert not response.cookies


def test_without_a_site_nobody_may(frame, save) -> None:
    save(sites=[])
    assert policy_of(frame.client.get(frame.base))["frame-ancestors"] == "'none'"


def test_a_question_is_held_run_and_charged_to_the_workspace(acme, frame, widget) -> None:
    told = frame.come().ask().json()
    with workspace_scope(acme.id):
        talk = Conversation.objects.get(id=told["conversation"])
        run = Run.objects.get(id=told["run"])
        assert (talk.widget_id, talk.uses_memory, run.owner_id) == (widget.id, False, talk.owner_id)
        factories.answer(run, "We sell **holds**.")
    hold = Hold.objects.get(id=run.id)
    assert (hold.workspace_id, hold.person_ref, hold.state) == (acme.id, widget.id, "settled")
    said = frame.get("messages").json()
    assert [row["role"] for row in said["messages"]] == ["user", "assistant"]
    assert said["messages"][1]["html"] == "<p>We sell <strong>holds</strong>.</p>\n"
    used = Counter.objects.filter(
        workspace_id=acme.id, subject_kind__in=["widget", "visitor"], meter="messages"
    )
    assert sorted(used.values_list("subject_kind", "used", "held")) == [("visitor", 1, 0), ("widget", 1, 0)]


def test_nobody_else_sees_a_visitors_talk(acme, owner, frame) -> None:
    told = frame.come().ask().json()
    assert owner.browser().get(f"/w/acme/chat/{told['conversation']}/").status_code == 404
    other = Frame(frame.base.split("/")[2]).come()
    assert other.get("messages").json() == {"conversation": None, "messages": []}
    assert other.get(f"messages/{told['answer']}").status_code == 404
    assert other.post(f"runs/{told['run']}/stop").status_code == 404
    assert other.ask(conversation=told["conversation"]).status_code == 404
    # Control: their own they see.
    assert frame.get(f"messages/{told['answer']}").status_code == 200
    assert frame.post(f"runs/{told['run']}/stop").status_code == 204
    assert frame.get(f"messages/{told['answer']}").json()["state"] == "stopped"


@pytest.mark.parametrize("origin", [FOREIGN, "null", SITE])
def test_scripts_of_other_origins_get_nothing_and_cost_nothing(acme, frame, origin) -> None:
    frame.come()
    before = Hold.objects.filter(workspace_id=acme.id).count()
    assert frame.post("messages", {"text": "Hello"}, Origin=origin).json()["code"] == "foreign_site"
    assert frame.client.post(frame.base + "visitor", headers={"Origin": origin}).status_code == 403
    assert frame.post("messages", {"text": "Hello"}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert Hold.objects.filter(workspace_id=acme.id).count() == before
    # Control: the frame's own origin.
    assert frame.post("messages", {"text": "Hello"}, Origin=f"http://{factories.HOST}").status_code == 201


def test_a_token_is_good_for_its_widget_only(acme, globex, frame, save) -> None:
    frame.come()
    door = access.open_door(frame.base.split("/")[2])
    assert access.visitor_of(door, frame.token).permissions == {Permission.VIEW, Permission.CHAT}
    for token in ("", "nonsense", frame.token[:-1], frame.token.replace(":", "x", 1)):
        with pytest.raises(errors.DomainError) as refusal:
            access.visitor_of(door, token)
        assert refusal.value.code == "visitor_unknown"
    moved = access.Door(door.workspace, door.widget.__class__(id=acme.id, assistant=door.widget.assistant))
    with pytest.raises(errors.DomainError):
        access.visitor_of(moved, frame.token)


def test_each_visitor_and_all_together_are_limited_and_told_without_figures(acme, frame, save) -> None:
    save(visitor_messages_per_day=2, messages_per_day=3)
    frame.come()
    second = Frame(frame.base.split("/")[2]).come()

    def answered(visitor: Frame) -> None:
        told = visitor.ask()
        assert told.status_code == 201
        with workspace_scope(acme.id):
            factories.answer(Run.objects.get(id=told.json()["run"]))

    def refused(visitor: Frame) -> str:
        response = visitor.ask("One more")
        assert (response.status_code, response.json()["code"]) == (402, "quota_exceeded")
        for word in ("used", "held", "upgrade"):
            assert word not in response.content.decode()
        return response.json()["whose"]

    answered(frame)
    answered(frame)
    assert refused(frame) == "visitor"
    answered(second)
    assert refused(second) == "widget"


def test_what_the_plan_refuses_is_said_without_its_reason(acme, frame) -> None:
    frame.come()
    Limit.objects.filter(workspace_id=acme.id, subject_kind="workspace").update(amount=0)
    refused = frame.ask()
    assert (refused.status_code, refused.json()["code"]) == (503, "widget_unavailable")
    assert "limits" not in refused.json()


def test_switched_off_it_is_gone_and_what_is_watched_ends(
    acme, frame, save, django_capture_on_commit_callbacks, monkeypatch
) -> None:
    frame.come()
    told = []
    monkeypatch.setattr(revocation, "_announce", lambda *what: told.append(what))
    with django_capture_on_commit_callbacks(execute=True):
        widget = save(is_on=False)
    assert ("membership", str(widget.id)) in told
    for response in (frame.client.get(frame.base), frame.ask(), frame.get("messages")):
        assert response.status_code == 404
    assert frame.client.get(f"{frame.base[:-1]}.js").status_code == 404


def test_a_visitors_stream_stands_while_the_workspace_is_active(acme, frame, db) -> None:
    frame.come()
    member = access.visitor_of(access.open_door(frame.base.split("/")[2]), frame.token)
    assert revocation.list_revoked([member.principal]) == set()
    assert revocation.is_hit(member.principal, "membership", str(member.membership_id))
    Workspace.objects.filter(id=acme.id).update(state=Workspace.State.SUSPENDED)
    assert revocation.list_revoked([member.principal]) == {member.principal}
    assert frame.get("messages").status_code == 404


def test_visitors_have_no_memory_and_bring_none(acme, frame) -> None:
    told = frame.come().ask("Forget what I said today. My name is Ada.").json()
    with workspace_scope(acme.id):
        factories.answer(Run.objects.get(id=told["run"]), "Noted.")
        assert not MemoryItem.objects.filter(
            person_id=Conversation.objects.get(id=told["conversation"]).owner_id
        )


@pytest.mark.parametrize("body", ["", "[]", "{", '{"text": 5}', '{"text": ""}'])
def test_what_is_no_question_is_refused(frame, body) -> None:
    frame.come()
    response = frame.client.post(
        frame.base + "messages", body, content_type="application/json", headers={"X-Visitor": frame.token}
    )
    assert response.status_code == 400 or response.json()["code"] == "message_empty"


@pytest.mark.parametrize(
    "text", ["", "x" * 32, "A" * 31, "A" * 33, "ÄÖ" * 16, "../../../../etc/passwd.........."]
)
def test_made_up_addresses_lead_nowhere(db, text) -> None:
    with pytest.raises(errors.NotFound):
        access.open_door(text)


def test_a_run_is_streamed_to_its_visitor_only(frame) -> None:
    told = frame.come().ask().json()
    assert isinstance(frame.get(f"runs/{told['run']}/events"), Deferred)
    assert Frame(frame.base.split("/")[2]).come().get(f"runs/{told['run']}/events").status_code == 404

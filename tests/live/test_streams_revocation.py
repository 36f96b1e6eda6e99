"""An open stream ends when what it stands on is taken away: at once, not at the periodic check 5 seconds later."""

import time

import httpx2
import pytest

from tests.live.running import in_shell

ENDS_WITHIN_S = 3.0
LONG = {"tokens": 2000, "rate": 25}
REMOVE_MEMBER = """
import time
from accounts import services
from accounts.models import Membership
from tenants import audit
row = Membership.objects.get(workspace__slug={workspace!r}, user__email={email!r})
print(time.monotonic())
services.remove_member(membership_id=row.id, workspace_id=row.workspace_id, actor=audit.SYSTEM)
"""


def assert_ends(viewer, since, note, what):
    viewer.join(ENDS_WITHIN_S + 5)
    assert not viewer.is_alive(), f"{what}: the stream stayed open"
    took = viewer.closed_at - since
    note(f"an open stream ended {took:.2f} s after {what}")
    assert took < ENDS_WITHIN_S
    assert viewer.known.done is None


@pytest.fixture
def running(acme):
    """A long answer that acme's owner watches throughout: it must not be touched by what happens to others."""
    turn = acme.ask("Long.", **LONG)
    viewer = acme.watch(turn)
    viewer.wait_for_text(1)
    yield turn
    assert viewer.is_alive(), "a stream that stands on something else was closed too"
    acme.stop(turn.run)
    viewer.finish()


def test_revoking_a_key_ends_its_streams(acme, running, note):
    key_id, other = acme.make_key()
    viewer = other.watch(running, comes_back=False)
    viewer.wait_for_text(1)

    since = time.monotonic()
    assert acme.http.delete(f"/api/v1/keys/{key_id}").status_code == 204

    assert_ends(viewer, since, note, "its key was revoked")
    refused = httpx2.get(other.url + running.events_url, headers=other.headers)
    assert refused.status_code == 401


def test_revoking_a_rotated_key_ends_the_streams_of_both_secrets(acme, running, note):
    key_id, former = acme.make_key()
    rotated = acme.http.post(f"/api/v1/keys/{key_id}/rotate", json={"overlap_hours": 1})
    present = type(acme)(acme.url, rotated.json()["key"])
    viewers = [caller.watch(running, comes_back=False) for caller in (former, present)]
    for viewer in viewers:
        viewer.wait_for_text(1)

    since = time.monotonic()
    assert acme.http.delete(f"/api/v1/keys/{key_id}").status_code == 204

    for viewer, which in zip(viewers, ("former", "present"), strict=True):
        assert_ends(viewer, since, note, f"its key was revoked, with the {which} secret")


def test_rotating_without_overlap_ends_the_streams_of_the_former_secret(acme, running, note):
    key_id, former = acme.make_key()
    viewer = former.watch(running, comes_back=False)
    viewer.wait_for_text(1)

    since = time.monotonic()
    answer = acme.http.post(f"/api/v1/keys/{key_id}/rotate", json={"overlap_hours": 0})
    assert answer.status_code == 200

    assert_ends(viewer, since, note, "its key was rotated without overlap")
    refused = httpx2.get(former.url + running.events_url, headers=former.headers)
    assert refused.status_code == 401


def test_signing_out_ends_the_session_s_streams(sign_in, acme, running, note):
    member, elsewhere = sign_in("acme", "member"), sign_in("acme", "member")
    asked = member.ask("Session.", **LONG)
    viewer, other = member.watch(asked, comes_back=False), elsewhere.watch(asked, comes_back=False)
    viewer.wait_for_text(1)
    other.wait_for_text(1)

    since = time.monotonic()
    member.post("/accounts/logout/", {}, form="/accounts/logout/")

    assert_ends(viewer, since, note, "its session signed out")
    other.wait_for_text(len(other.text) + 50)
    elsewhere.post(asked.events_url.replace("/events/", "/stop/"), {}, form="/w/acme/chat/")
    assert other.finish().done["state"] == "stopped"


def test_removing_a_member_ends_their_streams_and_their_answers(
    stack, demo, roomy_globex, sign_in, running, note
):
    member = sign_in("globex", "member")
    viewer = member.watch(member.ask("Member.", **LONG), comes_back=False)
    viewer.wait_for_text(1)
    email = next(row["email"] for row in demo["globex"]["people"] if row["role"] == "member")

    code = REMOVE_MEMBER.format(workspace="globex", email=email)
    told = in_shell(stack, code)

    assert_ends(viewer, float(told), note, "its membership was removed")
    assert member.http.get("/w/globex/chat/").status_code == 404

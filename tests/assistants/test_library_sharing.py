"""Links to copies: what they show, to whom, and what ends them."""

import hashlib
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.utils import timezone

from assistants.library import queries, services, sharing
from assistants.models import Attachment, Message, ShareLink
from config import errors
from tenants.models import AuditEntry, Workspace
from tenants.scope import workspace_scope
from tests import factories, library

HOSTILE = "<script>alert(1)</script> ![secret](https://evil.test/x.png) [go](javascript:alert(1)) **bold**"


@pytest.fixture
def shared(acme, owner, db):
    """A conversation of two turns with a branch that is not shown, an attachment, and a link to it."""
    with workspace_scope(acme.id):
        row = library.talk(owner.member, "A shared talk", "First question", "First answer")
        hidden = Message.objects.create(
            conversation=row, parent=row.messages.get(text="First question"), role="assistant", text="Other branch",
            created_at=timezone.now(),
        )  # fmt: skip
        Attachment.objects.create(
            message=row.messages.get(text="First question"), owner_id=owner.user.id, name="payroll.xlsx",
            media_type="x", size_bytes=1, file="workspaces/x/attachments/payroll", created_at=timezone.now(),
        )  # fmt: skip
        link, token = sharing.share(member=owner.member, conversation=row, days=7)
        library.say(row, "Said later", "Answered later")
    assert hidden.text == "Other branch"
    return row, link, token


def look(token: str, **options):
    return factories.browser(**options).get(f"/share/{token}/")


def test_whoever_has_the_link_reads_the_branch_as_it_was(shared) -> None:
    response = look(shared[2])
    page = response.content.decode()
    assert response.status_code == 200
    # Of a file its name; neither it nor where it is.
    for shown in ("A shared talk", "First question", "First answer", "payroll.xlsx"):
        assert shown in page
    # Later turns, other branches, files, and where it came from are not in the copy.
    for kept in (
        "Said later",
        "Other branch",
        "attachments",
        "owner@acme.test",
        str(shared[0].id),
    ):
        assert kept not in page


def test_no_search_engine_keeps_it_and_no_address_goes_out(shared) -> None:
    response = look(shared[2])
    assert response["X-Robots-Tag"] == "noindex, nofollow, noarchive"
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    assert '<meta name="robots" content="noindex, nofollow, noarchive">' in response.content.decode()
    policy = response["Content-Security-Policy"]
    for part in (
        "default-src 'none'",
        "connect-src 'none'",
        "img-src 'self'",
        "script-src 'self'",
        "frame-ancestors",
    ):
        assert part in policy


def test_only_a_hash_of_the_token_is_kept(acme, shared) -> None:
    _, link, token = shared
    with workspace_scope(acme.id):
        row = ShareLink.objects.filter(id=link.id).values().get()
    assert row["secret_hash"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(row)
    assert token not in str(list(AuditEntry.objects.filter(action="conversation.shared").values()))


def test_hostile_texts_stay_texts(acme, owner, db) -> None:
    with workspace_scope(acme.id):
        row = library.talk(owner.member, "<b>T</b>", HOSTILE, HOSTILE)
        _, token = sharing.share(member=owner.member, conversation=row, days=None)
    page = look(token).content.decode()
    assert "<script>alert" not in page
    assert 'href="javascript' not in page
    assert "<b>T</b>" not in page
    assert "remote-image" not in page
    assert "<strong>bold</strong>" in page


# what ends a link


def test_revoking_works_at_once_and_empties_the_copy(acme, owner, shared) -> None:
    row, link, token = shared
    client = owner.browser()
    assert look(token).status_code == 200
    response = client.post(f"/w/acme/conversations/links/{link.id}/revoke/")
    assert response["Location"] == f"/w/acme/conversations/{row.id}/share/"
    assert look(token).status_code == 404
    with workspace_scope(acme.id):
        assert ShareLink.objects.get(id=link.id).snapshot == {}
    assert AuditEntry.objects.filter(action="conversation.link_revoked", target_id=str(row.id)).count() == 1


def test_nobody_else_revokes_it(acme, admin, shared) -> None:
    assert admin.browser().post(f"/w/acme/conversations/links/{shared[1].id}/revoke/").status_code == 404
    assert look(shared[2]).status_code == 200


def test_an_expired_link_shows_nothing(acme, shared) -> None:
    with workspace_scope(acme.id):
        ShareLink.objects.filter(id=shared[1].id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert look(shared[2]).status_code == 404
    with workspace_scope(acme.id):
        ShareLink.objects.filter(id=shared[1].id).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert look(shared[2]).status_code == 200


def test_a_deleted_conversation_is_not_shown_until_it_is_back(acme, owner, shared) -> None:
    row, _, token = shared
    with workspace_scope(acme.id):
        services.delete(member=owner.member, conversation=row)
    assert look(token).status_code == 404
    with workspace_scope(acme.id):
        services.undo(member=owner.member, conversation=queries.access_deleted(owner.member, row.id))
    assert look(token).status_code == 200
    with workspace_scope(acme.id):
        services.delete(member=owner.member, conversation=row)
        services.erase(member=owner.member, conversation=row)
    assert look(token).status_code == 404


@pytest.mark.parametrize(
    "state", [Workspace.State.SUSPENDED, Workspace.State.ARCHIVED, Workspace.State.DELETING]
)
def test_a_workspace_that_is_not_active_shows_nothing(acme, shared, state) -> None:
    moment = timezone.now() if state == Workspace.State.DELETING else None
    Workspace.objects.filter(id=acme.id).update(state=state, delete_at=moment)
    assert look(shared[2]).status_code == 404


def test_all_that_leads_nowhere_says_the_same(acme, globex, globex_owner, owner, shared) -> None:
    """Unknown, cut, of another workspace's id, and revoked: one page, word for word but for the request's id."""
    _, link, token = shared
    with workspace_scope(globex.id):
        other = library.talk(globex_owner.member, "Theirs", "A question", "An answer")
        _, theirs = sharing.share(member=globex_owner.member, conversation=other, days=None)
    assert look(theirs).status_code == 200
    # The id of one workspace with the secret of a link in another.
    crossed = sharing._coded(acme.id.bytes + sharing.base64.urlsafe_b64decode(theirs + "==")[16:])
    with workspace_scope(acme.id):
        sharing.revoke(member=owner.member, link=link)
    answers = {
        (found.status_code, found.context["message"], found.context["code"])
        for found in map(look, (crossed, token, token[:-1], token[:-1] + "*", "x" * 54, "made-up"))
    }
    assert answers == {(404, sharing.LinkGone.message, "link_gone")}


def test_looks_are_counted_by_address(shared, settings) -> None:
    """Sixty a minute from one address; the same from another is not refused."""
    caches[settings.RATELIMIT_USE_CACHE].clear()
    one = factories.browser()
    found = [one.get("/share/made-up/").status_code for _ in range(61)]
    assert found == [404] * 60 + [429]
    assert look(shared[2]).status_code == 200


# making one


def test_a_link_is_shown_once_and_the_page_lists_it(acme, owner, shared) -> None:
    row = shared[0]
    client = owner.browser()
    made = client.post(f"/w/acme/conversations/{row.id}/share/", {"days": "1"})
    address = made.context["address"]
    assert made.status_code == 201
    assert f">{address}<" in made.content.decode()
    assert look(address.rstrip("/").rsplit("/", 1)[1]).status_code == 200
    again = client.get(f"/w/acme/conversations/{row.id}/share/")
    assert (len(again.context["links"]), address in again.content.decode()) == (2, False)
    assert len(client.get("/w/acme/conversations/links/").context["links"]) == 2


def test_nothing_said_is_nothing_to_share(in_acme, owner) -> None:
    with pytest.raises(sharing.NothingToShare):
        sharing.share(member=owner.member, conversation=library.talk(owner.member), days=None)


def test_a_conversation_has_so_many_open_links(in_acme, owner, monkeypatch) -> None:
    monkeypatch.setattr(sharing, "MAX_LINKS", 2)
    row = library.talk(owner.member, "T", "A question")
    first, _ = sharing.share(member=owner.member, conversation=row, days=None)
    sharing.share(member=owner.member, conversation=row, days=None)
    with pytest.raises(sharing.TooManyLinks):
        sharing.share(member=owner.member, conversation=row, days=None)
    sharing.revoke(member=owner.member, link=first)
    sharing.share(member=owner.member, conversation=row, days=None)


def test_only_its_owner_shares_it(in_acme, owner, admin) -> None:
    row = library.talk(owner.member, "T", "A question")
    with pytest.raises(errors.NotFound):
        queries.access_own(admin.member, row.id)

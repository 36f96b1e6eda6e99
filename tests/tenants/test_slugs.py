"""Changes of a slug: nobody else gets the former one, and what is refused changes nothing."""

import secrets

import pytest

from tenants import sealing, slugs
from tenants.audit import SYSTEM
from tenants.models import AuditEntry, FormerSlug, Workspace
from tenants.scope import WorkspaceNotFound, WorkspaceRef, get_ref
from tests import factories


def fresh() -> str:
    return f"slug-{secrets.token_hex(5)}"


def change(workspace: WorkspaceRef, slug: str) -> None:
    slugs.change_slug(workspace_id=workspace.id, slug=slug, actor=SYSTEM)


def entries(workspace: WorkspaceRef) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(workspace_id=workspace.id, action="workspace.slug_changed"))


def test_former_slug_leads_to_the_present_one(db, acme):
    slug = fresh()
    change(acme, slug)

    assert slugs.find(slug).id == slugs.find("acme").id == acme.id
    assert get_ref(id=acme.id).slug == slug
    (entry,) = entries(acme)
    assert entry.data == {}
    (sealed,) = sealing.unseal([(acme.id, part["text"]) for part in entry.sealed])
    assert sealed == {"personal": {"former_slug": "acme", "slug": slug}}


def test_chain_of_changes_leads_all_the_way(db, acme):
    names = [fresh() for _ in range(3)]
    for name in names:
        change(acme, name)

    assert {slugs.find(name).slug for name in ("acme", *names)} == {names[-1]}
    assert len(entries(acme)) == 3


def test_workspace_takes_its_former_slug_back(db, acme):
    slug = fresh()
    change(acme, slug)
    change(acme, "acme")

    assert get_ref(id=acme.id).slug == "acme"
    assert list(FormerSlug.objects.filter(workspace_id=acme.id).values_list("slug", flat=True)) == [slug]


def test_nobody_else_gets_a_former_slug(db, acme, globex, owner):
    change(acme, fresh())
    for take in (
        lambda: change(globex, "acme"),
        lambda: factories.accounts_services.create_workspace(owner=owner.user, name="Acme", slug="acme"),
    ):
        with pytest.raises(slugs.SlugRefused) as refused:
            take()
        assert refused.value.code == "slug_taken"
    assert get_ref(id=globex.id).slug == "globex"
    assert entries(globex) == []
    assert slugs.free_slug("Acme") != "acme"


@pytest.mark.parametrize(
    ("slug", "code"), [("globex", "slug_taken"), ("admin", "slug_reserved"), ("No good", "slug_malformed")]
)
def test_refused_slug_changes_nothing(db, acme, globex, slug, code):
    with pytest.raises(slugs.SlugRefused) as refused:
        change(acme, slug)
    assert refused.value.code == code
    assert get_ref(id=acme.id).slug == "acme"
    assert not FormerSlug.objects.filter(workspace_id=acme.id).exists()
    assert entries(acme) == []


def test_same_slug_is_no_change(db, acme):
    change(acme, "acme")
    assert entries(acme) == []


def test_workspace_keeps_a_number_of_slugs_and_no_more(db, acme, monkeypatch):
    monkeypatch.setattr(slugs, "MOST_FORMER", 2)
    second, third = fresh(), fresh()
    for slug in (second, third):
        change(acme, slug)
    with pytest.raises(slugs.SlugRefused) as refused:
        change(acme, fresh())
    assert refused.value.code == "slug_changes_spent"
    assert get_ref(id=acme.id).slug == third

    change(acme, second)
    assert get_ref(id=acme.id).slug == second


def test_slug_of_nobody_is_not_found(db, acme):
    with pytest.raises(WorkspaceNotFound):
        slugs.find(fresh())


@pytest.fixture
def two(committed) -> tuple[WorkspaceRef, WorkspaceRef]:
    user = factories.make_user()
    return factories.make_workspace(user), factories.make_workspace(user)


def race(holder: WorkspaceRef, rival: WorkspaceRef) -> list[object]:
    """The holder lets go of its slug while the rival asks for it."""
    work = [lambda: change(holder, fresh()), lambda: change(rival, holder.slug)]
    return factories.at_once(2, lambda number: work[number]())


def has_two_holders(slug: str) -> bool:
    has = Workspace.objects.filter(slug=slug).values_list("id", flat=True)
    had = FormerSlug.objects.filter(slug=slug).values_list("workspace_id", flat=True)
    return len({*has, *had}) > 1


@pytest.mark.parametrize("turn", range(5))
def test_slug_that_is_let_go_at_this_moment_has_one_holder(two, turn):
    holder, rival = two
    let_go, asked = race(holder, rival)
    assert let_go is None
    assert isinstance(asked, slugs.SlugRefused)
    assert not has_two_holders(holder.slug)


def test_without_the_locks_it_could_have_two(two, monkeypatch):
    """The control: the rival looked before the holder let go, and wrote afterwards."""
    holder, rival = two
    plain = slugs.refuse_taken

    def look_first(slug, *, by=None):
        if by == rival.id:
            # What the rival would see without waiting: its own wish is not in the way yet.
            change(holder, fresh())
            return
        plain(slug, by=by)

    monkeypatch.setattr(slugs, "refuse_taken", look_first)
    monkeypatch.setattr(slugs, "LOCK", "SELECT %s")
    change(rival, holder.slug)
    assert has_two_holders(holder.slug)
    FormerSlug.objects.filter(workspace_id=holder.id).delete()

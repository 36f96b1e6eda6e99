"""Making a further workspace: by its page, with an address suggested, and not without end."""

import secrets

import pytest
from django.utils import timezone

from accounts.models import Membership
from accounts.workspaces import services
from tenants import slugs
from tenants.models import AuditEntry, Workspace
from tests import factories

PAGE = "/workspaces/new/"


@pytest.fixture
def person(db):
    return factories.make_user()


def owned(user) -> list[Workspace]:
    rows = Workspace.objects.filter(memberships__user=user, memberships__role=Membership.Role.OWNER)
    return list(rows.order_by("created_at"))


def create(client, **typed):
    return client.post(PAGE, {"name": "Blue Whale", "slug": "", "timezone": "Europe/Berlin", **typed})


def test_person_makes_a_workspace_and_lands_in_it(person):
    client = factories.sign_in(person)
    slug = f"whale-{secrets.token_hex(4)}"
    response = create(client, slug=slug)
    (made,) = owned(person)
    assert (response.status_code, response["Location"]) == (302, f"/w/{slug}/")
    assert (made.name, made.slug, made.timezone, made.is_personal) == (
        "Blue Whale",
        slug,
        "Europe/Berlin",
        False,
    )
    assert client.get(f"/w/{slug}/").status_code == 200
    assert AuditEntry.objects.filter(workspace_id=made.id, action="workspace.created").count() == 1


def test_address_is_made_from_the_name_where_none_is_typed(person):
    mark = secrets.token_hex(4)
    create(factories.sign_in(person), name=f"Blåer Wal {mark}", timezone="Mars/Base")
    (made,) = owned(person)
    assert (made.slug, made.timezone) == (f"blaer-wal-{mark}", "UTC")


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"slug": "acme"}, "slug", "That address is taken."),
        ({"slug": "admin"}, "slug", "That address is reserved."),
        ({"slug": "No good"}, "slug", "Use 3 to 40 lower-case letters"),
        ({"name": "   "}, "name", "This field is required."),
        ({"name": "x" * 81}, "name", "at most 80 characters"),
    ],
)
def test_refused_form_comes_back_as_it_was_typed(person, acme, typed, field, words):
    response = create(factories.sign_in(person), **typed)
    assert response.status_code == 422
    form = response.context["form"]
    assert words in " ".join(form.errors[field])
    assert form["slug"].value() == typed.get("slug", "")
    assert owned(person) == []


def test_former_slug_of_others_is_taken(person, acme):
    from tenants.audit import SYSTEM

    slugs.change_slug(workspace_id=acme.id, slug=f"acme-{secrets.token_hex(4)}", actor=SYSTEM)
    assert create(factories.sign_in(person), slug="acme").status_code == 422
    assert owned(person) == []


def test_suggestion_is_free_and_what_is_typed_is_looked_up(person, acme):
    client = factories.sign_in(person)

    def ask(**query):
        return client.get("/workspaces/slug/", query).json()

    assert ask(name="Ünïcode & Söhne")["slug"] == "unicode-sohne"
    assert ask(name="Acme")["slug"].startswith("acme-")
    assert ask(slug="acme") == {
        "slug": "acme", "is_free": False, "code": "slug_taken",
        "message": "That address is taken. Please choose another.",
    }  # fmt: skip
    assert ask(slug="admin")["code"] == "slug_reserved"
    free = f"free-{secrets.token_hex(4)}"
    assert ask(slug=free) == {"slug": free, "is_free": True, "message": "This address is free."}


def test_so_many_in_an_hour_and_no_more(person, monkeypatch):
    monkeypatch.setattr(services, "MOST_PER_HOUR", 2)
    client = factories.sign_in(person)
    for _ in range(2):
        assert create(client).status_code == 302
    response = create(client, name="Third")
    assert response.status_code == 429
    assert response.context["form"]["name"].value() == "Third"
    assert len(owned(person)) == 2
    first = owned(person)[0]
    Workspace.objects.filter(id=first.id).update(created_at=timezone.now() - services.HOUR)
    assert create(client).status_code == 302


def test_so_many_owned_and_no_more(person, monkeypatch):
    monkeypatch.setattr(services, "MOST_OWNED", 1)
    client = factories.sign_in(person)
    assert create(client).status_code == 302
    assert create(client).status_code == 409
    assert len(owned(person)) == 1


def test_personal_workspace_does_not_count(person, monkeypatch):
    from accounts import services as accounts_services

    accounts_services.ensure_personal_workspace(person)
    monkeypatch.setattr(services, "MOST_OWNED", 1)
    assert create(factories.sign_in(person)).status_code == 302


def make_at_once(count: int) -> list:
    user = factories.make_user()
    return factories.at_once(count, lambda number: services.make_workspace(owner=user, name=f"Race {number}"))


def test_requests_at_once_do_not_slip_past_the_limit(committed, monkeypatch):
    monkeypatch.setattr(services, "MOST_PER_HOUR", 2)
    results = make_at_once(6)
    assert sum(isinstance(result, Workspace) for result in results) == 2
    assert sum(isinstance(result, services.WorkspacesTooQuick) for result in results) == 4


def test_visitor_signs_in_first(db):
    for path in (PAGE, "/workspaces/slug/?name=x"):
        response = factories.browser().get(path)
        assert response["Location"].startswith("/accounts/login/?next=/workspaces/")

"""Before an account is deleted: what the page says, what it refuses, and that a refusal changes nothing."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import services as accounts_services
from accounts.models import Membership, User
from accounts.privacy import queries, refusals, services
from accounts.privacy.models import ErasureJob
from tenants.models import AuditEntry, Workspace
from tenants.scope import workspace_scope
from tests import factories
from tests.accounts import proving

pytestmark = pytest.mark.django_db
URL = "/me/privacy/delete/"
Role = factories.Role


@pytest.fixture
def person():
    return factories.make_user(display_name="Ada")


def refused(person: User) -> None:
    assert User.objects.get(id=person.id).is_active
    assert not ErasureJob.objects.filter(user_id=person.id).exists()
    assert not AuditEntry.objects.filter(action="person.erasure_requested").exists()


def test_it_shows_with_numbers_what_will_happen(person, acme):
    accounts_services.ensure_personal_workspace(person)
    member = factories.join(acme, person, Role.MEMBER)
    factories.make_key(member)
    with workspace_scope(acme.id):
        factories.answer(factories.ask(member).run)
        factories.make_assistant(member)
    outlook = queries.get_outlook(person)
    assert [place.workspace.is_personal for place in outlook.erased] == [True]
    assert [place.workspace.id for place in outlook.left] == [acme.id]
    assert outlook.blocking == []
    figures = {figure.title: figure.count for figure in outlook.deleted}
    assert (figures["Conversations"], figures["Messages"], figures["API keys"]) == (1, 2, 1)
    assert {figure.title: figure.count for figure in outlook.staying}["Receipts"] == 1
    assert all(figure.why for figure in outlook.staying)
    page = proving.sign_in(person).get(URL).content.decode()
    assert "Ada’s workspace" in page
    assert "Acme" in page


def test_the_only_owner_among_others_hands_over_first(person):
    team = factories.make_workspace(person)
    other = factories.make_user()
    factories.join(team, other, Role.MEMBER)
    client = proving.sign_in(person)
    page = client.get(URL).content.decode()
    assert "First hand over or delete" in page
    assert "Delete my account</button>" not in page
    response = client.post(URL, {"typed": person.email})
    assert response.status_code == 422
    assert "Hand it over or delete it first" in response.content.decode()
    refused(person)


def test_an_owner_who_cannot_sign_in_does_not_count(person):
    team = factories.make_workspace(person)
    blocked = factories.make_user(is_active=False)
    factories.join(team, blocked, Role.OWNER)
    with pytest.raises(refusals.OwnerMustHandOver) as caught:
        services.request_erasure(user=person, typed=person.email)
    assert caught.value.data == {"workspaces": [team.name]}
    refused(person)


def test_another_owner_lets_them_go(person):
    team = factories.make_workspace(person)
    factories.join(team, factories.make_user(), Role.OWNER)
    services.request_erasure(user=person, typed=person.email)
    assert not Membership.objects.filter(workspace_id=team.id, user=person).exists()
    assert Workspace.objects.get(id=team.id).state == "active"


def test_what_is_typed_must_be_the_address_and_is_not_lost(person):
    response = proving.sign_in(person).post(URL, {"typed": "somebody@else.test"})
    assert response.status_code == 422
    page = response.content.decode()
    assert "That is not your e-mail address" in page
    assert 'value="somebody@else.test"' in page
    refused(person)


def test_it_asks_for_a_fresh_proof(person):
    response = factories.sign_in(person).post(URL, {"typed": person.email})
    assert response.status_code == 302
    assert "reauthenticate" in response["Location"]
    refused(person)


def test_it_closes_the_account_at_once(person, acme):
    accounts_services.ensure_personal_workspace(person)
    member = factories.join(acme, person, Role.MEMBER)
    key = factories.make_key(member)
    elsewhere, here = factories.sign_in(person), proving.sign_in(person)
    response = here.post(URL, {"typed": f" {person.email.upper()} "})
    assert (response.status_code, response["Location"]) == (302, reverse("privacy-deleted"))
    for client in (here, elsewhere):
        assert client.get("/me/").status_code == 302
    assert factories.with_key(key).get("/v1/models").status_code == 401
    assert not Membership.objects.filter(workspace_id=acme.id, user=person).exists()
    own = Workspace.objects.get(memberships__user=person)
    assert own.state == "deleting"
    assert own.delete_at <= timezone.now()
    entry = AuditEntry.objects.get(action="person.erasure_requested")
    assert entry.actor_ref == person.person_reference.ref
    with pytest.raises(refusals.ErasureRunning):
        services.request_erasure(user=person, typed=person.email)


def test_nobody_but_the_person_reaches_it(person):
    assert factories.browser().get(URL).status_code == 302
    assert factories.browser().get("/me/privacy/deleted/").status_code == 200

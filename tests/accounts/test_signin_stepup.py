"""Before what cannot be undone, a person proves again that it is them."""

import time

import pytest
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import include, path

from accounts.permissions import Permission, requires
from accounts.signin import stepup
from tests import factories
from tests.accounts.signing_in import prove, sign_in

done: list[str] = []


@stepup.proven_recently
@login_required
def dangerous(request):
    done.append(request.method)
    return HttpResponse("done")


@requires(Permission.VIEW)
@stepup.proven_recently
def dangerous_here(request):
    done.append(request.member.role)
    return HttpResponse("done")


urlpatterns = [
    path("dangerous/", dangerous),
    path("w/<slug:workspace>/dangerous/", dangerous_here),
    path("", include("config.urls")),
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def nothing_done():
    done.clear()


@pytest.fixture
def user():
    return factories.make_user()


def test_visitors_sign_in_first():
    assert factories.browser().get("/dangerous/")["Location"] == "/accounts/login/?next=/dangerous/"


def test_a_sign_in_is_no_proof_and_a_password_typed_again_is_one(user):
    client = sign_in(user)
    response = client.post("/dangerous/")
    assert response["Location"] == "/accounts/reauthenticate/?next=%2Fdangerous%2F"
    assert done == []
    prove(client)
    assert client.get("/dangerous/").content == b"done"


def test_a_wrong_password_proves_nothing(user):
    client = sign_in(user)
    assert client.post("/accounts/reauthenticate/", {"password": "wrong"}).status_code == 200
    client.post("/dangerous/")
    assert done == []


def test_proof_lasts_for_its_time_and_no_longer(user, settings, monkeypatch):
    client = sign_in(user)
    prove(client)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + settings.ACCOUNT_REAUTHENTICATION_TIMEOUT - 5)
    assert client.get("/dangerous/").status_code == 200
    monkeypatch.setattr(time, "time", lambda: now + settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 5)
    assert client.get("/dangerous/").status_code == 302


def test_proof_of_one_session_is_none_of_another(user):
    prove(sign_in(user))
    assert sign_in(user).get("/dangerous/").status_code == 302


def test_who_has_no_password_signs_in_again(user):
    client = sign_in(user)
    user.set_unusable_password()
    user.save()
    other = factories.sign_in(user)  # a session without a record of how it began
    assert other.get("/dangerous/")["Location"].startswith("/accounts/logout/?next=%2Faccounts%2Flogin%2F")
    assert done == []
    assert client.get("/dangerous/").status_code == 302, "its password is gone"


def test_within_a_workspace_the_view_only_runs_behind_the_middleware(user):
    """A POST is not sent again there: who may is asked for each request."""
    workspace = factories.make_workspace(user)
    client = sign_in(user)
    page = f"/w/{workspace.slug}/dangerous/"
    response = client.post(page)
    assert response["Location"].startswith("/accounts/reauthenticate/?next=%2Fw%2F")
    assert "account_reauthentication_state" not in client.session
    response = client.post(response["Location"], {"password": factories.PASSWORD, "next": page})
    assert response["Location"] == page
    assert done == []
    assert client.post(page).content == b"done"
    assert done == ["owner"]

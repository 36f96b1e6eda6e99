"""The sweep itself is swept: careless views, mounted before the careful ones, must be caught."""

from datetime import date

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.urls import get_resolver, path
from django.views.decorators.http import require_POST

from accounts.models import Membership
from accounts.permissions import Permission, requires
from assistants.models import Conversation
from tenants.scope import WorkspaceRef
from tests import routes
from tests.sweep import FURNISHED, furnish_workspace, sweep_page


def shows_anybodys(request, conversation_id):
    row = Conversation.objects.filter(id=conversation_id).first()
    return HttpResponse(row.title if row else "", status=200 if row else 404)


def confirms_that_it_exists(request, conversation_id):
    row = Conversation.objects.filter(id=conversation_id).first()
    if row is None:
        return HttpResponse(status=404)
    return HttpResponse(status=200 if row.owner_id == request.member.user_id else 403)


def writes_before_it_refuses(request, conversation_id):
    Conversation.objects.filter(id=conversation_id).update(title="seen")
    return HttpResponse(status=404)


@require_POST
def lets_viewers_write(request, conversation_id):
    return HttpResponse(status=303)


class Careless:
    """A URLconf in which one page of the product is answered by a careless view."""

    def __init__(self, view, permission: Permission, where: str) -> None:
        marked = requires(permission)(view)
        include = get_resolver("config.urls").url_patterns
        self.urlpatterns = [path(f"w/<slug:workspace>/chat/<uuid:conversation_id>/{where}", marked), *include]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("view", "permission", "name", "where", "complaint"),
    [
        (shows_anybodys, Permission.VIEW, "conversation", "", "of a colleague"),
        (confirms_that_it_exists, Permission.VIEW, "conversation", "", "of a colleague: 403"),
        (writes_before_it_refuses, Permission.VIEW, "conversation", "", "200|wrote"),
        (lets_viewers_write, Permission.VIEW, "message-send", "messages/", "viewer POST"),
    ],
)
def test_careless_view_is_caught(world, settings, view, permission, name, where, complaint):
    settings.ROOT_URLCONF = Careless(view, permission, where)
    with pytest.raises(AssertionError, match=complaint):
        sweep_page(world, name, routes.WORKSPACE[name])


@pytest.mark.django_db
def test_list_of_what_is_furnished_is_complete(world):
    with transaction.atomic():
        assert furnish_workspace(world.home, "listed", date(2020, 5, 1)).keys() == FURNISHED
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_view_outside_the_middlewares_guard_is_caught(world, settings, monkeypatch):
    """Were the permission not asked in one place, every page would show it."""
    from accounts import middleware

    monkeypatch.setattr(middleware.permissions, "check", lambda *_: None)
    with pytest.raises(AssertionError, match="viewer"):
        sweep_page(world, "assistant-create", routes.WORKSPACE["assistant-create"])


@pytest.mark.django_db
def test_suspension_that_nobody_asks_for_is_caught(world, monkeypatch):
    monkeypatch.setattr(WorkspaceRef, "is_active", True)
    with pytest.raises(AssertionError, match="suspended: owner GET assistants: 200"):
        sweep_page(world, "assistants", routes.WORKSPACE["assistants"])


@pytest.mark.django_db
def test_membership_that_outlives_its_end_is_caught(world):
    removed = world.people["removed"]
    Membership.objects.create(workspace_id=world.home.id, user=removed.user, role="admin")
    with pytest.raises(AssertionError, match="removed GET assistants: 200"):
        sweep_page(world, "assistants", routes.WORKSPACE["assistants"])

"""A session is good on one host only: the one it was made on."""

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpResponse
from django.utils.functional import SimpleLazyObject

from accounts import revocation
from accounts.handoff import sessions
from accounts.models import User
from accounts.requests import LocatedRequest
from config.middleware import Handler


def bind_session(get_response: Handler) -> Handler:
    """After Django's AuthenticationMiddleware. Asks nothing until somebody asks who is there; then, on an own domain,
    one query for the session on the main host."""

    def middleware(request: LocatedRequest) -> HttpResponse:
        found = request.user
        request.user = SimpleLazyObject(lambda: _person(request, found))  # type: ignore[assignment]  # as Django does
        # SECURITY: the unbound person is not to be had another way.
        request.__dict__.pop("auser", None)
        return get_response(request)

    return middleware  # type: ignore[return-value]  # takes a located request


def _person(request: LocatedRequest, found: User) -> User | AnonymousUser:
    if not found.is_authenticated:
        return found
    binding, served = sessions.binding_of(request.session), request.served_workspace
    if served is None:
        # SECURITY: whoever owns a domain could read its cookies; they must open nothing beyond it.
        return found if binding is None else _end(request)
    # SECURITY: a name may have gone over to another workspace.
    if binding is None or (binding.host, binding.workspace_id) != (request.host, str(served.id)):
        return AnonymousUser()
    parent = sessions.read(binding.parent_key)
    if parent is None or parent["_auth_user_id"] != str(found.pk):
        return _end(request)
    sessions.carry(parent, request.session)
    return found


def _end(request: LocatedRequest) -> AnonymousUser:
    """Of a session that is over, or seen where it does not belong."""
    key = request.session.session_key
    request.session.flush()
    if key:
        with transaction.atomic():
            revocation.announce_on_commit("session", key)
    return AnonymousUser()

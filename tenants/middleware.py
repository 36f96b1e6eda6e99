"""Where? Finds the workspace that an address speaks of. Who may enter is `accounts.middleware`'s question."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config import errors
from tenants.models import Domain
from tenants.scope import WorkspaceNotFound, WorkspaceRef, get_ref

Handler = Callable[[HttpRequest], HttpResponse]
# SECURITY: everything that the URL pattern may take for a workspace must match here, or its view would run unguarded.
WORKSPACE_PATH = re.compile(r"^/w/([^/]*)")
SLUG = re.compile(r"[a-z0-9-]{1,40}")
PORT = re.compile(r":\d+$")


class UnknownHost(errors.DomainError):
    code = "unknown_host"
    message = "No site is served under this name."


def locate_workspace(get_response: Handler) -> Handler:
    """Sets `request.workspace` from (1) a verified custom domain, (2) the path /w/<slug>/, else None.

    `request.names_workspace` says that the address speaks of one, existing or not.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        host = PORT.sub("", request.META.get("HTTP_HOST", "").lower())
        try:
            if host in settings.MAIN_HOSTS:
                match = WORKSPACE_PATH.match(request.path_info)
                located = (_from_slug(match.group(1)) if match else None, match is not None)
            else:
                located = (_from_host(host), True)
                request.urlconf = "config.domain_urls"
        except errors.DomainError as error:
            return errors.render(request, error)
        request.workspace, request.names_workspace = located  # type: ignore[attr-defined]  # accounts.requests
        return get_response(request)

    return middleware


def _from_slug(slug: str) -> WorkspaceRef | None:
    """None when there is no such workspace: who is not signed in must not learn that here."""
    if not SLUG.fullmatch(slug):
        return None
    try:
        return get_ref(slug=slug)
    except WorkspaceNotFound:
        return None


def _from_host(host: str) -> WorkspaceRef:
    # SECURITY: an unverified domain is nobody's; serving it would let anyone claim a name they do not own.
    workspace_id = (
        Domain.objects.filter(domain=host, verified_at__isnull=False).values_list("tenant_id").first()
    )
    if workspace_id is None:
        raise UnknownHost()
    try:
        return get_ref(id=workspace_id[0])
    except WorkspaceNotFound as error:
        raise UnknownHost() from error

"""Where? Finds the workspace that an address speaks of. Who may enter is `accounts.middleware`'s question."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config import errors
from tenants import slugs
from tenants.domains import queries as domains
from tenants.scope import WorkspaceNotFound, WorkspaceRef, get_ref

Handler = Callable[[HttpRequest], HttpResponse]
# SECURITY: everything that the URL pattern may take for a workspace must match here, or its view would run unguarded.
WORKSPACE_PATH = re.compile(r"^/w/([^/]*)")
SLUG = re.compile(r"[a-z0-9-]{1,40}")
PORT = re.compile(r":\d+$")
OWN_DOMAIN = "config.domain_urls"
# On a workspace's own domain these pages are for everybody: signing in, logo and colour. Nothing of the workspace's
# data is there (config/domain_urls.py holds exactly these beside the workspace's pages, and a test compares).
OPEN_ON_OWN_DOMAIN = ("/handoff/", "/brand/")
# Without subdomains and preloading: the rest of that domain is not ours to decide on.
OWN_DOMAIN_HSTS = "max-age=31536000"


class UnknownHost(errors.DomainError):
    code = "unknown_host"
    message = "No site is served under this name."


def locate_workspace(get_response: Handler) -> Handler:
    """Sets `request.workspace` from (1) a verified custom domain, (2) the path /w/<slug>/, else None.

    `request.names_workspace` says that the address speaks of one, existing or not. `request.served_workspace`: whose
    own domain this is, None on the main hosts. `request.host`: the name that was asked for, without its port.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        host = PORT.sub("", request.META.get("HTTP_HOST", "").lower())
        served: WorkspaceRef | None = None
        try:
            if host in settings.MAIN_HOSTS:
                match = WORKSPACE_PATH.match(request.path_info)
                located = (_from_slug(match.group(1)) if match else None, match is not None)
            else:
                served = _from_host(host)
                is_open = request.path_info.startswith(OPEN_ON_OWN_DOMAIN)
                located = (None, False) if is_open else (served, True)
                request.urlconf = OWN_DOMAIN
        except errors.DomainError as error:
            return errors.render(request, error)
        request.workspace, request.names_workspace = located  # type: ignore[attr-defined]  # accounts.requests
        request.served_workspace, request.host = served, host  # type: ignore[attr-defined]  # accounts.requests
        response = get_response(request)
        if served is not None and settings.HTTPS:
            response["Strict-Transport-Security"] = OWN_DOMAIN_HSTS
        return response

    return middleware


def _from_slug(slug: str) -> WorkspaceRef | None:
    """None when there is no such workspace: who is not signed in must not learn that here."""
    if not SLUG.fullmatch(slug):
        return None
    try:
        return slugs.find(slug)
    except WorkspaceNotFound:
        return None


def _from_host(host: str) -> WorkspaceRef:
    domain = domains.get_served(host)
    if domain is None:
        raise UnknownHost()
    try:
        return get_ref(id=domain.tenant_id)
    except WorkspaceNotFound as error:
        raise UnknownHost() from error

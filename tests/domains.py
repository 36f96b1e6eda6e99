"""Own domains of workspaces, and browsers that are signed in there as people are: by the main host."""

from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client
from django.utils import timezone

from tenants.audit import SYSTEM
from tenants.domains import services
from tenants.models import Domain
from tenants.scope import WorkspaceRef
from tests.factories import Person


def serve(workspace: WorkspaceRef, host: str) -> Domain:
    domain = services.add_domain(workspace_id=workspace.id, typed=host, actor=SYSTEM)
    services.verify_domain(domain_id=domain.pk, now=timezone.now(), actor=SYSTEM)
    return domain


def visitor(host: str, **options) -> Client:
    return Client(HTTP_HOST=host, **options)


def way_back(main: Client, own: Client, path: str = "/"):
    """From a page of the own domain to the main host, which `main` is signed in on: the address that leads back."""
    left = own.get(path)
    assert left.status_code == 302, left.status_code
    return main.get(path_of(left["Location"]))


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def sign_in_on(host: str, person: Person, main: Client | None = None) -> Client:
    """A browser whose session on the main host is `main`'s, or a new one's."""
    own = visitor(host)
    given = way_back(main or person.browser(), own)
    assert given.status_code == 302, given.status_code
    assert urlsplit(given["Location"]).hostname == host
    assert own.get(path_of(given["Location"])).status_code == 302
    assert session_cookie(own)
    return own


def session_cookie(client: Client) -> str:
    found = client.cookies.get(settings.SESSION_COOKIE_NAME)
    return found.value if found else ""

"""Addresses of a workspace's pages: one function chooses host and prefix for pages, mails and tasks."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from tenants.models import Domain
from tenants.scope import WorkspaceRef


def workspace_url(workspace: WorkspaceRef, name: str, *, on_own_domain: bool = False, **kwargs: Any) -> str:
    """The path of a workspace page. `on_own_domain`: the request is on the workspace's own host, where it is at `/`."""
    slug = None if on_own_domain else workspace.slug
    return _reverse(slug, name, kwargs) if kwargs else _page(slug, name)


@lru_cache(maxsize=4096)
def _page(slug: str | None, name: str) -> str:
    """Kept: navigation has two dozen of them on every page."""
    return _reverse(slug, name, {})


def _reverse(slug: str | None, name: str, kwargs: dict[str, Any]) -> str:
    if slug is None:
        return reverse(f"workspace:{name}", urlconf="config.domain_urls", kwargs=kwargs)
    return reverse(f"workspace:{name}", urlconf="config.urls", kwargs={"workspace": slug, **kwargs})


def main_url(name: str, *, on_own_domain: bool = False, **kwargs: Any) -> str:
    """The path of a control-plane page; its whole address for a request on a workspace's own host, which has none."""
    path = reverse(name, urlconf="config.urls", kwargs=kwargs)
    return settings.BASE_URL + path if on_own_domain else path


def main_host() -> str:
    """Where a name of an own domain points to."""
    return urlsplit(settings.BASE_URL).hostname or ""


def own_origin(host: str) -> str:
    """Of a verified domain: scheme and port are those of the main host, which serves both."""
    parts = urlsplit(settings.BASE_URL)
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}"


def main_workspace_url(workspace: WorkspaceRef, name: str, **kwargs: Any) -> str:
    """The whole address of a workspace page on the main host, for who must not depend on an own domain."""
    return settings.BASE_URL + workspace_url(workspace, name, **kwargs)


def domain_url(name: str) -> str:
    """The path of a page that own domains have beside the workspace's."""
    return reverse(name, urlconf="config.domain_urls")


def absolute_workspace_url(workspace: WorkspaceRef, name: str, **kwargs: Any) -> str:
    """For mails and tasks. Never made from a request's Host. One query."""
    domain = Domain.objects.filter(tenant_id=workspace.id, is_primary=True, verified_at__isnull=False).first()
    if domain is None:
        return settings.BASE_URL + workspace_url(workspace, name, **kwargs)
    return f"https://{domain.domain}{workspace_url(workspace, name, on_own_domain=True, **kwargs)}"

"""How pages of a workspace look: its logo, its colour, and whether the product is named."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from django.urls import reverse

from tenants.scope import WorkspaceRef


@dataclass(frozen=True)
class Brand:
    name: str
    logo_url: str
    stylesheet_url: str
    hides_product_name: bool


def brand_of(workspace: WorkspaceRef) -> Brand:
    """No query. Addresses are paths that every host serves."""
    return Brand(
        name=workspace.name,
        logo_url=logo_url(workspace),
        stylesheet_url=stylesheet_url(workspace.accent),
        hides_product_name=workspace.hides_product_name,
    )


def logo_url(workspace: WorkspaceRef) -> str:
    """Empty without a logo. It changes with the picture."""
    if not workspace.logo:
        return ""
    name = PurePosixPath(workspace.logo).stem
    return reverse("brand-logo", urlconf="config.urls", kwargs={"workspace_id": workspace.id, "name": name})


def stylesheet_url(accent: str) -> str:
    """Empty without a colour of its own."""
    colour = accent.removeprefix("#")
    return reverse("brand-stylesheet", urlconf="config.urls", kwargs={"colour": colour}) if colour else ""

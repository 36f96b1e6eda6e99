"""Logos and colours, on every host and for everybody who knows their address: sign-in pages show them too.

A logo's name is random, and gone with the logo. A stylesheet is a function of its address and tells of no workspace.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from config import errors
from tenants import keys, pictures
from tenants.branding import colours
from tenants.scope import get_ref
from tenants.settings import values

FOR_GOOD = "public, max-age=31536000, immutable"


@require_safe
def logo(request: HttpRequest, workspace_id: UUID, name: str) -> HttpResponse:
    """Raises NotFound, also for a former logo."""
    workspace = get_ref(id=workspace_id)
    if workspace.logo != keys.file_name(workspace_id, "brand", f"{name}.png"):
        raise errors.NotFound()
    response = pictures.respond(workspace.logo)
    response["Cache-Control"] = FOR_GOOD
    return response


@require_safe
def stylesheet(request: HttpRequest, colour: str) -> HttpResponse:
    """Raises NotFound for what is no colour."""
    accent = f"#{colour}"
    if not values.ACCENT.fullmatch(accent):
        raise errors.NotFound()
    response = HttpResponse(colours.stylesheet(accent), content_type="text/css; charset=utf-8")
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = FOR_GOOD
    return response

"""Logo, colour, and whether the product is named."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.links import page_url
from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from accounts.workspaces.forms import LogoForm, LookForm
from tenants import pictures
from tenants.branding import colours
from tenants.settings import services
from tenants.settings.values import SettingRefused


@requires(Permission.WORKSPACE_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def brand(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request)
    form = LookForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    try:
        services.change_settings(
            workspace_id=request.workspace.id, wanted=form.cleaned_data, actor=request.member.actor
        )
    except SettingRefused as error:
        form.refuse(error, "accent")
        return _page(request, form=form, status=error.status)
    messages.success(request, "The look is saved.")
    return redirect(page_url(request, "settings-brand"))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def logo(request: MemberRequest) -> HttpResponse:
    form = LogoForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, logo_form=form, status=422)
    try:
        services.set_logo(
            workspace_id=request.workspace.id, upload=form.cleaned_data["logo"], actor=request.member.actor
        )
    except pictures.PictureRefused as error:
        form.refuse(error, "logo")
        return _page(request, logo_form=form, status=error.status)
    messages.success(request, "The logo is saved.")
    return redirect(page_url(request, "settings-brand"))


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def logo_remove(request: MemberRequest) -> HttpResponse:
    services.remove_logo(workspace_id=request.workspace.id, actor=request.member.actor)
    messages.success(request, "The logo is gone.")
    return redirect(page_url(request, "settings-brand"))


def _page(
    request: MemberRequest,
    *,
    form: LookForm | None = None,
    logo_form: LogoForm | None = None,
    status: int = 200,
) -> HttpResponse:
    workspace = request.workspace
    kept = {"accent": workspace.accent, "hides_product_name": workspace.hides_product_name}
    palette = colours.palette(workspace.accent) if workspace.accent else None
    context = {
        "form": form or LookForm(initial=kept),
        "logo_form": logo_form or LogoForm(),
        "palette": palette,
        "adjusted": [_words(palette, theme) for theme in palette.adjusted] if palette else [],
    }
    return render(request, "workspaces/brand.html", context, status=status)


def _words(palette: colours.Palette, theme: str) -> str:
    shown = palette.day.accent if theme == "light" else palette.night.accent
    return f"On {theme} pages {palette.asked} is shown as {shown}, so that text on and beside it can be read."

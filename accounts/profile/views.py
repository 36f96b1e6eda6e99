from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.members import queries as members
from accounts.permissions import Permission, requires
from accounts.profile import forms, services
from accounts.requests import LocatedRequest, MemberRequest
from tenants import pictures
from tenants.settings.values import ZONES


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: LocatedRequest) -> HttpResponse:
    """Name, language, timezone and preferences."""
    user = request.user
    preferences = services.read_preferences(user)
    initial = {"display_name": user.display_name, "language": user.language, "timezone": user.timezone}
    form = forms.ProfileForm(request.POST or None, initial=initial | preferences)
    if request.method == "POST" and form.is_valid():
        said = dict(form.cleaned_data)
        chosen = {name: said.pop(name) for name in preferences}
        services.update(user_id=user.pk, **said, preferences=chosen)
        messages.success(request, "Saved.")
        return redirect("profile")
    return _page(request, form, forms.AvatarForm(), status=400 if form.is_bound else 200)


@login_required
@require_POST
def avatar_change(request: LocatedRequest) -> HttpResponse:
    """Sets or removes the picture."""
    if "remove" in request.POST:
        services.remove_avatar(user_id=request.user.pk)
        messages.success(request, "Your picture was removed.")
        return redirect("profile")
    form = forms.AvatarForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            services.set_avatar(user_id=request.user.pk, upload=form.cleaned_data["picture"])
        except pictures.PictureRefused as refused:
            form.add_error("picture", refused.message)
        else:
            messages.success(request, "Your picture was saved.")
            return redirect("profile")
    user = request.user
    initial = {"display_name": user.display_name, "language": user.language, "timezone": user.timezone}
    return _page(
        request, forms.ProfileForm(initial=initial | services.read_preferences(user)), form, status=422
    )


def _page(
    request: HttpRequest, form: forms.ProfileForm, avatar_form: forms.AvatarForm, *, status: int
) -> HttpResponse:
    context = {"form": form, "avatar_form": avatar_form, "zones": sorted(ZONES), "zone_list": forms.ZONE_LIST}
    return render(request, "profile/profile.html", context, status=status)


@login_required
@require_safe
def avatar(request: LocatedRequest) -> HttpResponse:
    """One's own. Raises NotFound where there is none."""
    return pictures.respond(request.user.avatar)


@requires(Permission.VIEW)
@require_safe
def member_avatar(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    """A colleague's. Raises NotFound, also for people of other workspaces."""
    return pictures.respond(members.access_membership(request.member, membership_id).user.avatar)

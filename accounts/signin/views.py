"""Pages about signing in: what protects an account, its sessions, the mailed link, what a workspace asks for."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.queries import list_workspaces
from accounts.requests import LocatedRequest, MemberRequest
from accounts.signin import queries, services


@login_required
@never_cache
@require_safe
def security(request: LocatedRequest) -> HttpResponse:
    """`?for=<slug>`: the workspace that sent the person here."""
    found = queries.get_security(request.user)
    asking = [row for row in list_workspaces(request.user.pk) if row.requires_two_factors]
    came_from = next((row for row in asking if row.slug == request.GET.get("for")), None)
    current = next((row for row in found.sessions if row.key == request.session.session_key), None)
    context = {"security": found, "asking": asking, "came_from": came_from, "current": current}
    return render(request, "account/security.html", context)


@login_required
@never_cache
@require_safe
def session_list(request: LocatedRequest) -> HttpResponse:
    rows = queries.list_sessions(request.user)
    current = request.session.session_key
    rows.sort(key=lambda row: row.key != current)
    return render(request, "usersessions/usersession_list.html", {"sessions": rows, "current": current})


@login_required
@require_POST
def session_end(request: LocatedRequest, session_id: int) -> HttpResponse:
    """Raises NotFound for somebody else's, or one that has ended. The own one ends by signing out."""
    found = queries.access_session(request.user, session_id)
    if found.key == request.session.session_key:
        return redirect("account_logout")
    services.end_sessions(user_id=request.user.pk, keys=[found.key])
    messages.success(request, f"The session of {found.device.label} has ended.")
    return redirect("sessions")


@login_required
@require_POST
def sessions_end_others(request: LocatedRequest) -> HttpResponse:
    ended = services.end_other_sessions(user_id=request.user.pk, request=request, reason="ended_by_person")
    text = "There was no other session." if not ended else f"{ended} other session{'s' * (ended > 1)} ended."
    messages.success(request, text)
    return redirect("sessions")


@never_cache
@require_safe
def sign_in_link(request: LocatedRequest) -> HttpResponse:
    """The link of a mailed code. It fills in the code, in the browser that asked for it and in no other."""
    if request.user.is_authenticated:
        return redirect("home")
    login = request.session.get("account_login") or {}
    if "login_by_code" not in str(login.get("state", "")):
        text = "Open the link in the browser in which you asked for it, or ask for a new code here."
        messages.warning(request, text)
        return redirect("account_request_login_code")
    return redirect(
        f"{reverse('account_confirm_login_code')}?{urlencode({'code': request.GET.get('code', '')[:20]})}"
    )


class TwoFactorsForm(forms.Form):
    required = forms.BooleanField(
        required=False,
        label="Require two factors",
        help_text="Members without a second factor are led to set one up, and reach nothing else here until they have.",
    )


@requires(Permission.WORKSPACE_MANAGE)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def workspace_security(request: MemberRequest) -> HttpResponse:
    """Whether this workspace requires two factors."""
    form = TwoFactorsForm(
        request.POST if request.method == "POST" else None,
        initial={"required": request.workspace.requires_two_factors},
    )
    status = 200
    if form.is_valid():
        required = form.cleaned_data["required"]
        try:
            services.set_two_factors_required(member=request.member, required=required)
        except services.OwnSecondFactorMissing as refused:
            form.add_error("required", refused.message)
            status = refused.status
        else:
            messages.success(request, _done(required=required))
            return redirect(page_url(request, "settings-security"))
    context = {
        "form": form,
        "has_own": queries.has_second_factor(request.member.user_id),
        "without": len(queries.list_memberships_without_factor(request.workspace.id)),
    }
    return render(request, "account/workspace_security.html", context, status=status)


def _done(*, required: bool) -> str:
    return "Two factors are required from now on." if required else "Two factors are no longer required."

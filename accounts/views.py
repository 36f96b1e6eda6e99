from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import queries
from accounts.members import queries as members
from accounts.requests import LocatedRequest
from config import errors
from tenants import links


def home(request: LocatedRequest) -> HttpResponse:
    """The landing page; who is signed in goes to their workspace."""
    if request.user.is_authenticated:
        workspace = queries.get_home_workspace(request.user.pk)
        if workspace is not None:
            return redirect(links.workspace_url(workspace, "dashboard"))
    return render(request, "home.html")


@login_required
def me(request: LocatedRequest) -> HttpResponse:
    """A person's workspaces, and where they are invited to."""
    invited = members.list_own_invitations(request.user, now=timezone.now())
    names = members.inviter_names(invited)
    context = {
        "places": members.list_places(request.user.pk),
        "invitations": [
            {"invitation": row, "inviter": names.get(row.invited_by, "A colleague")} for row in invited
        ],
    }
    return render(request, "accounts/me.html", context)


@login_required
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component, for staff. Raises NotFound for everybody else."""
    if not request.user.is_staff:
        raise errors.NotFound()
    return render(request, "styleguide.html", {"site_header": admin.site.site_header})

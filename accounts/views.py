from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import queries
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
    return render(request, "accounts/me.html", {"workspaces": queries.list_workspaces(request.user.pk)})


@login_required
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component, for staff. Raises NotFound for everybody else."""
    if not request.user.is_staff:
        raise errors.NotFound()
    return render(request, "styleguide.html", {"site_header": admin.site.site_header})

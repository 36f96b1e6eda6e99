"""Dismissing what a banner tells."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.permissions import Permission, requires
from accounts.requests import MemberRequest
from tenants import links
from usage.limits import services


@requires(Permission.WORKSPACE_MANAGE)
@require_POST
def dismiss(request: MemberRequest, notice_id: int) -> HttpResponse:
    services.dismiss_notice(
        notice_id=notice_id, workspace_id=request.workspace.id, person_ref=request.member.person_ref
    )
    return redirect(_back(request))


def _back(request: MemberRequest) -> str:
    came_from = request.headers.get("Referer", "")
    # SECURITY: only back to where the request came from on this host.
    if url_has_allowed_host_and_scheme(came_from, allowed_hosts={request.get_host()}):
        return came_from
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return links.workspace_url(request.workspace, "usage", on_own_domain=own)

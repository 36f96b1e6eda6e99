"""A workspace's own domains."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST
from django_ratelimit.core import is_ratelimited

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from accounts.workspaces.forms import DomainForm
from config import errors
from tenants import dns, links
from tenants.domains import names, queries, services
from tenants.domains.names import DomainRefused
from tenants.models import Domain

CHECKS = "10/m"


class TooManyChecks(errors.DomainError):
    code = "too_many_checks"
    status = 429
    message = "The name server was asked often enough. Please try again in a minute."


@requires(Permission.WORKSPACE_OWN)
@require_http_methods(["GET", "HEAD", "POST"])
def domain_list(request: MemberRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, DomainForm())
    form = DomainForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        added = services.add_domain(
            workspace_id=request.workspace.id,
            typed=form.cleaned_data["domain"],
            actor=request.member.actor,
        )
    except (DomainRefused, services.DomainKnown, services.TooManyDomains) as error:
        form.refuse(error, "domain")
        return _page(request, form, status=error.status)
    messages.success(request, f"{added.domain} is added. Publish its record, then check it.")
    return redirect(page_url(request, "settings-domain"))


@requires(Permission.WORKSPACE_OWN)
@require_POST
def domain_check(request: MemberRequest, domain_id: int) -> HttpResponse:
    domain = queries.access_domain(request.workspace.id, domain_id)
    if is_ratelimited(request, group="domain-check", key=_whose, rate=CHECKS, increment=True):
        raise TooManyChecks(data={"retry_after_s": 60})
    try:
        services.check_domain(
            workspace_id=request.workspace.id,
            domain_id=domain_id,
            now=timezone.now(),
            actor=request.member.actor,
        )
    except (services.ProofMissing, services.DomainTaken, dns.DnsUnavailable) as error:
        # SECURITY: tells only what the domain's owner asked about their own claim.
        return _page(request, DomainForm(), status=error.status, refusal=(domain_id, error.message))
    messages.success(request, f"{domain.domain} is proven, and served from now on.")
    return redirect(page_url(request, "settings-domain"))


def _whose(group: str, request: MemberRequest) -> str:
    return str(request.workspace.id)


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def domain_remove(request: MemberRequest, domain_id: int) -> HttpResponse:
    """Asks on a page of its own where the list's dialog cannot: without scripts."""
    domain = queries.access_domain(request.workspace.id, domain_id)
    if request.method != "POST":
        return render(request, "workspaces/domain_remove.html", {"domain": domain})
    services.remove_domain(workspace_id=request.workspace.id, domain_id=domain_id, actor=request.member.actor)
    messages.success(request, f"{domain.domain} is removed.")
    # This host may be the one that just went.
    return redirect(links.main_workspace_url(request.workspace, "settings-domain"))


@requires(Permission.WORKSPACE_OWN)
@require_POST
def domain_primary(request: MemberRequest) -> HttpResponse:
    """`domain`: the id of the one that links in mails carry; empty: the main host."""
    chosen = request.POST.get("domain", "")
    if chosen and not chosen.isdecimal():
        raise errors.NotFound()
    services.set_primary(
        workspace_id=request.workspace.id,
        domain_id=int(chosen) if chosen else None,
        actor=request.member.actor,
    )
    messages.success(request, "Links in mails carry this name from now on.")
    return redirect(page_url(request, "settings-domain"))


def _page(
    request: MemberRequest, form: DomainForm, *, status: int = 200, refusal: tuple[int, str] | None = None
) -> HttpResponse:
    found = queries.list_domains(request.workspace.id)
    context: dict[str, Any] = {
        "form": form,
        "domains": [_row(domain, refusal) for domain in found],
        "served": [domain for domain in found if domain.verified_at],
        "primary_id": next((domain.pk for domain in found if domain.is_primary), None),
        "main_host": links.main_host(),
        "main_is_address": names.is_address(links.main_host()),
    }
    return render(request, "workspaces/domains.html", context, status=status)


def _row(domain: Domain, refusal: tuple[int, str] | None) -> dict[str, Any]:
    return {
        "id": domain.pk,
        "domain": domain.domain,
        "url": links.own_origin(domain.domain) + "/",
        "is_served": domain.verified_at is not None,
        "is_primary": domain.is_primary,
        "checked_at": domain.checked_at,
        "lost_until": domain.lost_at + services.GRACE if domain.lost_at else None,
        "record_name": dns.challenge_name(domain.domain),
        "record_text": dns.proof_record(services.KIND, domain.proof) if domain.proof else "",
        "refusal": refusal[1] if refusal and refusal[0] == domain.pk else "",
        "dialog_id": f"remove-{domain.pk}",
        "question": f"Remove {domain.domain}?",
    }

"""Pages of an owner: mail domains, the connection, its test, and whether the workspace asks for it."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.links import page_url
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from accounts.signin.stepup import proven_recently
from accounts.sso import forms, queries, rounds, services, setup
from accounts.sso.models import Connection
from accounts.sso.oidc.provider import redirect_uri
from accounts.sso.saml import config as saml
from config import errors
from tenants import dns, links

View = Callable[..., HttpResponse]


def on_main_host(view: View) -> View:
    """Providers lead back to the main host: a trip begins there, and so do the pages that begin trips."""

    @wraps(view)
    def wrapper(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if getattr(request, "urlconf", None) == "config.domain_urls":
            return redirect(settings.BASE_URL + links.workspace_url(request.workspace, "sso"))
        return view(request, *args, **kwargs)

    return wrapper


@requires(Permission.WORKSPACE_OWN)
@on_main_host
@never_cache
@require_safe
def overview(request: MemberRequest) -> HttpResponse:
    return _overview(request, forms.DomainForm())


def _overview(request: MemberRequest, form: forms.DomainForm, *, status: int = 200) -> HttpResponse:
    connection = queries.get_connection(request.workspace.id)
    domains = [_domain_row(row) for row in queries.list_domains(request.workspace.id)]
    context = {
        "domains": domains,
        "form": form,
        "connection": connection,
        "ours": _ours(connection) if connection else [],
        "has_proven": any(row["is_proven"] for row in domains),
        "unbind_form": forms.UnbindForm(),
    }
    return render(request, "sso/overview.html", context, status=status)


def _domain_row(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "domain": row.domain,
        "is_proven": row.verified_at is not None,
        "verified_at": row.verified_at,
        "checked_at": row.checked_at,
        "record_name": dns.challenge_name(row.domain),
        "record_text": dns.proof_record(services.PROOF_KIND, row.proof),
        "name_title": f"Name of the record for {row.domain}",
        "text_title": f"Text of the record for {row.domain}",
        "dialog_id": f"remove-{row.id}",
        "question": f"Remove {row.domain}?",
    }


def _ours(connection: Connection) -> list[dict[str, str]]:
    """What the provider asks of us."""
    if connection.kind == Connection.Kind.OIDC:
        return [{"title": "Redirect URI", "text": redirect_uri(connection.id)}]
    return [
        {"title": "ACS URL", "text": saml.acs_url(connection.id)},
        {"title": "Entity ID and metadata", "text": saml.entity_id(connection.id)},
    ]


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@require_POST
def domain_add(request: MemberRequest) -> HttpResponse:
    form = forms.DomainForm(request.POST)
    if not form.is_valid():
        return _overview(request, form, status=422)
    try:
        row = services.add_domain(member=request.member, name=form.cleaned_data["domain"])
    except errors.DomainError as error:
        form.add_error("domain", error.message)
        return _overview(request, form, status=error.status)
    messages.success(request, f"{row.domain} is in the list. Publish its TXT record, then check.")
    return redirect(page_url(request, "sso"))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@require_POST
def domain_check(request: MemberRequest, domain_id: UUID) -> HttpResponse:
    try:
        row = services.check_domain(member=request.member, domain_id=domain_id)
    except services.DomainNotProven as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, f"{row.domain} is proven.")
    return redirect(page_url(request, "sso"))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@require_POST
def domain_remove(request: MemberRequest, domain_id: UUID) -> HttpResponse:
    name = services.remove_domain(member=request.member, domain_id=domain_id)
    messages.success(request, f"{name} is removed.")
    return redirect(page_url(request, "sso"))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@proven_recently
def connection_edit(request: MemberRequest, kind: str) -> HttpResponse:
    connection = queries.get_connection(request.workspace.id)
    same = connection if connection is not None and connection.kind == kind else None
    shape = forms.OidcForm if kind == Connection.Kind.OIDC else forms.SamlForm
    form = shape(request.POST if request.method == "POST" else None, initial=forms.initial_of(same))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                _save(request, kind, form)
            except errors.DomainError as error:
                form.add_error(None, error.message)
                status = error.status
            else:
                return redirect(page_url(request, "sso"))
    context = {
        "form": form,
        "kind": kind,
        "connection": connection,
        "is_other": bool(connection and not same),
    }
    return render(request, "sso/connection_form.html", context, status=status)


def _save(request: MemberRequest, kind: str, form: Any) -> None:
    if kind == Connection.Kind.OIDC:
        issuer = setup.confirmed_issuer(form.cleaned_data["issuer"])
        chosen = {"issuer": issuer, "client_id": form.cleaned_data["client_id"]}
    else:
        chosen = form.provider_settings
    connection = services.save_connection(
        member=request.member,
        kind=kind,
        settings=chosen,
        secret=form.cleaned_data.get("client_secret", ""),
        people=form.people,
    )
    is_draft = connection.state == Connection.State.DRAFT
    messages.success(request, "Saved. Test it next." if is_draft else "Saved.")


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@require_POST
def connection_remove(request: MemberRequest) -> HttpResponse:
    services.remove_connection(member=request.member)
    messages.success(request, "The connection is removed. People sign in as they did before.")
    return redirect(page_url(request, "sso"))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@require_POST
def test(request: MemberRequest) -> HttpResponse:
    connection = queries.access_connection(request.member)
    url = rounds.begin_test(
        request, queries.with_workspace(connection), back=f"{page_url(request, 'sso')}#connection"
    )
    return rounds.leave(request, url)


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@proven_recently
def enforce(request: MemberRequest) -> HttpResponse:
    """What will happen first; then it happens."""
    connection = queries.access_connection(request.member)
    if request.method == "POST":
        services.enforce(member=request.member)
        messages.success(request, "Single sign-on is enforced.")
        return redirect(page_url(request, "sso"))
    context = {
        "connection": connection,
        "consequences": queries.consequences(connection),
        "domains": sorted(queries.proven_domains(request.workspace.id)),
        "has_second_factor": queries.has_second_factor(request.member.user_id),
        "is_ready": connection.state == Connection.State.TESTED,
    }
    return render(request, "sso/enforce.html", context)


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@require_http_methods(["GET", "HEAD", "POST"])
@proven_recently
def enforce_stop(request: MemberRequest) -> HttpResponse:
    connection = queries.access_connection(request.member)
    if request.method != "POST":
        return render(request, "sso/enforce_stop.html", {"connection": connection})
    services.stop_enforcing(member=request.member)
    messages.success(request, "Single sign-on is a choice again.")
    return redirect(page_url(request, "sso"))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@on_main_host
@require_POST
def unbind(request: MemberRequest) -> HttpResponse:
    form = forms.UnbindForm(request.POST)
    if not form.is_valid():
        raise services.NobodyBound()
    services.unbind(member=request.member, email=form.cleaned_data["email"])
    messages.success(request, "Unbound. Who signs in with this address next is bound anew.")
    return redirect(page_url(request, "sso"))

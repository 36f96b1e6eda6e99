"""Pages of who is in one workspace: the list, roles, leaving, handing over."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import queries as accounts_queries
from accounts.links import page_url
from accounts.members import matrix, presenters, queries, rules, services
from accounts.members.forms import RoleForm, TransferForm
from accounts.models import Membership
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import MemberRequest
from accounts.signin.stepup import proven_recently
from config import ports
from tenants import links

PEOPLE_PER_PAGE = 50


@requires(Permission.VIEW)
@never_cache
@require_safe
def member_list(request: MemberRequest) -> HttpResponse:
    member, search = request.member, request.GET.get("q", "").strip()
    paginator = Paginator(queries.list_people(member, search=search), PEOPLE_PER_PAGE)
    page = paginator.get_page(request.GET.get("page"))
    context = {
        "page": page,
        "people": presenters.people(member, page),
        "found": paginator.count,
        "search": search,
    }
    if member.can_manage_members:
        invited = queries.list_invitations(member.workspace_id, search=search)
        context |= {
            "invitations": presenters.invitations(member, invited, now=timezone.now()),
            "seats_taken": accounts_queries.count_seats(member.workspace_id),
            "seats_promised": accounts_queries.count_pending_invitations(member.workspace_id),
            "seats_allowed": ports.seats_allowed(workspace_id=member.workspace_id),
        }
    return render(request, "members/member_list.html", context)


@requires(Permission.VIEW)
@require_safe
def roles(request: MemberRequest) -> HttpResponse:
    context = {"roles": matrix.roles(), "rows": matrix.rows(), "own": request.member.role}
    return render(request, "members/roles.html", context)


@requires(Permission.MEMBERS_MANAGE)
@require_http_methods(["GET", "HEAD", "POST"])
def member_role(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    """Raises NotFound, OwnersOnly, RoleAboveOwn, LastOwner. Making somebody an owner is a way to take a workspace over,
    so it asks for a fresh proof of who does it."""
    other = queries.access_membership(request.member, membership_id)
    rules.require_changeable(request.member.role, other.role)
    form = RoleForm(request.POST or None, own=request.member.role, present=other.role)
    if not form.is_valid():
        status = 422 if form.errors else 200
        context = {"form": form, "person": other.user, "is_self": _is_self(request, other)}
        return render(request, "members/member_role.html", context, status=status)
    if form.cleaned_data["role"] == rules.Role.OWNER != other.role:
        return _make_owner(request, other)
    return _change_role(request, other, form.cleaned_data["role"])


def _is_self(request: MemberRequest, other: Membership) -> bool:
    return other.id == request.member.membership_id


@proven_recently
def _make_owner(request: MemberRequest, other: Membership) -> HttpResponse:
    return _change_role(request, other, rules.Role.OWNER)


def _change_role(request: MemberRequest, other: Membership, role: str) -> HttpResponse:
    changed = services.change_role(member=request.member, membership_id=other.id, role=role)
    messages.success(request, f"{other.user.name} is now {changed.role} here.")
    return redirect(page_url(request, "members"))


@requires(Permission.MEMBERS_MANAGE)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def member_remove(request: MemberRequest, membership_id: UUID) -> HttpResponse:
    """Raises NotFound, OwnersOnly, LastOwner."""
    other = queries.access_membership(request.member, membership_id)
    if _is_self(request, other):
        return redirect(page_url(request, "members-leave"))
    rules.require_changeable(request.member.role, other.role)
    if request.method != "POST":
        return render(request, "members/member_remove.html", {"person": other.user})
    services.remove(member=request.member, membership_id=other.id)
    messages.success(request, f"{other.user.name} is no longer in {request.workspace.name}.")
    return redirect(page_url(request, "members"))


@requires(Permission.VIEW)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: MemberRequest) -> HttpResponse:
    """Raises LastOwner."""
    if request.method != "POST":
        owned = [place.id for place in queries.list_sole_owned(request.user.pk)]
        is_last = request.workspace.id in owned
        return render(request, "members/leave.html", {"is_last_owner": is_last})
    services.leave(member=request.member)
    messages.success(request, f"You have left {request.workspace.name}.")
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return redirect(links.main_url("me", on_own_domain=own))


@requires(Permission.WORKSPACE_OWN)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
@proven_recently
def transfer(request: MemberRequest) -> HttpResponse:
    """Raises NotFound when the person has left meanwhile."""
    colleagues = list(queries.list_colleagues(request.member))
    form = TransferForm(request.POST or None, colleagues=colleagues, chosen=request.GET.get("to", ""))
    if not form.is_valid():
        status = 422 if form.errors else 200
        return render(
            request, "members/transfer.html", {"form": form, "colleagues": colleagues}, status=status
        )
    other = services.transfer_ownership(member=request.member, membership_id=form.membership_id)
    messages.success(request, f"{other.user.name} owns {request.workspace.name} now, and you are an admin.")
    return redirect(page_url(request, "members"))

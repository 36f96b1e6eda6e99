"""Invitations: sent and taken back on a workspace's pages, answered on a public one."""

from uuid import UUID

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.adapter import client_address
from accounts.links import page_url
from accounts.members import inviting, queries, refusals, rules, services
from accounts.members.forms import InviteForm
from accounts.members.inviting import Verdict
from accounts.members.models import State
from accounts.models import Invitation
from accounts.permissions import Permission, open_while_read_only, requires
from accounts.requests import LocatedRequest, MemberRequest
from accounts.signin import brakes
from config import errors
from tenants import links
from tenants.scope import get_ref

WANTED = "invitation_wanted"
"""In the session of somebody who pressed Join before they were signed in: the invitation's id."""


# on a workspace's pages


@requires(Permission.MEMBERS_MANAGE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: MemberRequest) -> HttpResponse:
    """The list is shown back with what became of each entry; what could not be read stays in the form."""
    form = InviteForm(request.POST or None, own=request.member.role)
    if not form.is_valid():
        return _invite_page(request, form, 422 if form.errors else 200)
    try:
        judged = inviting.invite_entries(
            member=request.member, entries=form.cleaned_data["addresses"], role=form.cleaned_data["role"]
        )
    except errors.DomainError as refused:
        # Nothing typed is lost: nobody was invited, and the list is still there.
        return _invite_page(request, form, refused.status, refused=refused)
    left = "\n".join(row.text for row in judged if row.verdict == Verdict.MALFORMED)
    rest = InviteForm(own=request.member.role, typed={"addresses": left, "role": form.cleaned_data["role"]})
    invited = sum(row.verdict == Verdict.INVITED for row in judged)
    return _invite_page(request, rest, 200, judged=judged, invited=invited)


def _invite_page(request: MemberRequest, form: InviteForm, status: int, **context: object) -> HttpResponse:
    return render(request, "members/invite.html", {"form": form, **context}, status=status)


@requires(Permission.MEMBERS_MANAGE)
@require_POST
def resend(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Raises NotFound; what can be mended is said on the list."""
    try:
        invitation = services.resend(member=request.member, invitation_id=invitation_id)
    except (refusals.SentJustNow, refusals.AlreadyMember) as refused:
        messages.warning(request, refused.message)
    else:
        messages.success(request, f"Sent to {invitation.email} again. The former link no longer works.")
    return redirect(page_url(request, "members"))


@requires(Permission.MEMBERS_MANAGE)
@open_while_read_only
@require_http_methods(["GET", "HEAD", "POST"])
def revoke(request: MemberRequest, invitation_id: UUID) -> HttpResponse:
    """Asks on a page of its own where the list's dialog cannot: without scripts. Raises NotFound."""
    invitation = queries.access_invitation(request.member, invitation_id)
    if request.method != "POST":
        return render(request, "members/invitation_revoke.html", {"invitation": invitation})
    services.revoke(member=request.member, invitation_id=invitation.id)
    messages.success(request, f"The invitation to {invitation.email} is taken back.")
    return redirect(page_url(request, "members"))


# the public page


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: LocatedRequest, token: str) -> HttpResponse:
    """Shows who invites to what, and takes the answer. A link that has ended gets a page that says how, and changes
    nothing. Raises TooManyTries."""
    taken = brakes.allow("invitation", account=None, address=client_address(request))
    try:
        found = queries.get_invitation(token)
    except refusals.InvitationUnknown as unknown:
        return _ended(request, unknown)
    # Only links that lead nowhere are counted.
    brakes.give_back(taken)
    state = found.state(timezone.now())
    if state != State.PENDING:
        return _ended(request, refusals.InvitationEnded(state), found)
    if request.method == "POST":
        return _answer(request, found, token)
    if _pressed_join(request, found):
        return _join(request, token)
    return _show(request, found)


def _ended(
    request: LocatedRequest, refused: errors.DomainError, found: Invitation | None = None
) -> HttpResponse:
    is_theirs = found is not None and found.accepted_at is not None and request.user.is_authenticated
    if is_theirs and found is not None and queries.owns_address(request.user, found.email):
        return redirect(links.workspace_url(get_ref(id=found.workspace_id), "dashboard"))
    context = {"title": errors.title_of(refused), "message": refused.message, "code": refused.code}
    return render(request, "members/invitation_ended.html", context, status=refused.status)


def _pressed_join(request: LocatedRequest, found: Invitation) -> bool:
    """Whether this browser chose to join before it signed in. Said once."""
    if not request.user.is_authenticated or request.session.get(WANTED) != str(found.id):
        return False
    del request.session[WANTED]
    return queries.owns_address(request.user, found.email)


def _show(request: LocatedRequest, found: Invitation, status: int = 200) -> HttpResponse:
    is_signed_in = request.user.is_authenticated
    context = {
        "invitation": found,
        "inviter": queries.inviter_names([found]).get(found.invited_by, "A colleague"),
        "role_words": rules.ROLE_WORDS[rules.Role(found.role)],
        "is_for_them": is_signed_in and queries.owns_address(request.user, found.email),
        "has_account": not is_signed_in and queries.has_account(found.email),
        "back": request.path,
    }
    return render(request, "members/invitation.html", context, status=status)


def _answer(request: LocatedRequest, found: Invitation, token: str) -> HttpResponse:
    """The button says what: accept, decline, or, before signing in, sign-in and sign-up."""
    answer = request.POST.get("answer", "")
    if answer == "decline":
        services.decline(user=request.user if request.user.is_authenticated else None, token=token)
        return render(request, "members/invitation_declined.html", {"workspace": found.workspace.name})
    if answer == "accept" and request.user.is_authenticated:
        return _join(request, token)
    if answer in ("sign-in", "sign-up") and not request.user.is_authenticated:
        request.session[WANTED] = str(found.id)
        if answer == "sign-up":
            # The mailed link proves the address: signing up with it needs no second mail.
            get_adapter().stash_verified_email(request, found.email)
        page = "account_signup" if answer == "sign-up" else "account_login"
        return redirect(f"{reverse(page)}?{urlencode({'next': request.path})}")
    return _show(request, found, status=422)


def _join(request: LocatedRequest, token: str) -> HttpResponse:
    """Raises OtherAddress, InvitationEnded, WorkspaceSuspended, SeatsFull, FeatureNotIncluded."""
    membership = services.accept(user=request.user, token=token)
    return _into(request, membership.workspace_id)


def _into(request: HttpRequest, workspace_id: UUID) -> HttpResponse:
    workspace = get_ref(id=workspace_id)
    messages.success(request, f"Welcome to {workspace.name}.")
    return redirect(links.workspace_url(workspace, "dashboard"))


# on a person's own page


@login_required
@require_POST
def own_invitation(request: LocatedRequest, invitation_id: UUID) -> HttpResponse:
    """Raises NotFound for one to an address that is not the person's; otherwise as `_join`."""
    if request.POST.get("answer") == "decline":
        declined = services.decline(user=request.user, invitation_id=invitation_id)
        messages.success(request, f"Declined: {get_ref(id=declined.workspace_id).name}.")
        return redirect("me")
    membership = services.accept(user=request.user, invitation_id=invitation_id)
    return _into(request, membership.workspace_id)

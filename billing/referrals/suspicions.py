"""When an invitation is not one: the same person twice, or people who invite each other round."""

from collections.abc import Iterator
from uuid import UUID

from accounts.models import Membership, PersonReference
from billing.referrals.models import Referral

Reason = Referral.Reason
DOTS_DO_NOT_COUNT = frozenset({"gmail.com", "googlemail.com"})
MOST_LINKS = 1000


def at_sign_up(referral: Referral) -> str:
    """Why it is refused when the person confirms; empty when it is not. Before any workspace of theirs is known."""
    referee = _address(referral.referee_ref)
    for number, ancestor in enumerate(chain(referral.referrer_ref)):
        if ancestor == referral.referee_ref or _is_same(_address(ancestor), referee):
            return Reason.RING if number else Reason.SELF
    if _workspaces(referral.referrer_ref) & _workspaces(referral.referee_ref):
        return Reason.SAME_WORKSPACE
    return Reason.NONE


def at_payment(referral: Referral, *, paying_workspace_id: UUID) -> str:
    """Why it is refused when a workspace of the person has paid; empty when it is not."""
    reason = at_sign_up(referral)
    if reason:
        return reason
    owners = owners_of(paying_workspace_id)
    for number, ancestor in enumerate(chain(referral.referrer_ref)):
        if ancestor in owners or _owned(ancestor) & _owned_by_any(owners):
            return Reason.RING if number else Reason.SAME_WORKSPACE
    return Reason.NONE


def chain(person_ref: UUID) -> Iterator[UUID]:
    """The person, who invited them, who invited those, and so on; refused invitations too. A query for each."""
    seen: set[UUID] = set()
    current: UUID | None = person_ref
    while current is not None and current not in seen and len(seen) < MOST_LINKS:
        yield current
        seen.add(current)
        rows = Referral.objects.filter(referee_ref=current)
        current = rows.values_list("referrer_ref", flat=True).first()


def normalised(address: str) -> str:
    """The mailbox behind an address: what follows a plus, and at Google dots too, do not make another one."""
    name, _, domain = address.lower().strip().rpartition("@")
    name = name.split("+", 1)[0]
    if domain in DOTS_DO_NOT_COUNT:
        name, domain = name.replace(".", ""), "gmail.com"
    return f"{name}@{domain}"


def _is_same(one: str, other: str) -> bool:
    return bool(one) and normalised(one) == normalised(other)


def _address(person_ref: UUID) -> str:
    """Empty for a person who was erased."""
    rows = PersonReference.objects.filter(ref=person_ref)
    return rows.values_list("user__email", flat=True).first() or ""


def _workspaces(person_ref: UUID) -> set[UUID]:
    rows = Membership.objects.filter(user__person_reference__ref=person_ref)
    return set(rows.values_list("workspace_id", flat=True))


def _owned(person_ref: UUID) -> set[UUID]:
    return _owned_by_any({person_ref})


def _owned_by_any(person_refs: set[UUID]) -> set[UUID]:
    rows = Membership.objects.filter(user__person_reference__ref__in=person_refs, role=Membership.Role.OWNER)
    return set(rows.values_list("workspace_id", flat=True))


def owners_of(workspace_id: UUID) -> set[UUID]:
    """References of those who own the workspace."""
    rows = PersonReference.objects.filter(
        user__memberships__workspace_id=workspace_id, user__memberships__role=Membership.Role.OWNER
    )
    return set(rows.values_list("ref", flat=True))

"""Writes to people, memberships and keys."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import api_keys, queries, revocation
from accounts.keys import addresses, bounds
from accounts.mails import services as mails
from accounts.models import ApiKey, Membership, PersonReference, User
from accounts.permissions import MEANINGS, ROLE_PERMISSIONS, Member, permissions_of
from config import errors, ports
from tenants import audit, links, slugs
from tenants import services as tenants_services
from tenants.models import AuditEntry, Workspace
from tenants.webhooks import emission


class UnknownScope(errors.DomainError):
    code = "unknown_scope"
    message = "A scope of this key is unknown, or beyond what your role may do."


class KeyExpiryPassed(errors.DomainError):
    code = "key_expiry_passed"
    message = "This key would have ended before it began: choose a later end."


def person_reference(user: User) -> UUID:
    return person_reference_of(user_id=user.id)


def person_reference_of(*, user_id: UUID) -> UUID:
    """The person's random reference, made at first use."""
    reference, _ = PersonReference.objects.get_or_create(user_id=user_id)
    return reference.ref


def person_actor(user: User) -> audit.Actor:
    return audit.Actor(kind=AuditEntry.ActorKind.PERSON, ref=person_reference(user))


def create_workspace(
    *, owner: User, name: str, slug: str, timezone_name: str = "UTC", is_personal: bool = False
) -> Workspace:
    """A workspace with its schema and its owner, all or nothing. Raises SlugRefused."""
    with transaction.atomic():
        actor = person_actor(owner)
        workspace = tenants_services.create_workspace(
            name=name, slug=slug, actor=actor, timezone_name=timezone_name, is_personal=is_personal
        )
        add_member(workspace_id=workspace.id, user=owner, role=Membership.Role.OWNER, actor=actor)
    return workspace


def ensure_personal_workspace(user: User) -> Workspace:
    """The person's own workspace, made once: two confirmations at the same moment make one."""
    with transaction.atomic():
        User.objects.select_for_update().get(id=user.id)
        # Of their own: somebody may have invited them into theirs.
        existing = Workspace.objects.filter(
            is_personal=True, memberships__user=user, memberships__role=Membership.Role.OWNER
        ).first()
        if existing is not None:
            return existing
        slug = slugs.free_slug(user.email.split("@", 1)[0])
        workspace = create_workspace(
            owner=user, name=f"{user.name.title()}’s workspace", slug=slug, is_personal=True
        )
        url = links.absolute_workspace_url(queries.ref_of(workspace), "dashboard")
        context = {"name": user.name, "url": url}
        mails.send_once(f"welcome:{user.id}", kind="welcome", to=[user.email], context=context)
        return workspace


def add_member(*, workspace_id: UUID, user: User, role: str, actor: audit.Actor) -> Membership:
    with transaction.atomic():
        ports.seat_wanted(workspace_id=workspace_id, seats=1)
        membership = enrol(workspace_id=workspace_id, user=user, role=role)
        audit.record(
            "member.added",
            actor=actor,
            workspace_id=workspace_id,
            target=("membership", membership.id),
            person=person_reference(user),
            role=str(role),
        )
    return membership


def enrol(*, workspace_id: UUID, user: User, role: str) -> Membership:
    """A membership and nothing else: in the transaction of whoever has found its seat and writes the audit entry."""
    person_reference(user)
    membership = Membership.objects.create(workspace_id=workspace_id, user=user, role=role)
    ports.seats_changed(workspace_id=workspace_id, by=1)
    emission.emit(
        "member.added",
        workspace_id=workspace_id,
        membership_id=membership.id,
        user_id=user.id,
        role=str(role),
    )
    return membership


def remove_member(
    *, membership_id: UUID, workspace_id: UUID, actor: audit.Actor, action: str = "member.removed"
) -> None:
    """The membership, its keys and its open streams end; running answers of the person here are stopped.

    It does not ask whether an owner is left: `members.services` does. `action`: how the audit log calls it.
    """
    with transaction.atomic():
        membership = Membership.objects.select_for_update().get(id=membership_id, workspace_id=workspace_id)
        user_id = membership.user_id
        audit.record(
            action,
            actor=actor,
            workspace_id=workspace_id,
            target=("membership", membership_id),
            before={"role": membership.role},
            person=person_reference(membership.user),
        )
        membership.delete()
        emission.emit(
            "member.removed",
            workspace_id=workspace_id,
            membership_id=membership_id,
            user_id=user_id,
            role=membership.role,
        )
        ports.seats_changed(workspace_id=workspace_id, by=-1)
        revocation.announce_on_commit("membership", str(membership_id))
        transaction.on_commit(lambda: ports.membership_ended(workspace_id=workspace_id, user_id=user_id))


def create_api_key(
    *,
    member: Member,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    actor: audit.Actor | None = None,
    limits: Sequence[dict[str, Any]] = (),
    allowed: Sequence[str] = (),
) -> tuple[ApiKey, str]:
    """Returns the row and the key's text, which is shown once and never stored.

    `limits`: each {meter, window, amount}. `allowed`: addresses and networks; none: from everywhere. `actor`: when it
    is not the member who makes it. Raises UnknownScope, AddressesRefused, KeyExpiryPassed, BeyondOwnKey, and what the
    port `key_limits_set` refuses.
    """
    reach = bounds.Reach(_grantable(member, scopes), addresses.networks(allowed), expires_at)
    refuse_past(expires_at)
    bounds.check(member, reach)
    new = api_keys.generate()
    with transaction.atomic():
        key = ApiKey.objects.create(
            membership_id=member.membership_id, name=name, environment=new.environment, prefix=new.prefix,
            key_hash=new.key_hash, scopes=reach.scopes, addresses=reach.addresses, expires_at=expires_at,
        )  # fmt: skip
        audit.record(
            "api_key.created",
            actor=actor or member.actor,
            workspace_id=member.workspace_id,
            target=("api_key", key.id),
            scopes=reach.scopes,
        )
        _set_limits(member, key, limits)
    return key, new.text


def refuse_past(expires_at: datetime | None) -> None:
    """Raises KeyExpiryPassed."""
    if expires_at is not None and expires_at <= timezone.now():
        raise KeyExpiryPassed()


def _set_limits(member: Member, key: ApiKey, limits: Sequence[dict[str, Any]]) -> None:
    wanted = ports.KeyLimits(member.workspace_id, key.id, limits, made_by_key_id=member.api_key_id)
    ports.key_limits_set(wanted=wanted, actor=member.actor)


def _grantable(member: Member, scopes: Iterable[str]) -> list[str]:
    """SECURITY: nobody gives what they do not have, not even as a part of a scope."""
    wanted = sorted(set(scopes))
    has = ROLE_PERMISSIONS[member.role] & member.permissions
    if not all(scope in MEANINGS for scope in wanted) or not permissions_of(wanted) <= has:
        raise UnknownScope()
    return wanted


def revoke_api_key(*, member: Member, key_id: UUID) -> None:
    """Effective at once, on open streams and running answers too. Raises NotFound for a key that is not theirs."""
    # SECURITY: a member revokes their own keys only.
    _revoke(ApiKey.objects.filter(id=key_id, membership_id=member.membership_id), actor=member.actor)


def revoke_anyones_api_key(*, key_id: UUID, actor: audit.Actor) -> None:
    """For staff. Raises NotFound when it is revoked already."""
    _revoke(ApiKey.objects.filter(id=key_id), actor=actor)


def _revoke(found: QuerySet[ApiKey], *, actor: audit.Actor) -> None:
    with transaction.atomic():
        key = (
            found.filter(revoked_at__isnull=True)
            .select_related("membership")
            .select_for_update(of=("self",))
            .first()
        )
        if key is None:
            raise errors.NotFound()
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        audit.record(
            "api_key.revoked",
            actor=actor,
            workspace_id=key.membership.workspace_id,
            target=("api_key", key.id),
        )
        revocation.announce_on_commit("api_key", str(key.id))
        ended = partial(ports.api_key_ended, workspace_id=key.membership.workspace_id, key_id=key.id)
        transaction.on_commit(ended)


def set_sign_in_allowed(*, user_id: UUID, allowed: bool, reason: str, actor: audit.Actor) -> None:
    """Blocks or allows a person. A block ends their open streams and running answers everywhere. For staff."""
    with transaction.atomic():
        User.objects.filter(id=user_id).update(is_active=allowed)
        action = "person.allowed" if allowed else "person.blocked"
        target = ("person", person_reference_of(user_id=user_id))
        audit.record(action, actor=actor, workspace_id=None, target=target, reason=reason)
        if not allowed:
            for membership_id, workspace_id in _places(user_id):
                revocation.announce_on_commit("membership", str(membership_id))
                transaction.on_commit(
                    partial(ports.membership_ended, workspace_id=workspace_id, user_id=user_id)
                )


def _places(user_id: UUID) -> list[tuple[UUID, UUID]]:
    return list(Membership.objects.filter(user_id=user_id).values_list("id", "workspace_id"))


def set_staff_rights(
    *, user: User, is_staff: bool, is_superuser: bool, groups: Iterable[Group], actor: audit.Actor
) -> None:
    """What a person may do on the staff pages. Only a superuser may be let to call this."""
    chosen = list(groups)
    with transaction.atomic():
        User.objects.filter(id=user.id).update(is_staff=is_staff, is_superuser=is_superuser)
        user.groups.set(chosen)
        audit.record(
            "person.staff_rights_set",
            actor=actor,
            workspace_id=None,
            target=("person", person_reference(user)),
            is_staff=is_staff,
            is_superuser=is_superuser,
            groups=sorted(group.name for group in chosen),
        )

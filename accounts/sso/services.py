"""Writes of an owner: mail domains, the connection, and whether the workspace asks for it."""

import secrets
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import revocation
from accounts.models import User
from accounts.permissions import Member
from accounts.sso import domains, queries, sealing
from accounts.sso.models import Connection, Identity, MailDomain
from config import errors
from tenants import audit, dns
from tenants.models import Workspace

PROOF_KIND = "sso"
MOST_DOMAINS = 20
State = Connection.State


class DomainMalformed(errors.DomainError):
    code = "sso_domain_malformed"
    status = 422
    message = (
        "This is no mail domain. Type what stands after the @ of your addresses, for example example.com."
    )


class DomainTaken(errors.DomainError):
    code = "sso_domain_taken"
    status = 409
    message = "This domain is proven by another workspace. Who runs it can remove it there."


class DomainClaimed(errors.DomainError):
    code = "sso_domain_claimed"
    status = 409
    message = "This domain is in the list already."


class TooManyDomains(errors.DomainError):
    code = "sso_too_many_domains"
    status = 409
    message = f"A workspace holds at most {MOST_DOMAINS} mail domains."


class DomainNotProven(errors.DomainError):
    code = "sso_domain_not_proven"
    status = 409
    message = "The TXT record is not there yet. It can take an hour until a new record is seen everywhere."


class EnforcedNow(errors.DomainError):
    code = "sso_enforced"
    status = 409
    message = "Single sign-on is enforced. Stop enforcing it before you change how it works."


class SecretMissing(errors.DomainError):
    code = "sso_secret_missing"
    status = 422
    message = "Enter the client secret: what is kept belongs to another client or issuer."


class NotTested(errors.DomainError):
    code = "sso_not_tested"
    status = 409
    message = "Prove a mail domain and test the connection before you enforce it."


class NoWayBack(errors.DomainError):
    code = "sso_no_way_back"
    status = 409
    message = "Set up a second factor first: it is your way in when the identity provider fails."


class NobodyBound(errors.DomainError):
    code = "sso_nobody_bound"
    status = 404
    message = "Nobody with this address is bound to an identity here."


def add_domain(*, member: Member, name: str) -> MailDomain:
    """Claimed, not proven. Raises DomainMalformed, DomainTaken, DomainClaimed or TooManyDomains."""
    try:
        domain = domains.normalised(name)
    except ValueError as error:
        raise DomainMalformed() from error
    with transaction.atomic():
        _lock(member)
        mine = MailDomain.objects.filter(workspace_id=member.workspace_id)
        if mine.filter(domain=domain).exists():
            raise DomainClaimed()
        if MailDomain.objects.filter(domain=domain, verified_at__isnull=False).exists():
            raise DomainTaken()
        if mine.count() >= MOST_DOMAINS:
            raise TooManyDomains()
        row = MailDomain.objects.create(
            workspace_id=member.workspace_id, domain=domain, proof=secrets.token_hex(20)
        )
        _record("sso.domain_added", member, ("mail_domain", row.id), domain=domain)
    return row


def check_domain(*, member: Member, domain_id: UUID) -> MailDomain:
    """Asks DNS outside any transaction. Raises DomainNotProven, DomainTaken, NotFound or DnsUnavailable."""
    row = queries.access_domain(member, domain_id)
    is_proven = row.verified_at is not None or dns.is_proven(row.domain, kind=PROOF_KIND, secret=row.proof)
    try:
        with transaction.atomic():
            row = MailDomain.objects.select_for_update().get(id=row.id)
            row.checked_at = timezone.now()
            if is_proven and row.verified_at is None:
                row.verified_at = row.checked_at
            row.save(update_fields=["checked_at", "verified_at"])
            _record(
                "sso.domain_checked",
                member,
                ("mail_domain", row.id),
                domain=row.domain,
                proven=row.verified_at is not None,
            )
    except MailDomain.DoesNotExist as error:
        raise errors.NotFound() from error
    except IntegrityError as error:
        raise DomainTaken() from error
    if row.verified_at is None:
        raise DomainNotProven()
    return row


def remove_domain(*, member: Member, domain_id: UUID) -> str:
    """Returns its name. Raises NotFound, or EnforcedNow for the last proven one of an enforced workspace."""
    with transaction.atomic():
        _lock(member)
        row = queries.access_domain(member, domain_id)
        connection = queries.get_connection(member.workspace_id)
        left = queries.proven_domains(member.workspace_id) - {row.domain}
        if connection is not None and connection.state == State.ENFORCED and not left:
            raise EnforcedNow()
        row.delete()
        _record("sso.domain_removed", member, ("mail_domain", domain_id), domain=row.domain)
    return row.domain


def save_connection(
    *, member: Member, kind: str, settings: Mapping[str, Any], secret: str, people: Mapping[str, Any]
) -> Connection:
    """`secret`: empty keeps the one that is there. `people`: provisions, default_role, admits_guests.

    Another provider or another client begins as a draft; another issuer also forgets who is who.
    Raises EnforcedNow and SecretMissing.
    """
    with transaction.atomic():
        _lock(member)
        found = queries.get_connection(member.workspace_id)
        row = found or Connection(workspace_id=member.workspace_id, changed_at=timezone.now())
        before = _audited(found) if found else None
        is_other = found is None or bool(secret) or (row.kind, row.settings) != (kind, dict(settings))
        if is_other:
            _set_provider(row, kind=kind, settings=settings, secret=secret)
        for name, value in people.items():
            setattr(row, name, value)
        row.save()
        if row.state == State.ENFORCED and before and not row.admits_guests and before["admits_guests"]:
            _end_streams(row)
        _record(
            "sso.connection_saved",
            member,
            ("sso_connection", row.id),
            before=before,
            after=_audited(row),
            secret_replaced=bool(secret),
        )
    return row


def _set_provider(row: Connection, *, kind: str, settings: Mapping[str, Any], secret: str) -> None:
    if row.state == State.ENFORCED:
        raise EnforcedNow()
    former = (row.kind, row.issuer, row.settings.get("client_id")) if row.settings else None
    row.kind, row.settings = kind, dict(settings)
    is_same_client = former == (kind, row.issuer, settings.get("client_id"))
    # SECURITY: a kept secret would be sent to whatever issuer is typed.
    if kind == Connection.Kind.OIDC and not secret and not (is_same_client and row.sealed_secret):
        raise SecretMissing()
    if secret or kind != Connection.Kind.OIDC:
        row.sealed_secret = sealing.seal(row.id, secret) if secret else None
    if former and former[:2] != (kind, row.issuer):
        Identity.objects.filter(connection_id=row.id).delete()
    row.state, row.tested_at, row.changed_at = State.DRAFT, None, timezone.now()


def remove_connection(*, member: Member) -> None:
    """With it goes who is who. Raises NotFound and EnforcedNow."""
    with transaction.atomic():
        _lock(member)
        connection = queries.access_connection(member)
        if connection.state == State.ENFORCED:
            raise EnforcedNow()
        _record(
            "sso.connection_removed",
            member,
            ("sso_connection", connection.id),
            before=_audited(connection),
        )
        connection.delete()


def enforce(*, member: Member) -> Connection:
    """From now on the workspace asks for it. Raises NotFound, NotTested and NoWayBack."""
    with transaction.atomic():
        _lock(member)
        connection = queries.access_connection(member)
        if connection.state != State.TESTED or not queries.proven_domains(member.workspace_id):
            raise NotTested()
        if not queries.has_second_factor(member.user_id):
            raise NoWayBack()
        connection.state, connection.enforced_at = State.ENFORCED, timezone.now()
        connection.save(update_fields=["state", "enforced_at"])
        Workspace.objects.filter(id=member.workspace_id).update(requires_single_sign_on=True)
        _end_streams(connection)
        _record("sso.enforced", member, ("sso_connection", connection.id))
    return connection


def stop_enforcing(*, member: Member) -> Connection:
    """It stays a way to sign in. Raises NotFound; nothing happens when it is not enforced."""
    with transaction.atomic():
        _lock(member)
        connection = queries.access_connection(member)
        if connection.state != State.ENFORCED:
            return connection
        connection.state, connection.enforced_at = State.TESTED, None
        connection.save(update_fields=["state", "enforced_at"])
        Workspace.objects.filter(id=member.workspace_id).update(requires_single_sign_on=False)
        _record("sso.enforcing_stopped", member, ("sso_connection", connection.id))
    return connection


def unbind(*, member: Member, email: str) -> None:
    """Who signs in with this address next is bound anew, whoever that is at the provider. Raises NobodyBound."""
    with transaction.atomic():
        _lock(member)
        user = User.objects.filter(
            email__iexact=email, sso_identities__connection__workspace_id=member.workspace_id
        ).first()
        if user is None:
            raise NobodyBound()
        Identity.objects.filter(user=user, connection__workspace_id=member.workspace_id).delete()
        connection = queries.access_connection(member)
        _record("sso.identity_unbound", member, ("sso_connection", connection.id))


def _end_streams(connection: Connection) -> None:
    """Requests meet the gate; what is open already ends. Who may stay connects again at once."""
    for membership_id in queries.consequences(connection).membership_ids:
        revocation.announce_on_commit("membership", str(membership_id))


def _lock(member: Member) -> None:
    """One change of a workspace's sign-on at a time; arrivals take the same lock."""
    Workspace.objects.select_for_update(no_key=True).get(id=member.workspace_id)


def _audited(connection: Connection) -> dict[str, Any]:
    return {
        "kind": connection.kind,
        "issuer": connection.issuer,
        "client_id": connection.settings.get("client_id", ""),
        "state": connection.state,
        "default_role": connection.default_role,
        "provisions": connection.provisions,
        "admits_guests": connection.admits_guests,
    }


def _record(action: str, member: Member, target: tuple[str, UUID], **fields: Any) -> None:
    audit.record(action, actor=member.actor, workspace_id=member.workspace_id, target=target, **fields)

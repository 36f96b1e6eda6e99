"""A workspace's own domains: claimed, proven by a TXT record, served, and looked after (docs/own-domain.md)."""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from config import errors, ports
from tenants import audit, dns, links
from tenants.domains import names, queries
from tenants.models import Domain, Workspace

KIND = "domain"
MOST_DOMAINS = 5
SECRET_BYTES = 16
GRACE = timedelta(days=7)
"""So long a domain without its proof is still served."""


class DomainTaken(errors.Conflict):
    code = "domain_taken"
    message = (
        "Another workspace is served under this name, and its record is still published. "
        "Remove that record first, then check again."
    )


class DomainKnown(errors.Conflict):
    code = "domain_known"
    message = "This name is in the list already."


class TooManyDomains(errors.Conflict):
    code = "domains_spent"
    message = f"A workspace has {MOST_DOMAINS} names at most. Remove one first."


class ProofMissing(errors.DomainError):
    code = "proof_missing"
    status = 422
    message = (
        "The record is not there yet. New records are usually seen within minutes, sometimes after an hour; "
        "a record that was changed may take as long as its former lifetime."
    )


class DomainUnproven(errors.DomainError):
    code = "domain_unproven"
    status = 422
    message = "Only a proven name can be used for links."


def add_domain(*, workspace_id: UUID, typed: str, actor: audit.Actor) -> Domain:
    """Claims a name, which hinders nobody else until it is proven.

    Raises DomainRefused, DomainKnown, TooManyDomains.
    """
    name = names.normalize(typed)
    with transaction.atomic():
        Workspace.objects.select_for_update().get(id=workspace_id)
        claims = set(Domain.objects.filter(tenant_id=workspace_id).values_list("domain", flat=True))
        if name in claims:
            raise DomainKnown()
        if len(claims) >= MOST_DOMAINS:
            raise TooManyDomains()
        proof = secrets.token_hex(SECRET_BYTES)
        domain = Domain.objects.create(domain=name, tenant_id=workspace_id, proof=proof)
        _record("domain.added", domain, actor)
    return domain


def remove_domain(*, workspace_id: UUID, domain_id: int, actor: audit.Actor) -> None:
    """It is not served any more from the next request on. Raises NotFound."""
    with transaction.atomic():
        domain = _lock(domain_id, workspace_id)
        was = {"verified": domain.verified_at is not None, "primary": domain.is_primary}
        _record("domain.removed", domain, actor, before=was)
        domain.delete()
        if domain.is_primary:
            _choose_primary(workspace_id)


def check_domain(*, workspace_id: UUID, domain_id: int, now: datetime, actor: audit.Actor) -> None:
    """Asks for the proof; proven, the name is served. Asks the network outside of any transaction.

    A name that another workspace had goes over when that one's proof is gone. Raises NotFound, ProofMissing,
    DomainTaken, DnsUnavailable.
    """
    domain = queries.access_domain(workspace_id, domain_id)
    if not dns.is_proven(domain.domain, kind=KIND, secret=domain.proof):
        Domain.objects.filter(id=domain_id).update(checked_at=now)
        raise ProofMissing()
    holder = queries.get_served(domain.domain)
    if holder is not None and holder.tenant_id != workspace_id:
        if dns.is_proven(domain.domain, kind=KIND, secret=holder.proof):
            raise DomainTaken()
        withdraw(domain_id=holder.pk, now=now)
    _serve(domain_id, workspace_id, now=now, actor=actor)


def verify_domain(*, domain_id: int, now: datetime, actor: audit.Actor) -> None:
    """For staff, who have seen another proof. Raises NotFound, DomainTaken."""
    _serve(domain_id, None, now=now, actor=actor)


def _serve(domain_id: int, workspace_id: UUID | None, *, now: datetime, actor: audit.Actor) -> None:
    with transaction.atomic():
        domain = _lock(domain_id, workspace_id)
        was_served = domain.verified_at is not None
        others = Domain.objects.filter(tenant_id=domain.tenant_id, is_primary=True).exclude(id=domain_id)
        domain.verified_at, domain.checked_at, domain.lost_at = domain.verified_at or now, now, None
        domain.is_primary = domain.is_primary or not others.exists()
        try:
            with transaction.atomic():
                domain.save(update_fields=["verified_at", "checked_at", "lost_at", "is_primary"])
        except IntegrityError as error:
            raise DomainTaken() from error
        if not was_served:
            _record("domain.verified", domain, actor)


def set_primary(*, workspace_id: UUID, domain_id: int | None, actor: audit.Actor) -> None:
    """Whose name links in mails carry; None: the main host's. Raises NotFound, DomainUnproven."""
    with transaction.atomic():
        Workspace.objects.select_for_update().get(id=workspace_id)
        former = Domain.objects.filter(tenant_id=workspace_id, is_primary=True).first()
        wanted = _lock(domain_id, workspace_id) if domain_id is not None else None
        if wanted is not None and wanted.verified_at is None:
            raise DomainUnproven()
        if (former and former.pk) == (wanted and wanted.pk):
            return
        Domain.objects.filter(tenant_id=workspace_id, is_primary=True).update(is_primary=False)
        if wanted is not None:
            Domain.objects.filter(id=wanted.pk).update(is_primary=True)
        audit.record(
            "domain.primary_set",
            actor=actor,
            workspace_id=workspace_id,
            target=("workspace", workspace_id),
            personal={
                "former_domain": former.domain if former else None,
                "domain": wanted.domain if wanted else None,
            },
            about=workspace_id,
        )


def recheck_domain(*, domain_id: int, now: datetime) -> str:
    """Of a served domain: `kept`, `lost` (owners are told), `found` again, or after GRACE `withdrawn`; else `gone`.

    While the name server cannot be asked nothing is decided. Raises DnsUnavailable.
    """
    domain = Domain.objects.filter(id=domain_id, verified_at__isnull=False).first()
    # Staff verified it by another proof.
    if domain is None or not domain.proof:
        return "gone"
    if dns.is_proven(domain.domain, kind=KIND, secret=domain.proof):
        return _note_found(domain_id, now)
    if domain.lost_at is None:
        return _note_lost(domain_id, now)
    if domain.lost_at > now - GRACE:
        Domain.objects.filter(id=domain_id).update(checked_at=now)
        return "kept"
    return withdraw(domain_id=domain_id, now=now)


def _note_found(domain_id: int, now: datetime) -> str:
    with transaction.atomic():
        domain = _lock_served(domain_id)
        if domain is None:
            return "gone"
        was_lost = domain.lost_at is not None
        Domain.objects.filter(id=domain_id).update(checked_at=now, lost_at=None)
        if not was_lost:
            return "kept"
        _record("domain.proof_found", domain, audit.SYSTEM)
    return "found"


def _note_lost(domain_id: int, now: datetime) -> str:
    with transaction.atomic():
        domain = _lock_served(domain_id)
        if domain is None:
            return "gone"
        Domain.objects.filter(id=domain_id).update(checked_at=now, lost_at=now)
        _record("domain.proof_lost", domain, audit.SYSTEM)
        context = {
            "domain": domain.domain,
            "record_name": dns.challenge_name(domain.domain),
            "record_text": dns.proof_record(KIND, domain.proof),
            "until": f"{now + GRACE:%-d %B %Y}",
            "url": _settings_url(domain),
        }
        ports.owners_told(
            workspace_id=domain.tenant_id,
            key=f"domain_lost:{domain_id}:{now:%Y-%m-%dT%H:%M}",
            kind="domain_lost",
            context=context,
        )
    return "lost"


def withdraw(*, domain_id: int, now: datetime) -> str:
    """A name whose proof is gone is not served any more; its claim stays. Owners are told."""
    with transaction.atomic():
        domain = _lock_served(domain_id)
        if domain is None:
            return "gone"
        changes = {"verified_at": None, "is_primary": False, "lost_at": None, "checked_at": now}
        Domain.objects.filter(id=domain_id).update(**changes)
        _record("domain.withdrawn", domain, audit.SYSTEM)
        if domain.is_primary:
            _choose_primary(domain.tenant_id)
        ports.owners_told(
            workspace_id=domain.tenant_id,
            key=f"domain_withdrawn:{domain_id}:{now:%Y-%m-%dT%H:%M}",
            kind="domain_withdrawn",
            context={"domain": domain.domain, "url": _settings_url(domain)},
        )
    return "withdrawn"


def _choose_primary(workspace_id: UUID) -> None:
    """The one that was proven first, if any is left."""
    rows = Domain.objects.filter(tenant_id=workspace_id, verified_at__isnull=False)
    following = rows.order_by("verified_at", "id").first()
    if following is not None:
        Domain.objects.filter(id=following.pk).update(is_primary=True)


def _settings_url(domain: Domain) -> str:
    return links.main_workspace_url(queries.get_workspace(domain), "settings-domain")


def _record(action: str, domain: Domain, actor: audit.Actor, **data: Any) -> None:
    """Its name is sealed under the workspace's own key, which goes when it is erased."""
    audit.record(
        action,
        actor=actor,
        workspace_id=domain.tenant_id,
        target=("domain", domain.pk),
        personal={"domain": domain.domain},
        about=domain.tenant_id,
        **data,
    )


def _lock(domain_id: int, workspace_id: UUID | None) -> Domain:
    found = Domain.objects.select_for_update().filter(id=domain_id)
    # SECURITY: a workspace changes its own domains only. None: staff.
    domain = (found if workspace_id is None else found.filter(tenant_id=workspace_id)).first()
    if domain is None:
        raise errors.NotFound()
    return domain


def _lock_served(domain_id: int) -> Domain | None:
    return Domain.objects.select_for_update().filter(id=domain_id, verified_at__isnull=False).first()

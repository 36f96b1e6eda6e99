"""Accepting the legal pages."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from accounts import services as accounts_services
from accounts.legal import documents
from accounts.legal.models import Consent
from accounts.models import User
from config import errors
from tenants import audit, sealing


class VersionsChanged(errors.DomainError):
    code = "versions_changed"
    status = 409
    message = "The documents were changed meanwhile. Read them again, please."


def accept(*, user_id: UUID, versions: Mapping[str, str], address: str = "") -> None:
    """Records what the person saw and accepted. Accepting the same again changes nothing.

    `address`: from where; it is sealed under the person's key. Raises VersionsChanged when `versions` are not those
    that are in force.
    """
    if dict(versions) != documents.current():
        raise VersionsChanged()
    with transaction.atomic():
        user = User.objects.select_for_update().get(id=user_id)
        if user.accepted == dict(versions):
            return
        before, ref = dict(user.accepted), accounts_services.person_reference(user)
        sealed = sealing.seal(ref, {"address": address}) if address else ""
        for document, version in versions.items():
            fields = {"document": document, "version": version}
            Consent.objects.get_or_create(user=user, **fields, defaults={"sealed": sealed})
        user.accepted = dict(versions)
        user.save(update_fields=["accepted"])
        audit.record(
            "consent.given",
            actor=accounts_services.person_actor(user),
            workspace_id=None,
            target=("person", ref),
            before=before,
            after=dict(versions),
        )

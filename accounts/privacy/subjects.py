"""Whom the registry of personal data is asked about."""

from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress

from accounts.models import PersonReference, User
from config.personal import Subject


def of(user: User) -> Subject:
    """Two queries."""
    known = EmailAddress.objects.filter(user_id=user.id).values_list("email", flat=True)
    addresses = {user.email.lower(), *(email.lower() for email in known)}
    ref = PersonReference.objects.filter(user_id=user.id).values_list("ref", flat=True).first()
    names = (user.display_name,) if user.display_name.strip() else ()
    return Subject(user.id, ref, tuple(sorted(addresses)), names)


def dump(subject: Subject) -> dict[str, Any]:
    """As JSON, for a job that goes on when the rows it was made from are gone."""
    return {
        "user_id": str(subject.user_id),
        "ref": str(subject.ref) if subject.ref else None,
        "addresses": list(subject.addresses),
        "names": list(subject.names),
    }


def load(kept: dict[str, Any]) -> Subject:
    ref = UUID(kept["ref"]) if kept["ref"] else None
    return Subject(UUID(kept["user_id"]), ref, tuple(kept["addresses"]), tuple(kept["names"]))

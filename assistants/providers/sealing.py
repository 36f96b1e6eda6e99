"""Keys of workspaces' own providers at rest, each bound to its workspace, its provider and this field."""

from uuid import UUID

from cryptography.exceptions import InvalidTag

from assistants.models import Provider
from config import errors, sealing

PURPOSE = b"steward provider keys 1"
FIELD = b"key_sealed"
NO_KEY = "none"
"""Sent to servers that need no key: the protocol's clients want some text."""


class KeyUnreadable(errors.DomainError):
    code = "provider_key_unreadable"
    status = 503
    message = "The key of this provider cannot be opened: an administrator must enter it again."


def seal(workspace_id: UUID, provider_id: UUID, key: str) -> bytes:
    return sealing.seal(key.encode(), purpose=PURPOSE, bound_to=_bound(workspace_id, provider_id))


def key_of(provider: Provider, workspace_id: UUID) -> str:
    """Raises KeyUnreadable."""
    if provider.key_sealed is None:
        return NO_KEY
    try:
        bound_to = _bound(workspace_id, provider.id)
        return sealing.unseal(bytes(provider.key_sealed), purpose=PURPOSE, bound_to=bound_to).decode()
    except InvalidTag as error:
        raise KeyUnreadable() from error


def is_fresh(provider: Provider, workspace_id: UUID) -> bool:
    """Whether the present SECRET_KEY sealed it."""
    if provider.key_sealed is None:
        return True
    bound_to = _bound(workspace_id, provider.id)
    return sealing.is_fresh(bytes(provider.key_sealed), purpose=PURPOSE, bound_to=bound_to)


def _bound(workspace_id: UUID, provider_id: UUID) -> bytes:
    return workspace_id.bytes + provider_id.bytes + FIELD

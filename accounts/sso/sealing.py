"""Client secrets of connections at rest, each bound to its connection (config/sealing.py)."""

from uuid import UUID

from cryptography.exceptions import InvalidTag

from config import errors, sealing

PURPOSE = b"steward single sign-on 1"


class SecretUnreadable(errors.DomainError):
    code = "sso_secret_unreadable"
    status = 503
    message = "The secret of this connection cannot be opened: an owner must enter it again."


def seal(connection_id: UUID, text: str) -> bytes:
    return sealing.seal(text.encode(), purpose=PURPOSE, bound_to=connection_id.bytes)


def unseal(connection_id: UUID, sealed: bytes) -> str:
    """Raises SecretUnreadable."""
    try:
        return sealing.unseal(sealed, purpose=PURPOSE, bound_to=connection_id.bytes).decode()
    except InvalidTag as error:
        raise SecretUnreadable() from error

"""What a provider said of somebody, after all checks of its protocol."""

import hashlib
from dataclasses import dataclass

from config import errors


class AssertionRefused(errors.DomainError):
    """What came from the provider does not hold. `reason` is a word for the audit log, never the provider's text."""

    code = "sso_assertion_refused"
    status = 403
    message = "What your identity provider sent could not be accepted. Nothing was changed."

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or self.message, data={"reason": reason})
        self.reason = reason


@dataclass(frozen=True)
class Assertion:
    issuer: str
    subject: str
    email: str
    name: str = ""

    @property
    def uid(self) -> str:
        """Of issuer and subject: the same subject of another issuer is somebody else."""
        return hashlib.sha256(f"{self.issuer}\0{self.subject}".encode()).hexdigest()

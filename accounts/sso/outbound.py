"""Calls to identity providers: config/outbound.py, with what the operator allows."""

from django.conf import settings

from config import outbound
from config.outbound import CallFailed, CallRefused

__all__ = ["CallFailed", "CallRefused", "GuardedSession", "check_address"]


def check_address(url: str) -> None:
    """Raises CallRefused."""
    outbound.check_address(url, allows_private=settings.SSO_ALLOW_PRIVATE_HOSTS)


class GuardedSession(outbound.GuardedSession):
    def __init__(self) -> None:
        super().__init__(allows_private=settings.SSO_ALLOW_PRIVATE_HOSTS)

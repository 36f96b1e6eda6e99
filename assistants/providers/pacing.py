"""How often a workspace may have its providers asked for their models: pages and REST together."""

from uuid import UUID

from django.http import HttpRequest

from assistants.providers.refusals import TooManyTests
from config import braking

TESTS = "10/m"
WAIT_S = 60
"""A whole window: who waits so long is let in whenever it began."""


def asked_enough(request: HttpRequest, workspace_id: UUID) -> bool:
    """Counts this one."""
    return bool(braking.wait_s(request, group="provider-test", whose=str(workspace_id), rate=TESTS))


def count(request: HttpRequest, workspace_id: UUID) -> None:
    """Raises TooManyTests."""
    if asked_enough(request, workspace_id):
        raise TooManyTests(data={"retry_after_s": WAIT_S})

"""How often a workspace may have its providers asked for their models: pages and REST together."""

from uuid import UUID

from django.http import HttpRequest
from django_ratelimit.core import is_ratelimited

from assistants.providers.refusals import TooManyTests

TESTS = "10/m"
WAIT_S = 60


def asked_enough(request: HttpRequest, workspace_id: UUID) -> bool:
    """Counts this one."""

    def whose(group: str, request: HttpRequest) -> str:
        return str(workspace_id)

    return bool(is_ratelimited(request, group="provider-test", key=whose, rate=TESTS, increment=True))


def require_not_asked_enough(request: HttpRequest, workspace_id: UUID) -> None:
    """Raises TooManyTests."""
    if asked_enough(request, workspace_id):
        raise TooManyTests(data={"retry_after_s": WAIT_S})

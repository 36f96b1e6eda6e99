from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.requests import MemberRequest
from usage import banners as usage_banners


def banners(request: MemberRequest) -> dict[str, object]:
    """What every page of a workspace has to tell about limits and stops, when it shows it: one query, more where there
    is something."""
    if getattr(request, "workspace", None) is None or getattr(request, "member", None) is None:
        return {}
    return {
        "usage_banners": SimpleLazyObject(
            lambda: usage_banners.list_banners(request.member, request.workspace, now=timezone.now())
        )
    }

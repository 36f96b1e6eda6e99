"""What pages tell about plan and money."""

from django.conf import settings
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accounts.requests import MemberRequest
from billing import banners


def billing(request: MemberRequest) -> dict[str, object]:
    """The notice of payments, and on pages of a workspace its banners: one query, when a page shows them."""
    context: dict[str, object] = {"payments_notice": settings.PAYMENTS_NOTICE}
    if getattr(request, "workspace", None) is not None and getattr(request, "member", None) is not None:
        context["billing_banners"] = SimpleLazyObject(
            lambda: banners.list_banners(request.member, request.workspace, now=timezone.now())
        )
    return context

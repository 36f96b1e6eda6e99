from typing import Any
from urllib.parse import quote

from django import template

from accounts.models import Membership
from tenants import links

register = template.Library()


@register.simple_tag(takes_context=True)
def own_avatar(context: dict[str, Any]) -> str:
    """`{% own_avatar as picture %}`: the address of one's own picture; empty without one. No query."""
    request = context["request"]
    name = getattr(request.user, "avatar", "")
    if not name:
        return ""
    member = getattr(request, "member", None)
    if member is not None:
        return _member_url(request, member.membership_id, name)
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return f"{links.main_url('avatar', on_own_domain=own)}?v={_version(name)}"


@register.simple_tag(takes_context=True)
def member_avatar(context: dict[str, Any], membership: Membership) -> str:
    """`{% member_avatar membership as picture %}`, on a workspace page; the membership has its user."""
    name = membership.user.avatar
    return _member_url(context["request"], membership.id, name) if name else ""


def _member_url(request: Any, membership_id: Any, name: str) -> str:
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    url = links.workspace_url(
        request.workspace, "member-avatar", on_own_domain=own, membership_id=membership_id
    )
    return f"{url}?v={_version(name)}"


def _version(name: str) -> str:
    """Another picture has another address, so that browsers may keep each."""
    return quote(name.rsplit("/", 1)[-1].removesuffix(".png")[:8])

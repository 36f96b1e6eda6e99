"""What leads on from a refusal, where `usage` shows it."""

from typing import Any

from django import template

from billing import offers

register = template.Library()


@register.simple_tag(takes_context=True)
def way_up(context: dict[str, Any]) -> offers.WayUp | None:
    """`{% way_up as up %}` in a refusal: its `code` and `data` are in the context. Four queries, five for a member."""
    request = context.get("request")
    member, workspace = getattr(request, "member", None), getattr(request, "workspace", None)
    if member is None or workspace is None:
        return None
    data = context.get("data") or {}
    refused = offers.Refused(context.get("code", ""), data.get("limits") or (), data.get("feature", ""))
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return offers.way_up(member, workspace, refused, on_own_domain=own)

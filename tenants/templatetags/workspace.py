from typing import Any

from django import template

from tenants import links

register = template.Library()


@register.simple_tag(takes_context=True)
def workspace_url(context: dict[str, Any], name: str, **kwargs: Any) -> str:
    """`{% workspace_url 'conversation' conversation_id=c.id %}`: a page of the request's workspace."""
    request = context["request"]
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return links.workspace_url(request.workspace, name, on_own_domain=own, **kwargs)

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


@register.simple_tag(takes_context=True)
def main_url(context: dict[str, Any], name: str, **kwargs: Any) -> str:
    """`{% main_url 'home' %}`: a page of the main host, from wherever the template is shown."""
    own = getattr(context.get("request"), "urlconf", None) == "config.domain_urls"
    return links.main_url(name, on_own_domain=own, **kwargs)


@register.simple_tag
def domain_url(name: str) -> str:
    """`{% domain_url 'signed-out' %}`: the path of a page that own domains have beside the workspace's."""
    return links.domain_url(name)

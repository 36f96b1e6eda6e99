from typing import Any

from django import template
from django.template.loader import get_template

from accounts.legal import cookies, signup

register = template.Library()


@register.simple_tag(takes_context=True)
def allows(context: dict[str, Any], purpose: str) -> bool:
    """`{% allows 'analytics' as may_count %}`: whether whoever sees this page agreed to it."""
    request = context.get("request")
    return request is not None and cookies.allows(request, purpose)


@register.simple_tag(takes_context=True)
def asks_for_cookies(context: dict[str, Any]) -> bool:
    """Whether the choice is still to be made."""
    request = context.get("request")
    # On a workspace's own host nobody is asked: people sign in, and choose, on the main one.
    is_elsewhere = getattr(request, "urlconf", None) == "config.domain_urls"
    return request is not None and not is_elsewhere and not cookies.is_made(request)


@register.simple_tag(takes_context=True)
def include_if_there(context: template.Context, name: str) -> str:
    """A template that an operator may add; nothing where there is none."""
    try:
        found = get_template(name)
    except template.TemplateDoesNotExist:
        return ""
    return found.render(context.flatten())  # type: ignore[arg-type]  # keys are strings


@register.simple_tag
def accepted_versions() -> str:
    """For the sign-up form: which versions of the legal pages it speaks of."""
    return signup.shown()

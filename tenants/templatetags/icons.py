from functools import cache

from django import template
from django.templatetags.static import static

register = template.Library()


@register.simple_tag
def icon_address(name: str) -> str:
    """Of a symbol of the sprite, whose hashed name is found once: pages have hundreds of icons."""
    return f"{_sprite()}#{name}"


@cache
def _sprite() -> str:
    return static("img/icons.svg")

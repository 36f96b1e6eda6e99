"""What billing's staff pages share."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from billing import money
from config.errors import DomainError
from tenants.scope import WorkspaceNotFound, get_ref


class WorkspaceField(forms.CharField):
    """A workspace by its slug; its value is the id."""

    def __init__(self) -> None:
        super().__init__(label="Workspace", help_text="Its slug.", max_length=60)

    def clean(self, value: Any) -> Any:
        slug = super().clean(value).strip()
        try:
            return get_ref(slug=slug).id
        except WorkspaceNotFound:
            raise forms.ValidationError("There is no such workspace.") from None


def act_on_each(
    page: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    rows: Iterable[Any],
    act: Callable[[Any], object],
    *,
    done: str,
) -> None:
    """Says how many were `done`, and of each of the others why not."""
    count = 0
    for row in rows:
        try:
            act(row)
        except DomainError as error:
            page.message_user(request, f"{row}: {error.message}", level="error")
        else:
            count += 1
    page.message_user(request, f"{count} {done}.")


def amount(minor: int | None, currency: str) -> str:
    return "" if minor is None else money.as_text(minor, currency)


def as_minor(value: Decimal) -> int:
    """Whole cents of an amount with two digits."""
    return int(value.scaleb(2))

"""Passwords of addresses whose domain signs in elsewhere are refused, and owners have an entrance for emergencies."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.signin.forms import LoginForm
from accounts.sso import queries
from accounts.sso.models import Connection

EMERGENCY = "is_emergency"


def refuse_where_enforced(request: HttpRequest | None, email: str) -> None:
    """By the domain alone: the answer is the same for addresses that somebody has and that nobody has.

    Raises ValidationError with a link. Who is signed in proves that it is them, which is no way in.
    """
    if request is None or getattr(request, EMERGENCY, False) or request.user.is_authenticated:
        return
    connection = queries.connection_of_address(email)
    if connection is not None and connection.state == Connection.State.ENFORCED:
        door = reverse("sso-door", kwargs={"connection_id": connection.id})
        words = "{} signs in with single sign-on. <a href='{}'>Go on there</a>."
        raise forms.ValidationError(
            format_html(words, email.rsplit("@", 1)[1].lower(), door), code="sso_required"
        )


class EmergencyForm(LoginForm):
    """For owners of enforced workspaces who have a second factor. Everybody else is told that it does not match."""

    def clean(self) -> Any:
        cleaned = super().clean()
        user = getattr(self, "user", None)
        if user is not None and not _may_enter(user.pk):
            raise get_adapter().validation_error("email_password_mismatch")
        return cleaned


def _may_enter(user_id: Any) -> bool:
    return queries.has_second_factor(user_id) and queries.owns_an_enforced_workspace(user_id)

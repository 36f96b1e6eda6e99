"""allauth's hooks: a verified address gets its workspace; signing in leads there."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from accounts import queries, services
from accounts.requests import LocatedRequest
from config import ports
from tenants import links


def client_address(request: HttpRequest) -> str:
    """Where a request came from, by the trusted proxies' word: what brakes on public forms count by."""
    address: str = get_adapter().get_client_ip(request)
    return address


class AccountAdapter(DefaultAccountAdapter):
    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        # All or nothing: when the workspace cannot be made, the link stays good for another try.
        with transaction.atomic():
            is_first = not queries.has_confirmed_address(email_address.user_id)
            confirmed = super().confirm_email(request, email_address)
            if confirmed:
                services.ensure_personal_workspace(email_address.user)
                if is_first:
                    ports.person_confirmed(user_id=email_address.user_id, request=request)
        return confirmed

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:  # noqa: FBT001, FBT002  allauth's signature
        saved = super().save_user(request, user, form, commit)
        if commit:
            ports.person_signed_up(user_id=saved.pk, request=request)
        return saved

    def get_login_redirect_url(self, request: LocatedRequest) -> str:
        workspace = queries.get_home_workspace(request.user.pk)
        return links.workspace_url(workspace, "dashboard") if workspace else reverse("home")

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        # SECURITY: links in mails come from configuration, never from the Host header.
        return settings.BASE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.BASE_URL + path.replace("UID-KEY", key)

"""allauth's hooks: a verified address gets its workspace; signing in leads there; mails are owed, not sent."""

import ipaddress
from typing import Any
from uuid import uuid4

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from accounts import queries, services
from accounts.mails import services as mails
from accounts.requests import LocatedRequest
from config import ports
from tenants import links

TOLD_OTHERWISE = ("mfa/email/", "account/email/email_confirm")
"""allauth's notices that we do not send: second factors have a mail of their own, a confirmed address a welcome."""


def client_address(request: HttpRequest) -> str:
    """Where a request came from: what the nearest TRUSTED_PROXY_COUNT proxies say, and nothing that stands before it.

    SECURITY: whoever sends X-Forwarded-For only adds to its left end. Raises PermissionDenied where nobody says it.
    """
    count = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    said = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    found = said[-count] if count and len(said) >= count else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ipaddress.ip_address(found.removeprefix("[").split("]")[0]))
    except ValueError as error:
        raise PermissionDenied("nobody says from where this request comes") from error


class AccountAdapter(DefaultAccountAdapter):
    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

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

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        from accounts.sso import passwords  # noqa: PLC0415  which needs models

        super().pre_authenticate(request, **credentials)
        passwords.refuse_where_enforced(request, credentials.get("email", ""))

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:  # noqa: FBT001, FBT002  allauth's signature
        saved = super().save_user(request, user, form, commit)
        if commit:
            ports.person_signed_up(user_id=saved.pk, request=request)
        return saved

    def post_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse:
        if options["signup"] and queries.get_home_workspace(user.pk) is None:
            # Another service has confirmed the address, so no mail of ours did.
            with transaction.atomic():
                services.ensure_personal_workspace(user)
                ports.person_confirmed(user_id=user.pk, request=request)
        return super().post_login(request, user, **options)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        from accounts.signin import records  # noqa: PLC0415  which needs models

        records.sign_in_refused(credentials.get("email", ""))

    def get_login_redirect_url(self, request: LocatedRequest) -> str:
        workspace = queries.get_home_workspace(request.user.pk)
        return links.workspace_url(workspace, "dashboard") if workspace else reverse("home")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("security")

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        # SECURITY: links in mails come from configuration, never from the Host header.
        return settings.BASE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.BASE_URL + path.replace("UID-KEY", key)

    def send_notification_mail(self, template_prefix: str, *args: Any, **options: Any) -> None:
        if not template_prefix.startswith(TOLD_OTHERWISE):
            super().send_notification_mail(template_prefix, *args, **options)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Rendered here, owed with what it tells, and sent by a worker after the commit."""
        site = get_current_site(self.request)
        values = {"request": self.request, "email": email, "current_site": site, **context, **_links(context)}
        message = self.render_mail(template_prefix, email, values)
        owe = getattr(mails, "send_rendered", None)
        if owe is None:
            message.send()
            return
        owe(
            f"{template_prefix}:{uuid4()}",
            to=message.to,
            subject=str(message.subject),
            text=str(message.body),
        )


def _links(context: dict[str, Any]) -> dict[str, str]:
    """SECURITY: allauth makes these from the Host header."""
    made = {"signup_url": settings.BASE_URL + reverse("account_signup")}
    if "signup_url" in context and "password_reset_url" in context:
        made["password_reset_url"] = settings.BASE_URL + reverse("account_reset_password")
    if "code" in context:
        made["sign_in_url"] = (
            f"{settings.BASE_URL}{reverse('sign-in-link')}?{urlencode({'code': context['code']})}"
        )
    return made

"""Signing in by other services: those whose keys the environment has, and nobody else's."""

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.http import HttpRequest

from config import errors, ports


class SocialAdapter(DefaultSocialAccountAdapter):
    def list_providers(self, request: HttpRequest) -> list[Any]:
        """What has a button. Doors of single workspaces have none here."""
        apps = [app for app in self.list_apps(request) if app.provider in settings.SOCIALACCOUNT_PROVIDERS]
        return [app.get_provider(request) for app in apps if not app.pk]

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        """Raises NotFound for a service that is not set up."""
        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist as error:
            raise errors.NotFound() from error

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        saved = super().save_user(request, sociallogin, form)
        if form is None:  # with a form, the account's adapter has told
            ports.person_signed_up(user_id=saved.pk, request=request)
        return saved

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: Any) -> Any:
        user = super().populate_user(request, sociallogin, data)
        user.email = user.email.lower()
        name = data.get("name") or " ".join(filter(None, (data.get("first_name"), data.get("last_name"))))
        user.display_name = (name or "")[:80]
        return user

"""Staff's pages of what people sign in with. Secrets, session keys and tokens are never shown, nothing is changed."""

from allauth.mfa import admin as _factors  # noqa: F401  registers first what is replaced below
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as _connections  # noqa: F401
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.usersessions import admin as _sessions  # noqa: F401
from allauth.usersessions.models import UserSession
from django.contrib import admin

from accounts.signin.models import KnownDevice
from tenants.staff import ReadOnlyAdmin

admin.site.unregister([Authenticator, UserSession, SocialAccount, SocialToken])


@admin.register(KnownDevice)
class KnownDeviceAdmin(ReadOnlyAdmin):
    """From what people signed in: another device is told to them by mail."""

    list_display = ("user", "browser", "system", "first_seen_at")
    list_filter = ("browser", "system")
    search_fields = ("user__email",)
    date_hierarchy = "first_seen_at"
    ordering = ("-first_seen_at",)
    list_select_related = ("user",)


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    """Open sessions. Blocking the person ends what they do here."""

    list_display = fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    search_fields = ("user__email", "=ip")
    date_hierarchy = "created_at"
    ordering = ("-last_seen_at",)
    list_select_related = ("user",)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Second factors: that there is one, never what it is made of."""

    list_display = fields = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__email",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("user",)


@admin.register(SocialAccount)
class SocialAccountAdmin(ReadOnlyAdmin):
    """Accounts at other services that people sign in with."""

    list_display = fields = ("user", "provider", "uid", "date_joined", "last_login")
    list_filter = ("provider",)
    search_fields = ("user__email", "=uid")
    date_hierarchy = "date_joined"
    ordering = ("-date_joined",)
    list_select_related = ("user",)

from typing import Any
from uuid import UUID

from allauth.account import admin as _registered_by_allauth  # noqa: F401  registers first what is replaced below
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import services
from accounts.models import ApiKey, Consent, HostSession, Invitation, Mail, Membership, PersonReference, User
from accounts.privacy import admin as _of_privacy  # noqa: F401  registers its pages
from accounts.signin import admin as _of_signing_in  # noqa: F401  registers its pages
from accounts.sso.models import Connection, Identity, MailDomain
from config import errors
from tenants import support
from tenants.staff import FixedAdmin, ReadOnlyAdmin, ReasonActionForm, staff_actor

# One sign-in for everybody, with its rate limits; a signed-in person who is not staff gets a 403.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = "Steward staff"
admin.site.site_title = "Steward staff"
admin.site.index_title = "The control plane"
admin.site.unregister(EmailAddress)

STAFF_RIGHTS = ("is_staff", "is_superuser", "groups")


@admin.register(User)
class UserAdmin(FixedAdmin):
    """People sign up and set passwords by themselves. Here they are found, blocked and, by superusers, made staff."""

    list_display = (
        "email",
        "display_name",
        "is_active",
        "is_staff",
        "is_superuser",
        "date_joined",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "display_name", "=id")
    date_hierarchy = "date_joined"
    ordering = ("-date_joined",)
    fields = ("id", "email", "display_name", "is_active", *STAFF_RIGHTS, "date_joined", "last_login")
    readonly_fields = ("id", "email", "display_name", "is_active", "date_joined", "last_login")
    filter_horizontal = ("groups",)
    action_form = ReasonActionForm
    actions = ("block", "allow")

    def note_view(self, request: HttpRequest, row: User) -> None:
        """A person is of no one workspace: it stands in the platform's log."""
        seen = ("person", services.person_reference(row))
        support.note_view(workspace_id=None, actor=staff_actor(request), seen=seen)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # SECURITY: Django's `change` permission alone would let staff make themselves superusers.
        return bool(request.user.is_active and request.user.is_superuser)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        rights = {name: form.cleaned_data[name] for name in STAFF_RIGHTS}
        services.set_staff_rights(user=obj, **rights, actor=staff_actor(request))

    @admin.action(description="Block sign-in (give a reason)", permissions=["operate"])
    def block(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_allowed(request, queryset, allowed=False)

    @admin.action(description="Allow sign-in (give a reason)", permissions=["operate"])
    def allow(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._set_allowed(request, queryset, allowed=True)

    def _set_allowed(self, request: HttpRequest, queryset: QuerySet[User], *, allowed: bool) -> None:
        reason = self.reason(request)
        if not reason:
            return
        # SECURITY: who is not a superuser must not lock superusers out.
        chosen = queryset if request.user.is_superuser else queryset.filter(is_superuser=False)
        people = [user for user in chosen.exclude(is_active=allowed) if user.pk != request.user.pk]
        for user in people:
            services.set_sign_in_allowed(
                user_id=user.id, allowed=allowed, reason=reason, actor=staff_actor(request)
            )
        self.message_user(request, f"{'Allowed' if allowed else 'Blocked'}: {len(people)}.")


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """Looked at only: an address marked as verified by hand would open the account of whoever owns it."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    search_fields = ("email", "user__email")
    ordering = ("-id",)


@admin.register(PersonReference)
class PersonReferenceAdmin(ReadOnlyAdmin):
    """Who stands behind a reference in the audit log, the ledger or a hold."""

    list_display = ("ref", "user", "created_at")
    search_fields = ("=ref", "user__email")
    search_help_text = "A reference, or a person's e-mail address"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "user", "role", "created_at")
    list_filter = ("role",)
    search_fields = ("user__email", "workspace__slug", "workspace__name", "=id")
    search_help_text = "A person's e-mail address, or a workspace's slug or name"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = (
        "workspace", "email", "role", "created_at", "expires_at", "sent_count", "accepted_at", "declined_at",
        "revoked_at",
    )  # fmt: skip
    list_filter = (
        "role",
        ("accepted_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("email", "workspace__slug", "workspace__name", "=id")
    search_help_text = "An e-mail address, or a workspace's slug or name"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("workspace",)
    # SECURITY: the fields by name, so that the link's hash is never among them.
    fields = (
        "id", "workspace", "email", "role", "invited_by", "created_at", "expires_at", "sent_count", "last_sent_at",
        "accepted_at", "declined_at", "revoked_at",
    )  # fmt: skip


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = (
        "prefix", "name", "workspace", "user", "created_at", "last_used_at", "expires_at", "revoked_at",
    )  # fmt: skip
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), ("expires_at", admin.EmptyFieldListFilter))
    search_fields = ("prefix", "name", "membership__user__email", "membership__workspace__slug", "=id")
    search_help_text = (
        "The first 8 characters after stw_live_, a name, an e-mail address or a workspace's slug"
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("membership__user", "membership__workspace")
    # SECURITY: the fields by name, so that the key's hash is never among them.
    fields = (
        "id", "environment", "prefix", "name", "workspace", "user", "scopes", "created_at", "rotated_at",
        "former_ends_at", "last_used_at", "expires_at", "revoked_at",
    )  # fmt: skip
    actions = ("revoke",)

    def workspace_id_of(self, row: ApiKey) -> UUID:
        return row.membership.workspace_id

    @admin.display(ordering="membership__workspace__slug")
    def workspace(self, key: ApiKey) -> str:
        return key.membership.workspace.slug

    @admin.display(ordering="membership__user__email")
    def user(self, key: ApiKey) -> str:
        return key.membership.user.email

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        count = 0
        for key_id in queryset.filter(revoked_at__isnull=True).values_list("id", flat=True):
            try:
                services.revoke_anyones_api_key(key_id=key_id, actor=staff_actor(request))
            except errors.NotFound:  # its owner was quicker
                continue
            count += 1
        self.message_user(request, f"{count} revoked.")


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    """What was owed to people by mail, and whether it went out."""

    list_display = ("key", "kind", "writer", "recipients", "created_at", "claimed_at", "sent_at")
    list_filter = ("kind", ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("key", "=workspace_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    # SECURITY: links in a mail sign people in; staff must not read them.
    fields = (
        "key", "kind", "writer", "workspace_id", "recipients", "created_at", "claimed_at", "sent_at",
    )  # fmt: skip


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    """Who accepted which legal page in which version."""

    list_display = ("user", "document", "version", "created_at")
    list_filter = ("document", "version")
    search_fields = ("user__email",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    fields = ("user", "document", "version", "created_at")


@admin.register(MailDomain)
class MailDomainAdmin(ReadOnlyAdmin):
    """Which workspace signs in which domain. A claim that is not proven signs in nobody."""

    list_display = ("domain", "workspace", "verified_at", "checked_at", "created_at")
    list_filter = (("verified_at", admin.EmptyFieldListFilter),)
    search_fields = ("domain", "workspace__slug", "workspace__name")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("workspace",)


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "kind", "state", "tested_at", "enforced_at", "created_at")
    list_filter = ("kind", "state")
    search_fields = ("workspace__slug", "workspace__name", "=id")
    search_help_text = "A workspace’s slug or name, or the id in a sign-in address"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("workspace",)
    # SECURITY: the fields by name, so that the sealed secret is never among them.
    fields = (
        "id", "workspace", "kind", "settings", "state", "provisions", "default_role", "admits_guests", "changed_at",
        "tested_at", "enforced_at", "created_at",
    )  # fmt: skip


@admin.register(Identity)
class IdentityAdmin(ReadOnlyAdmin):
    list_display = ("connection", "user", "created_at")
    search_fields = ("user__email", "connection__workspace__slug")
    search_help_text = "A person’s e-mail address, or a workspace’s slug"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("connection", "user")


@admin.register(HostSession)
class HostSessionAdmin(ReadOnlyAdmin):
    """Who is signed in on which own domain."""

    list_display = ("user", "host", "workspace", "created_at")
    search_fields = ("host", "user__email", "workspace__slug")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("user", "workspace")
    # SECURITY: the keys of sessions are as good as passwords.
    fields = ("user", "host", "workspace", "created_at")

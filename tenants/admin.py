from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config import errors
from tenants.domains import services as domains
from tenants.lifecycle import services as lifecycle
from tenants.models import (
    AuditEntry,
    Domain,
    Erasure,
    FormerSlug,
    ReservedSlug,
    SealingKey,
    WebhookDelivery,
    WebhookEndpoint,
    Workspace,
)
from tenants.staff import ReadOnlyAdmin, ReasonActionForm, RecordAdmin, staff_actor


class DomainInline(admin.TabularInline):
    model = Domain
    fields = ("domain", "is_primary", "verified_at", "created_at")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Workspace)
class WorkspaceAdmin(ReadOnlyAdmin):
    list_display = ("name", "slug", "state", "delete_at", "is_personal", "timezone", "created_at")
    list_filter = ("state", "is_personal")
    search_fields = ("name", "slug", "=id", "=schema_name")
    search_help_text = "A name, a slug, an id or a schema"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    inlines = (DomainInline,)
    action_form = ReasonActionForm
    actions = ("suspend", "resume")

    def workspace_id_of(self, row: Workspace) -> UUID:
        return row.id

    @admin.action(description="Suspend (give a reason)", permissions=["operate"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self._change(request, queryset, lifecycle.suspend, done="Suspended")

    @admin.action(description="Resume (give a reason)", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self._change(request, queryset, lifecycle.resume, done="Resumed")

    def _change(
        self, request: HttpRequest, queryset: QuerySet[Workspace], change: Callable[..., None], *, done: str
    ) -> None:
        """One that is in a state from which this does not lead is left as it is, and said."""
        reason = self.reason(request)
        if not reason:
            return
        changed, left = [], []
        for workspace in queryset:
            try:
                change(workspace_id=workspace.id, reason=reason, actor=staff_actor(request))
            except errors.DomainError:
                left.append(f"{workspace.slug} ({workspace.state})")
            else:
                changed.append(workspace.slug)
        if changed:
            self.message_user(request, f"{done}: {', '.join(changed)}.")
        if left:
            self.message_user(request, f"Left as they are: {', '.join(left)}.", level="warning")


@admin.register(Domain)
class DomainAdmin(ReadOnlyAdmin):
    list_display = ("domain", "tenant", "is_primary", "verified_at", "checked_at", "lost_at", "created_at")
    list_filter = (("verified_at", admin.EmptyFieldListFilter), "is_primary")
    search_fields = ("domain", "tenant__slug")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("mark_verified",)

    def workspace_id_of(self, row: Domain) -> UUID:
        workspace_id: UUID = row.tenant_id
        return workspace_id

    @admin.action(
        description="Mark as verified (you have seen the proof of ownership)", permissions=["operate"]
    )
    def mark_verified(self, request: HttpRequest, queryset: QuerySet[Domain]) -> None:
        unverified = list(queryset.filter(verified_at__isnull=True))
        count = 0
        for domain in unverified:
            try:
                domains.verify_domain(domain_id=domain.pk, now=timezone.now(), actor=staff_actor(request))
            except domains.DomainTaken:
                self.message_user(request, f"{domain} is another workspace’s.", level="error")
                continue
            count += 1
        self.message_user(request, f"{count} verified.")


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin):
    list_display = (
        "created_at",
        "workspace",
        "actor_kind",
        "actor_ref",
        "action",
        "target_type",
        "target_id",
    )
    list_filter = ("actor_kind",)
    id_fields = ("workspace_id", "actor_ref", "target_id")
    text_fields = ("action", "target_type", "request_id")
    search_help_text = "A workspace's slug, an id, an action (workspace.created), or a request id"
    ordering = ("-id",)
    # SECURITY: what is sealed stays so for staff: addresses, browsers and names are the workspace's to read.
    exclude = ("sealed",)


@admin.register(FormerSlug)
class FormerSlugAdmin(ReadOnlyAdmin):
    list_display = ("slug", "workspace", "created_at")
    search_fields = ("slug", "workspace__slug")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_select_related = ("workspace",)


@admin.register(SealingKey)
class SealingKeyAdmin(ReadOnlyAdmin):
    """Of whom the audit log can still tell personal fields."""

    list_display = ("ref", "created_at")
    search_fields = ("=ref",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    # SECURITY: never the key, sealed or not.
    fields = ("ref", "created_at")


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Workspaces that are being erased, or were. Nothing here names them."""

    list_display = ("workspace_id", "begun_at", "finished_at", "done")
    list_filter = (("finished_at", admin.EmptyFieldListFilter),)
    search_fields = ("=workspace_id",)
    date_hierarchy = "begun_at"
    ordering = ("-begun_at",)
    # SECURITY: not whom the last mail goes to.
    fields = ("workspace_id", "schema_name", "begun_at", "finished_at", "done", "erased")


@admin.register(ReservedSlug)
class ReservedSlugAdmin(ReadOnlyAdmin):
    list_display = ("slug_hash", "until")
    ordering = ("-until",)


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    list_display = ("url", "workspace", "state", "disabled_reason", "created_at")
    list_filter = ("state", "disabled_reason")
    search_fields = ("workspace__slug", "=id")
    ordering = ("-created_at",)
    list_select_related = ("workspace",)
    # SECURITY: never the secrets, sealed or not.
    fields = (
        "id", "workspace", "url", "description", "event_types", "state", "disabled_reason", "former_until",
        "lease_until", "created_at",
    )  # fmt: skip


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What is late or failed. What it says is the workspace's to read."""

    list_display = ("message_id", "endpoint", "state", "attempts", "next_attempt_at", "finished_at")
    list_filter = ("state",)
    search_fields = ("endpoint__workspace__slug", "=endpoint__id", "=message__id")
    ordering = ("-id",)
    list_select_related = ("endpoint",)
    fields = ("message_id", "endpoint", "state", "is_alone", "attempts", "next_attempt_at", "finished_at")

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants import services
from tenants.models import AuditEntry, Domain, Workspace
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
    list_display = ("name", "slug", "state", "is_personal", "timezone", "created_at")
    list_filter = ("state", "is_personal")
    search_fields = ("name", "slug", "=id", "=schema_name")
    search_help_text = "A name, a slug, an id or a schema"
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    inlines = (DomainInline,)
    action_form = ReasonActionForm
    actions = ("suspend", "resume")

    @admin.action(description="Suspend (give a reason)", permissions=["operate"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self._set_state(request, queryset, Workspace.State.SUSPENDED)

    @admin.action(description="Resume (give a reason)", permissions=["operate"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Workspace]) -> None:
        self._set_state(request, queryset, Workspace.State.ACTIVE)

    def _set_state(self, request: HttpRequest, queryset: QuerySet[Workspace], state: Workspace.State) -> None:
        reason = self.reason(request)
        if not reason:
            return
        chosen = list(queryset.exclude(state=state))
        for workspace in chosen:
            services.set_state(
                workspace_id=workspace.id, state=state, reason=reason, actor=staff_actor(request)
            )
        names = ", ".join(workspace.slug for workspace in chosen) or "none of them needed it"
        self.message_user(request, f"{state.label}: {names}.")


@admin.register(Domain)
class DomainAdmin(ReadOnlyAdmin):
    list_display = ("domain", "tenant", "is_primary", "verified_at", "created_at")
    list_filter = (("verified_at", admin.EmptyFieldListFilter), "is_primary")
    search_fields = ("domain", "tenant__slug")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    actions = ("mark_verified",)

    @admin.action(
        description="Mark as verified (you have seen the proof of ownership)", permissions=["operate"]
    )
    def mark_verified(self, request: HttpRequest, queryset: QuerySet[Domain]) -> None:
        unverified = list(queryset.filter(verified_at__isnull=True))
        for domain in unverified:
            services.verify_domain(domain_id=domain.pk, actor=staff_actor(request))
        self.message_user(request, f"{len(unverified)} verified.")


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

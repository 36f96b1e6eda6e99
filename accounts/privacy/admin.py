"""Staff see that such jobs run, never what they hold."""

from django.contrib import admin

from accounts.privacy.models import ErasureJob, ExportJob
from tenants.staff import ReadOnlyAdmin


@admin.register(ExportJob)
class ExportJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "state", "progress", "attempt", "size", "created_at", "finished_at", "expires_at")
    list_filter = ("state",)
    search_fields = ("=id",)
    ordering = ("-created_at",)
    fields = (
        "id", "user", "workspace", "state", "progress", "attempt", "lease_expires_at", "size", "created_at",
        "finished_at", "expires_at",
    )  # fmt: skip


@admin.register(ErasureJob)
class ErasureJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "state", "progress", "attempt", "created_at", "finished_at")
    list_filter = ("state",)
    search_fields = ("=id", "=user_id")
    ordering = ("-created_at",)
    # SECURITY: not whom it is about: names and addresses wait there to be forgotten.
    fields = (
        "id",
        "user_id",
        "state",
        "progress",
        "attempt",
        "lease_expires_at",
        "created_at",
        "finished_at",
    )

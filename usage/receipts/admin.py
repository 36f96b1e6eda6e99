"""Staff's pages of receipts and their logs: all of them are only looked at."""

from django.contrib import admin

from tenants.staff import ReadOnlyAdmin, RecordAdmin
from usage.receipts.models import AuditPending, Checkpoint, Log, LogLeaf, LogVerdict, Receipt, SigningKey


@admin.register(Receipt)
class ReceiptAdmin(RecordAdmin):
    list_display = ("created_at", "workspace", "kind", "model", "state", "leaf_index", "numbered_at")
    list_filter = ("state", "kind")
    id_fields = ("id", "workspace_id", "hold_id", "person_ref")
    text_fields = ("model",)
    search_help_text = "A workspace's slug, the id of a receipt, run or person reference, or a model"
    ordering = ("-created_at",)


@admin.register(Log)
class LogAdmin(RecordAdmin):
    list_display = ("created_at", "workspace", "kind", "size", "mailed_size", "signing_key")
    list_filter = ("kind",)
    list_select_related = ("signing_key",)
    ordering = ("-id",)


@admin.register(LogVerdict)
class LogVerdictAdmin(ReadOnlyAdmin):
    list_display = ("began_at", "log", "size")
    list_select_related = ("log",)
    search_fields = ("log__workspace_id",)
    ordering = ("-began_at",)


@admin.register(LogLeaf)
class LogLeafAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "log", "leaf_index", "type", "entry_id")
    list_filter = ("type",)
    list_select_related = ("log",)
    search_fields = ("log__workspace_id",)
    ordering = ("-id",)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "log", "size", "signing_key")
    list_select_related = ("log", "signing_key")
    search_fields = ("log__workspace_id",)
    ordering = ("-id",)


@admin.register(AuditPending)
class AuditPendingAdmin(RecordAdmin):
    list_display = ("entry_id", "workspace")
    date_hierarchy = None
    ordering = ("-entry_id",)


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnlyAdmin):
    """The private part is named nowhere here."""

    list_display = ("id", "created_at", "retired_at", "retired_reason")
    fields = list_display
    ordering = ("-created_at",)

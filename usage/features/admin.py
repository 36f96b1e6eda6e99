"""Staff's page of rights: what each workspace's plan was pushed as."""

from django.contrib import admin

from tenants.staff import RecordAdmin
from usage.features.models import Rights


@admin.register(Rights)
class RightsAdmin(RecordAdmin):
    """Only to look at: rights follow from the plan, and a plan of a workspace's own is given under billing."""

    list_display = (
        "workspace", "plan_name", "seats_allowed", "restricted_reason", "features", "version", "changed_at",
    )  # fmt: skip
    list_filter = ("plan_key", "restricted_reason")
    date_hierarchy = "changed_at"
    ordering = ("-changed_at",)

"""Staff's page of enquiries: closed with a note, or answered by a plan of the workspace's own."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from billing.enquiries import services
from billing.enquiries.models import Enquiry
from billing.staff import act_on_each
from tenants.staff import ReasonActionForm, RecordAdmin, staff_actor


@admin.register(Enquiry)
class EnquiryAdmin(RecordAdmin):
    list_display = (
        "created_at", "state", "name", "company", "email", "seats", "workspace", "plan", "note", "answer",
    )  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("plan",)
    id_fields = ("id", "workspace_id")
    text_fields = ("email", "company", "name")
    search_help_text = "A workspace's slug or id, an e-mail address, a name or a company"
    ordering = ("-created_at",)
    action_form = ReasonActionForm
    actions = ("close",)

    @admin.display(description="answer")
    def answer(self, enquiry: Enquiry) -> str:
        if enquiry.state != Enquiry.State.NEW:
            return ""
        address = f"{reverse('admin:billing_plan_add')}?enquiry={enquiry.id}"
        return format_html('<a href="{}">Make a plan</a>', address)

    @admin.action(description="Close: the reason typed here becomes the note", permissions=["operate"])
    def close(self, request: HttpRequest, queryset: QuerySet[Enquiry]) -> None:
        note, actor = self.reason(request), staff_actor(request)
        if not note:
            return

        def close_one(enquiry: Enquiry) -> None:
            services.close_enquiry(enquiry_id=enquiry.id, note=note, actor=actor)

        act_on_each(self, request, queryset, close_one, done="closed")

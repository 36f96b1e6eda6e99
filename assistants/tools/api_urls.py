from django.urls import path

from assistants.tools import api

CALL = "tool-calls/<uuid:call_id>"
CHOICE = "tool-choices/<uuid:assistant_id>/<slug:tool>"

urlpatterns = [
    path("tools", api.ToolList.as_view(), name="tool-list"),
    path("runs/<uuid:run_id>/tool-calls", api.RunToolCalls.as_view(), name="run-tool-calls"),
    path("tool-calls", api.ToolCallList.as_view(), name="tool-call-list"),
    path(CALL, api.ToolCallDetail.as_view(), name="tool-call-detail"),
    path(f"{CALL}/approve", api.ToolCallApprove.as_view(), name="tool-call-approve"),
    path(f"{CALL}/refuse", api.ToolCallRefuse.as_view(), name="tool-call-refuse"),
    path("tool-choices", api.ToolChoiceList.as_view(), name="tool-choice-list"),
    path(CHOICE, api.ToolChoiceDetail.as_view(), name="tool-choice-detail"),
]

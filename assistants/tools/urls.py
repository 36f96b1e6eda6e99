from django.urls import path

from assistants.tools import views

urlpatterns = [
    path("", views.tool_choices, name="tool-choices"),
    path("choices/<uuid:assistant_id>/forget/", views.tool_choice_forget, name="tool-choice-forget"),
    path("calls/<uuid:call_id>/approve/", views.tool_approve, name="tool-approve"),
    path("calls/<uuid:call_id>/refuse/", views.tool_refuse, name="tool-refuse"),
]

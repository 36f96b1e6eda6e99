from django.urls import path

from assistants.builder import views

urlpatterns = [
    path("", views.assistant_list, name="assistants"),
    path("new/", views.assistant_create, name="assistant-create"),
    path("<uuid:assistant_id>/", views.assistant_edit, name="assistant-edit"),
]

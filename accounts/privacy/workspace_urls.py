"""Under settings/export/ of a workspace."""

from django.urls import path

from accounts.privacy import views

urlpatterns = [
    path("", views.workspace_export, name="settings-export"),
    path("<uuid:export_id>/", views.workspace_export_download, name="settings-export-download"),
]

"""Under /me/privacy/."""

from django.urls import path

from accounts.privacy import views

urlpatterns = [
    path("", views.privacy, name="privacy"),
    path("export/", views.export_request, name="privacy-export"),
    path("export/<uuid:export_id>/", views.export_download, name="privacy-export-download"),
    path("delete/", views.delete, name="privacy-delete"),
    path("deleted/", views.deleted, name="privacy-deleted"),
]

from django.urls import path

from accounts.privacy import api

urlpatterns = [
    path("exports", api.ExportList.as_view(), name="export-list"),
    path("exports/<uuid:export_id>", api.ExportDetail.as_view(), name="export-detail"),
]

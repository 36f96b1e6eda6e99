from django.urls import path

from accounts.auditlog import api

urlpatterns = [
    path("audit", api.AuditList.as_view(), name="audit-list"),
    path("audit/export", api.AuditExport.as_view(), name="audit-export"),
]

from django.urls import path

from accounts.auditlog import views

urlpatterns = [
    path("", views.entry_list, name="audit"),
    path("export/", views.export, name="audit-export"),
    path("<int:entry_id>/", views.entry_detail, name="audit-entry"),
]

from django.urls import path

from accounts.workspaces_ending import views

urlpatterns = [
    path("", views.ending, name="settings-ending"),
    path("archive/", views.archive, name="settings-ending-archive"),
    path("unarchive/", views.unarchive, name="settings-ending-unarchive"),
    path("delete/", views.delete, name="settings-ending-delete"),
    path("undo/", views.undo, name="settings-ending-undo"),
]

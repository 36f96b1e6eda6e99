"""Under /workspaces/: for signed-in people, outside of any workspace."""

from django.urls import path

from accounts.workspaces import views

urlpatterns = [
    path("new/", views.create, name="workspace-create"),
    path("slug/", views.slug, name="workspace-slug"),
]

from django.urls import path

from accounts.workspaces import api

urlpatterns = [
    path("workspaces", api.WorkspaceList.as_view(), name="workspace-list"),
    path("workspaces/<str:workspace_id>", api.WorkspaceDetail.as_view(), name="workspace-detail"),
    path("workspaces/<str:workspace_id>/logo", api.WorkspaceLogo.as_view(), name="workspace-logo"),
]

"""Pages of one workspace, under /w/<slug>/."""

from django.urls import include, path

urlpatterns = [
    path("chat/", include("assistants.chat.urls")),
    path("conversations/", include("assistants.library.urls")),
    path("projects/", include("assistants.projects.urls")),
    path("assistants/", include("assistants.builder.urls")),
    path("assistants/", include("assistants.widget.urls")),
    path("tools/", include("assistants.tools.urls")),
    path("documents/", include("assistants.documents.urls")),
    path("resume/", include("assistants.documents.resume_urls")),
    path("memory/", include("assistants.memory.urls")),
    path("audit/", include("accounts.auditlog.urls")),
    path("keys/", include("accounts.workspace_urls")),
    path("settings/", include("accounts.signin.workspace_urls")),
    path("settings/export/", include("accounts.privacy.workspace_urls")),
    path("members/", include("accounts.members.workspace_urls")),
    path("members/", include("accounts.profile.workspace_urls")),
    path("settings/", include("accounts.workspaces.workspace_urls")),
    path("usage/statements/", include("usage.statements.urls")),
    path("usage/", include("usage.urls")),
    path("billing/", include("billing.urls")),
    path("receipts/", include("usage.receipts.urls")),
    path("settings/ending/", include("accounts.workspaces_ending.urls")),
    path("settings/sso/", include("accounts.sso.urls")),
    path("settings/models/", include("assistants.providers.urls")),
    path("", include("assistants.dashboard_urls")),
]

"""Pages of one workspace, under /w/<slug>/."""

from django.urls import include, path

urlpatterns = [
    path("chat/", include("assistants.chat.urls")),
    path("assistants/", include("assistants.builder.urls")),
    path("keys/", include("accounts.workspace_urls")),
    path("usage/statements/", include("usage.statements.urls")),
    path("usage/", include("usage.urls")),
    path("billing/", include("billing.urls")),
    path("receipts/", include("usage.receipts.urls")),
    path("", include("assistants.dashboard_urls")),
]

from django.urls import include, path

urlpatterns = [
    path("", include("billing.webhooks.api_urls")),
    path("", include("billing.outcomes.api_urls")),
    path("", include("accounts.api_urls")),
    path("", include("accounts.members.api_urls")),
    path("", include("accounts.workspaces.api_urls")),
    path("", include("accounts.auditlog.api_urls")),
    path("", include("accounts.tokens.api_urls")),
    path("", include("accounts.webhooks.api_urls")),
    path("", include("usage.statements.api_urls")),
    path("", include("usage.api_urls")),
    path("", include("assistants.builder.api_urls")),
    path("", include("assistants.chat.api_urls")),
    path("", include("assistants.library.api_urls")),
    path("", include("assistants.projects.api_urls")),
    path("", include("assistants.documents.api_urls")),
    path("", include("assistants.memory.api_urls")),
    path("", include("assistants.generation.api_urls")),
    path("", include("assistants.providers.api_urls")),
    path("", include("usage.receipts.api_urls")),
    path("", include("billing.api_urls")),
]

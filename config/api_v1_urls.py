from django.urls import include, path

urlpatterns = [
    path("", include("accounts.api_urls")),
    path("", include("usage.statements.api_urls")),
    path("", include("usage.api_urls")),
    path("", include("assistants.chat.api_urls")),
    path("", include("usage.receipts.api_urls")),
]

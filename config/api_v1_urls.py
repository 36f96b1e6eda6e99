from django.urls import include, path

urlpatterns = [
    path("", include("accounts.api_urls")),
    path("", include("assistants.chat.api_urls")),
]

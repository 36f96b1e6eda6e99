"""`/api/`: the REST API and its documents."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("v1/", include(("config.api_v1_urls", "api"))),
]

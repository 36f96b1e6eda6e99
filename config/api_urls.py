"""`/api/`: the REST API and its documents."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

# The split one: its script is a request of its own, as the policy (CSP) of every page wants it.
DOCS = SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api_docs.html")

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", DOCS, name="api-docs"),
    path("v1/", include(("config.api_v1_urls", "api"))),
]

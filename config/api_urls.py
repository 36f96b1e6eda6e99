"""`/api/`: the REST API and its documents."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication

# The split one: its script is a request of its own, as the policy (CSP) of every page wants it.
# With the session, which decides nothing but the page's frame: who looks, and in which theme.
DOCS = SpectacularSwaggerSplitView.as_view(
    url_name="api-schema", template_name="api_docs.html", authentication_classes=[SessionAuthentication]
)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", DOCS, name="api-docs"),
    path("v1/", include(("config.api_v1_urls", "api"))),
]

"""A workspace's own domain: the workspace's pages at `/`."""

from django.urls import include, path

handler404 = "config.views.page_not_found"
handler500 = "config.views.server_error"
handler403 = "config.views.permission_denied"

urlpatterns = [
    # Open to everybody (tenants.middleware.OPEN_ON_OWN_DOMAIN).
    path("handoff/", include("accounts.handoff.domain_urls")),
    path("", include("tenants.branding.urls")),
    path("", include(("config.workspace_urls", "workspace"))),
]

"""The control plane's addresses. Apps are named as strings only: `config` imports none of them."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config import views

handler400 = "config.views.bad_request"
handler403 = "config.views.permission_denied"
handler404 = "config.views.page_not_found"
handler500 = "config.views.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", views.health, name="health"),
    path("ready", views.ready, name="ready"),
    path("accounts/", include("accounts.signin.allauth_urls")),
    path("admin/", admin.site.urls),
    path("api/", include("config.api_urls")),
    path("v1/", include(("assistants.openai.urls", "openai"))),
    path("", include("billing.webhooks.urls")),
    path("w/<slug:workspace>/", include(("config.workspace_urls", "workspace"))),
    path("embed/", include("assistants.widget.public_urls")),
    path("made/", include("assistants.openai.public_urls")),
    path("share/", include("assistants.library.public_urls")),
    path("sso/", include("accounts.sso.public_urls")),
    path("", include("accounts.urls")),
    path("", include("accounts.handoff.urls")),
    path("workspaces/", include("accounts.workspaces.urls")),
    path("", include("tenants.branding.urls")),
    path("", include("tenants.domains.urls")),
    path("", include("billing.public_urls")),
]
if settings.DEMO:
    urlpatterns += [
        path("dev/mail/", views.mail_list, name="dev-mail"),
        path("dev/mail/<str:name>/", views.mail_message, name="dev-mail-message"),
        path("dev/mail/<str:name>/html/", views.mail_html, name="dev-mail-html"),
    ]
if settings.STRIPE_SIMULATED:
    urlpatterns += [path("simulated-stripe/", include("billing.simulator.urls"))]

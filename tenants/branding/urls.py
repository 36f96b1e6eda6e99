"""On the main hosts and on every workspace's own domain alike."""

from django.urls import path

from tenants.branding import views

urlpatterns = [
    path("brand/logo/<uuid:workspace_id>/<str:name>.png", views.logo, name="brand-logo"),
    path("brand/colour/<str:colour>.css", views.stylesheet, name="brand-stylesheet"),
]

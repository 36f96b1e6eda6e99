"""Under settings/ of a workspace."""

from django.urls import path

from accounts.workspaces import brand_views, domain_views, views

urlpatterns = [
    path("", views.general, name="settings"),
    path("address/", views.change_slug, name="settings-slug"),
    path("brand/", brand_views.brand, name="settings-brand"),
    path("brand/logo/", brand_views.logo, name="settings-logo"),
    path("brand/logo/remove/", brand_views.logo_remove, name="settings-logo-remove"),
    path("domain/", domain_views.domain_list, name="settings-domain"),
    path("domain/primary/", domain_views.domain_primary, name="domain-primary"),
    path("domain/<int:domain_id>/check/", domain_views.domain_check, name="domain-check"),
    path("domain/<int:domain_id>/remove/", domain_views.domain_remove, name="domain-remove"),
]

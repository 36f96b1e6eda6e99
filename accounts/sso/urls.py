"""Under the settings of a workspace."""

from django.urls import path

from accounts.sso import views

urlpatterns = [
    path("", views.overview, name="sso"),
    path("domains/", views.domain_add, name="sso-domain-add"),
    path("domains/<uuid:domain_id>/check/", views.domain_check, name="sso-domain-check"),
    path("domains/<uuid:domain_id>/remove/", views.domain_remove, name="sso-domain-remove"),
    path("saml/", views.connection_edit, {"kind": "saml"}, name="sso-saml"),
    path("oidc/", views.connection_edit, {"kind": "oidc"}, name="sso-oidc"),
    path("remove/", views.connection_remove, name="sso-remove"),
    path("test/", views.test, name="sso-test"),
    path("enforce/", views.enforce, name="sso-enforce"),
    path("enforce/stop/", views.enforce_stop, name="sso-enforce-stop"),
    path("unbind/", views.unbind, name="sso-unbind"),
]

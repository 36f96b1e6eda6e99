"""In place of allauth's own, which check less. There is no single logout: signing out here ends the session here."""

from django.urls import path

from accounts.sso.saml import views

urlpatterns = [
    path("saml/<uuid:organization_slug>/login/", views.login, name="saml_login"),
    path("saml/<uuid:organization_slug>/acs/", views.acs, name="saml_acs"),
    path("saml/<uuid:organization_slug>/acs/finish/", views.finish_acs, name="saml_finish_acs"),
    path("saml/<uuid:organization_slug>/metadata/", views.metadata, name="saml_metadata"),
]

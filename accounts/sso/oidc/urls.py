"""In the place of allauth's own, which check less."""

from django.urls import path

from accounts.sso.oidc import views

urlpatterns = [
    path("oidc/<uuid:provider_id>/login/", views.login, name="openid_connect_login"),
    path("oidc/<uuid:provider_id>/login/callback/", views.callback, name="openid_connect_callback"),
]

"""Under /accounts/: what we use of allauth. Its list of sessions is ours (it cannot end a single one), and former
addresses of social sign-in are left out."""

from allauth.urls import build_provider_urlpatterns
from django.urls import URLPattern, URLResolver, include, path

from accounts.signin import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("allauth.account.urls")),
    path("2fa/", include("allauth.mfa.urls")),
    path("3rdparty/", include("allauth.socialaccount.urls")),
    path("sessions/", views.session_list, name="usersessions_list"),
    *build_provider_urlpatterns(),
]

from django.urls import path

from accounts.tokens import api

urlpatterns = [
    path("auth/login", api.SignIn.as_view(), name="auth-login"),
    path("auth/refresh", api.Refresh.as_view(), name="auth-refresh"),
    path("auth/logout", api.SignOut.as_view(), name="auth-logout"),
    path("auth/me", api.Me.as_view(), name="auth-me"),
]

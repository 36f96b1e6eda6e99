"""Under /."""

from django.urls import path

from accounts.signin import views

urlpatterns = [
    path("me/security/", views.security, name="security"),
    path("me/sessions/", views.session_list, name="sessions"),
    path("me/sessions/end-others/", views.sessions_end_others, name="sessions-end-others"),
    path("me/sessions/<int:session_id>/end/", views.session_end, name="session-end"),
    path("sign-in/", views.sign_in_link, name="sign-in-link"),
]

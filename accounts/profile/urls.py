"""Pages of a person, under /me/profile/."""

from django.urls import path

from accounts.profile import views

urlpatterns = [
    path("", views.profile, name="profile"),
    path("picture/", views.avatar_change, name="avatar-change"),
    path("avatar/", views.avatar, name="avatar"),
]

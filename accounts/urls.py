from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.home, name="home"),
    path("me/", views.me, name="me"),
    path("styleguide/", views.styleguide, name="styleguide"),
]

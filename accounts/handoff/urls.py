"""On the main hosts."""

from django.urls import path

from accounts.handoff import views

urlpatterns = [path("handoff/", views.give, name="handoff")]

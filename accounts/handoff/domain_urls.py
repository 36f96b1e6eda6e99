"""On a workspace's own domain, for everybody."""

from django.urls import path

from accounts.handoff import views

urlpatterns = [
    path("return/", views.come_back, name="handoff-return"),
    path("sign-out/", views.sign_out, name="handoff-sign-out"),
    path("signed-out/", views.signed_out, name="signed-out"),
]

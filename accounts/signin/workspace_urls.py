"""Under /w/<slug>/settings/."""

from django.urls import path

from accounts.signin import views

urlpatterns = [path("security/", views.workspace_security, name="settings-security")]

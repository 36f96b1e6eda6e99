from django.urls import path

from assistants import dashboard

urlpatterns = [path("", dashboard.dashboard, name="dashboard")]

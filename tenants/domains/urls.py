from django.urls import path

from tenants.domains import views

urlpatterns = [path("domains/allowed", views.allowed, name="domains-allowed")]

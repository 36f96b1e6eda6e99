"""The address to give to the payment service."""

from django.urls import path

from billing.webhooks import views

urlpatterns = [path("webhooks/stripe/", views.receive, name="stripe-webhook")]

"""The same under the API's address."""

from django.urls import path

from billing.webhooks import views

urlpatterns = [path("billing/webhook", views.receive, name="billing-webhook")]

"""Under the settings of a workspace."""

from django.urls import path

from accounts.webhooks import views

urlpatterns = [
    path("", views.webhook_list, name="webhooks"),
    path("new/", views.webhook_add, name="webhook-add"),
    path("<uuid:endpoint_id>/", views.webhook_page, name="webhook"),
    path("<uuid:endpoint_id>/edit/", views.webhook_edit, name="webhook-edit"),
    path("<uuid:endpoint_id>/rotate/", views.webhook_rotate, name="webhook-rotate"),
    path("<uuid:endpoint_id>/switch/", views.webhook_switch, name="webhook-switch"),
    path("<uuid:endpoint_id>/test/", views.webhook_test, name="webhook-test"),
    path("<uuid:endpoint_id>/delete/", views.webhook_delete, name="webhook-delete"),
    path("deliveries/<int:delivery_id>/redeliver/", views.delivery_redeliver, name="webhook-redeliver"),
]

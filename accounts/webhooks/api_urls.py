from django.urls import path

from accounts.webhooks import api

urlpatterns = [
    path("webhooks", api.WebhookList.as_view(), name="webhook-list"),
    path("webhooks/<uuid:endpoint_id>", api.WebhookDetail.as_view(), name="webhook-detail"),
    path("webhooks/<uuid:endpoint_id>/rotate", api.WebhookRotate.as_view(), name="webhook-rotate"),
    path("webhooks/<uuid:endpoint_id>/test", api.WebhookTest.as_view(), name="webhook-test"),
    path("webhooks/<uuid:endpoint_id>/deliveries", api.DeliveryList.as_view(), name="webhook-deliveries"),
    path(
        "webhooks/deliveries/<int:delivery_id>/redeliver",
        api.DeliveryRedeliver.as_view(),
        name="webhook-redeliver",
    ),
]

from django.urls import path

from assistants.providers import api

ONE = "providers/<uuid:provider_id>"

urlpatterns = [
    path("models", api.ModelList.as_view(), name="model-list"),
    path("providers", api.ProviderList.as_view(), name="provider-list"),
    path(ONE, api.ProviderDetail.as_view(), name="provider-detail"),
    path(f"{ONE}/key", api.ProviderKey.as_view(), name="provider-key"),
    path(f"{ONE}/switch", api.ProviderSwitch.as_view(), name="provider-switch"),
    path(f"{ONE}/test", api.ProviderTest.as_view(), name="provider-test"),
    path(f"{ONE}/models", api.ProviderModels.as_view(), name="provider-models"),
]

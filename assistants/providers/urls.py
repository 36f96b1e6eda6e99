"""Under the settings of a workspace."""

from django.urls import path

from assistants.providers import views

urlpatterns = [
    path("", views.provider_list, name="model-providers"),
    path("new/", views.provider_add, name="model-provider-add"),
    path("<uuid:provider_id>/", views.provider_page, name="model-provider"),
    path("<uuid:provider_id>/edit/", views.provider_edit, name="model-provider-edit"),
    path("<uuid:provider_id>/switch/", views.provider_switch, name="model-provider-switch"),
    path("<uuid:provider_id>/remove/", views.provider_remove, name="model-provider-remove"),
    path("<uuid:provider_id>/test/", views.provider_test, name="model-provider-test"),
    path("<uuid:provider_id>/choose/", views.provider_choose, name="model-provider-choose"),
]

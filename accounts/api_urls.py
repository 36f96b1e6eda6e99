from django.urls import path

from accounts import api

urlpatterns = [
    path("keys", api.ApiKeyList.as_view(), name="key-list"),
    path("keys/<uuid:key_id>", api.ApiKeyDetail.as_view(), name="key-detail"),
]

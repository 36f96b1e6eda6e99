from django.urls import path

from accounts import api

urlpatterns = [
    path("keys", api.ApiKeyList.as_view(), name="key-list"),
    path("keys/<uuid:key_id>", api.ApiKeyDetail.as_view(), name="key-detail"),
    path("keys/<uuid:key_id>/rotate", api.ApiKeyRotate.as_view(), name="key-rotate"),
    path("keys/<uuid:key_id>/revoke", api.ApiKeyRevoke.as_view(), name="key-revoke"),
]

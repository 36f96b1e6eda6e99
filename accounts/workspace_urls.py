from django.urls import path

from accounts import key_views

urlpatterns = [
    path("", key_views.key_list, name="keys"),
    path("new/", key_views.key_create, name="key-create"),
    path("<uuid:key_id>/", key_views.key_change, name="key-change"),
    path("<uuid:key_id>/rotate/", key_views.key_rotate, name="key-rotate"),
    path("<uuid:key_id>/revoke/", key_views.key_revoke, name="key-revoke"),
]

from django.urls import path

from accounts.sso import door_views

urlpatterns = [
    path("", door_views.start, name="sso-start"),
    path("emergency/", door_views.Emergency.as_view(), name="sso-emergency"),
    path("<uuid:connection_id>/", door_views.door, name="sso-door"),
]

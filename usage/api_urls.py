from django.urls import path

from usage import api

urlpatterns = [
    path("usage/current", api.CurrentUsage.as_view(), name="usage-current"),
    path("usage/history", api.UsageHistory.as_view(), name="usage-history"),
    path("usage/limits", api.LimitList.as_view(), name="usage-limits"),
    path("user/usage", api.OwnUsage.as_view(), name="user-usage"),
]

from django.urls import path

from usage import api, controls

urlpatterns = [
    path("usage/current", api.CurrentUsage.as_view(), name="usage-current"),
    path("usage/history", api.UsageHistory.as_view(), name="usage-history"),
    path("usage/limits", api.LimitList.as_view(), name="usage-limits"),
    path("usage/limits/<int:limit_id>", controls.LimitDetail.as_view(), name="usage-limit"),
    path("usage/stops", controls.StopList.as_view(), name="usage-stops"),
    path("usage/stops/<int:stop_id>", controls.StopDetail.as_view(), name="usage-stop"),
    path("user/usage", api.OwnUsage.as_view(), name="user-usage"),
]

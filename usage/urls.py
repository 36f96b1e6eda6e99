from django.urls import path

from usage.views import limits, notices, overview, stops

urlpatterns = [
    path("", overview.usage, name="usage"),
    path("meters/", overview.meters, name="usage-meters"),
    path("export.csv", overview.export, name="usage-export"),
    path("limits/", limits.limit_list, name="usage-limits"),
    path("limits/<int:limit_id>/remove/", limits.limit_remove, name="usage-limit-remove"),
    path("stops/", stops.stop_list, name="usage-stops"),
    path("stops/<int:stop_id>/lift/", stops.stop_lift, name="usage-stop-lift"),
    path("notices/<int:notice_id>/dismiss/", notices.dismiss, name="usage-notice-dismiss"),
]

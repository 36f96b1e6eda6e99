from django.urls import path

from usage.statements import api

urlpatterns = [
    path("usage/statements", api.StatementList.as_view(), name="statement-list"),
    path("usage/statements/<str:month>", api.StatementDetail.as_view(), name="statement-detail"),
]

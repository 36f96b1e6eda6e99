from django.urls import path

from usage.statements import views

urlpatterns = [
    path("", views.statement_list, name="statements"),
    path("<str:month>/", views.statement_detail, name="statement"),
]

from django.urls import path

from billing.outcomes import api

urlpatterns = [
    path("billing/contracts", api.ContractList.as_view(), name="contract-list"),
    path("billing/contracts/<uuid:contract_id>", api.ContractDetail.as_view(), name="contract-detail"),
    path(
        "billing/contracts/<uuid:contract_id>/accept",
        api.ContractAcceptance.as_view(),
        name="contract-accept",
    ),
    path(
        "billing/contracts/<uuid:contract_id>/measurements",
        api.MeasurementList.as_view(),
        name="contract-measure",
    ),
]

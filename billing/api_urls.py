from django.urls import path

from billing import api

urlpatterns = [
    path("billing/plans", api.PlanList.as_view(), name="billing-plans"),
    path("billing/subscription", api.Subscription.as_view(), name="billing-subscription"),
    path("billing/invoices", api.InvoiceList.as_view(), name="billing-invoices"),
    path("billing/checkout", api.Checkout.as_view(), name="billing-checkout"),
    path("billing/portal", api.Portal.as_view(), name="billing-portal"),
    path("subscribe", api.Subscribe.as_view(), name="subscribe"),
]

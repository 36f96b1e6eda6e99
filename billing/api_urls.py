from django.urls import path

from billing import api, notices_api

urlpatterns = [
    path("billing/plans", api.PlanList.as_view(), name="billing-plans"),
    path("billing/subscription", api.Subscription.as_view(), name="billing-subscription"),
    path("billing/invoices", api.InvoiceList.as_view(), name="billing-invoices"),
    path("billing/checkout", api.Checkout.as_view(), name="billing-checkout"),
    path("billing/portal", api.Portal.as_view(), name="billing-portal"),
    path("notices", notices_api.NoticeList.as_view(), name="notice-list"),
    path("notices/<int:notice_id>", notices_api.NoticeDetail.as_view(), name="notice-detail"),
    path("subscribe", api.Subscribe.as_view(), name="subscribe"),
]

"""Billing of one workspace, under /w/<slug>/billing/."""

from django.urls import path

from billing.views import buying, changing, contracts, overview, plan_choice, referrals

urlpatterns = [
    path("", overview.overview, name="billing"),
    path("invoices/", overview.invoices, name="billing-invoices"),
    path("log/", overview.log, name="billing-log"),
    path("plans/", plan_choice.plans, name="billing-plans"),
    path("checkout/", buying.checkout, name="billing-checkout"),
    path("trial/", buying.trial, name="billing-trial"),
    path("done/", buying.done, name="billing-done"),
    path("portal/", buying.portal, name="billing-portal"),
    path("cancel/", changing.cancel, name="billing-cancel"),
    path("resume/", changing.resume, name="billing-resume"),
    path("keep/", changing.keep, name="billing-change-cancel"),
    path("referrals/", referrals.referrals, name="billing-referrals"),
    path("contracts/", contracts.contract_list, name="billing-contracts"),
    path("contracts/<uuid:contract_id>/", contracts.contract, name="billing-contract"),
    path("contracts/<uuid:contract_id>/accept/", contracts.accept, name="billing-contract-accept"),
]

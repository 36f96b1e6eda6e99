"""Pages that belong to no workspace: what can be bought, and how to ask."""

from django.urls import path

from billing.referrals import views as referrals
from billing.views import public

urlpatterns = [
    path("pricing/", public.pricing, name="pricing"),
    path("enquiry/", public.enquiry, name="enquiry"),
    path("r/<slug:code>/", referrals.referral, name="referral"),
]

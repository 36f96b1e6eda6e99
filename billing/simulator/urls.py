"""Pages of the simulated payment service. Who knows a session's name may use it, as at the real one."""

from django.urls import path

from billing.simulator.hosted import checkout_views, clock_views, invoice_views, portal_views

PORTAL = "portal/<str:session_id>/"
INVOICE = "invoices/<str:secret>/"

urlpatterns = [
    path("checkout/<str:session_id>/", checkout_views.checkout, name="simulated-checkout"),
    path("authenticate/<str:challenge_id>/", checkout_views.challenge, name="simulated-challenge"),
    path(PORTAL, portal_views.home, name="simulated-portal"),
    path(f"{PORTAL}card/", portal_views.card_add, name="simulated-portal-card"),
    path(
        f"{PORTAL}card/<str:card_id>/default/",
        portal_views.card_default,
        name="simulated-portal-card-default",
    ),
    path(
        f"{PORTAL}card/<str:card_id>/remove/", portal_views.card_remove, name="simulated-portal-card-remove"
    ),
    path(f"{PORTAL}details/", portal_views.details, name="simulated-portal-details"),
    path(f"{PORTAL}cancel/<str:subscription_id>/", portal_views.cancel, name="simulated-portal-cancel"),
    path(f"{PORTAL}resume/<str:subscription_id>/", portal_views.resume, name="simulated-portal-resume"),
    path(f"{PORTAL}plan/<str:subscription_id>/", portal_views.plan, name="simulated-portal-plan"),
    path(INVOICE, invoice_views.invoice, name="simulated-invoice"),
    path(f"{INVOICE}pdf/", invoice_views.invoice_pdf, name="simulated-invoice-pdf"),
    path(f"{INVOICE}receipt/", invoice_views.receipt, name="simulated-receipt"),
    path("clock/", clock_views.clock, name="simulated-clock"),
]

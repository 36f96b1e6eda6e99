from django.urls import include, path

from accounts import views
from accounts.legal import views as legal_views
from accounts.members import invitation_views

urlpatterns = [
    path("", views.home, name="home"),
    path("me/", views.me, name="me"),
    path("me/profile/", include("accounts.profile.urls")),
    path("legal/accept/", legal_views.consent, name="consent"),
    path("legal/<slug:page>/", legal_views.legal, name="legal"),
    path("cookies/", legal_views.cookie_choice, name="cookies"),
    path("", include("accounts.signin.urls")),
    path("me/invitations/<uuid:invitation_id>/", invitation_views.own_invitation, name="own-invitation"),
    path("invitations/<slug:token>/", invitation_views.invitation, name="invitation"),
    path("me/privacy/", include("accounts.privacy.urls")),
    path("styleguide/", views.styleguide, name="styleguide"),
]

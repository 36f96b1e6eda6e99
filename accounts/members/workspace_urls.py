"""Members of one workspace, under /w/<slug>/members/."""

from django.urls import path

from accounts.members import invitation_views, views

urlpatterns = [
    path("", views.member_list, name="members"),
    path("roles/", views.roles, name="roles"),
    path("leave/", views.leave, name="members-leave"),
    path("transfer/", views.transfer, name="members-transfer"),
    path("<uuid:membership_id>/role/", views.member_role, name="member-role"),
    path("<uuid:membership_id>/remove/", views.member_remove, name="member-remove"),
    path("invite/", invitation_views.invite, name="members-invite"),
    path("invitations/<uuid:invitation_id>/resend/", invitation_views.resend, name="invitation-resend"),
    path("invitations/<uuid:invitation_id>/revoke/", invitation_views.revoke, name="invitation-revoke"),
]

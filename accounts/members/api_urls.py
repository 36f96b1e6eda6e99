from django.urls import path

from accounts.members import api

urlpatterns = [
    path("members", api.MemberList.as_view(), name="member-list"),
    path("members/leave", api.MemberLeave.as_view(), name="members-leave"),
    path("members/<uuid:membership_id>", api.MemberDetail.as_view(), name="member-detail"),
    path("invitations", api.InvitationList.as_view(), name="invitation-list"),
    path("invitations/<uuid:invitation_id>", api.InvitationDetail.as_view(), name="invitation-detail"),
    path("invitations/<uuid:invitation_id>/resend", api.InvitationResend.as_view(), name="invitation-resend"),
]

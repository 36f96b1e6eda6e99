from django.urls import path

from accounts.profile import views

urlpatterns = [path("<uuid:membership_id>/avatar/", views.member_avatar, name="member-avatar")]

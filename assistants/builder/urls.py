from django.urls import path

from assistants.builder import trial_views, version_views, views

ONE = "<uuid:assistant_id>/"

urlpatterns = [
    path("", views.assistant_list, name="assistants"),
    path("new/", views.assistant_create, name="assistant-create"),
    path("templates/", views.assistant_templates, name="assistant-templates"),
    path("test/", trial_views.assistant_test, name="assistant-test"),
    path("test/<uuid:run_id>/", trial_views.assistant_test_answer, name="assistant-test-answer"),
    path(ONE, views.assistant_edit, name="assistant-edit"),
    path(f"{ONE}duplicate/", views.assistant_duplicate, name="assistant-duplicate"),
    path(f"{ONE}archive/", views.assistant_archive, name="assistant-archive"),
    path(f"{ONE}unarchive/", views.assistant_unarchive, name="assistant-unarchive"),
    path(f"{ONE}avatar/", views.assistant_avatar, name="assistant-avatar"),
    path(f"{ONE}avatar/change/", views.assistant_avatar_change, name="assistant-avatar-change"),
    path(f"{ONE}limits/", views.assistant_limits, name="assistant-limits"),
    path(f"{ONE}versions/", version_views.assistant_versions, name="assistant-versions"),
    path(f"{ONE}compare/", version_views.assistant_compare, name="assistant-compare"),
    path(
        f"{ONE}versions/<uuid:version_id>/restore/", version_views.assistant_restore, name="assistant-restore"
    ),
    path(f"{ONE}versions/<uuid:version_id>/pin/", version_views.assistant_pin, name="assistant-pin"),
    path(f"{ONE}unpin/", version_views.assistant_unpin, name="assistant-unpin"),
]

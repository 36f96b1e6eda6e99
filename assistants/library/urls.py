from django.urls import path

from assistants.library import import_views, share_views, views

urlpatterns = [
    path("", views.conversation_list, name="conversations"),
    path("import/", import_views.import_start, name="conversations-import"),
    path("import/<uuid:import_id>/", import_views.import_progress, name="conversations-import-progress"),
    path("links/", share_views.link_list, name="conversation-links"),
    path("links/<uuid:link_id>/revoke/", share_views.link_revoke, name="conversation-link-revoke"),
    path("<uuid:conversation_id>/rename/", views.conversation_rename, name="conversation-rename"),
    path("<uuid:conversation_id>/tags/", views.conversation_tags, name="conversation-tags"),
    path("<uuid:conversation_id>/move/", views.conversation_move, name="conversation-move"),
    path("<uuid:conversation_id>/pin/", views.conversation_pin, name="conversation-pin"),
    path("<uuid:conversation_id>/archive/", views.conversation_archive, name="conversation-archive"),
    path("<uuid:conversation_id>/delete/", views.conversation_delete, name="conversation-delete"),
    path("<uuid:conversation_id>/undo/", views.conversation_undo, name="conversation-undo"),
    path("<uuid:conversation_id>/share/", share_views.conversation_share, name="conversation-share"),
    path("<uuid:conversation_id>/export/", views.conversation_export, name="conversation-export"),
]

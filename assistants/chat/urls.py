from django.urls import path

from assistants.chat import attachment_views, queue_views, views

urlpatterns = [
    path("", views.chat, name="chat"),
    path("<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("<uuid:conversation_id>/cost/", views.conversation_cost, name="conversation-cost"),
    path("<uuid:conversation_id>/news/", queue_views.conversation_news, name="conversation-news"),
    path("follow-ups/<uuid:follow_up_id>/send/", queue_views.follow_up_send, name="follow-up-send"),
    path("follow-ups/<uuid:follow_up_id>/edit/", views.follow_up_edit, name="follow-up-edit"),
    path("follow-ups/<uuid:follow_up_id>/remove/", queue_views.follow_up_remove, name="follow-up-remove"),
    path("<uuid:conversation_id>/messages/", views.message_send, name="message-send"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/", views.message, name="message"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/edit/", views.message_edit, name="message-edit"),
    path(
        "<uuid:conversation_id>/messages/<uuid:message_id>/regenerate/",
        views.message_regenerate,
        name="message-regenerate",
    ),
    path(
        "<uuid:conversation_id>/messages/<uuid:message_id>/retry/", views.message_retry, name="message-retry"
    ),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/rate/", views.message_rate, name="message-rate"),
    path("<uuid:conversation_id>/messages/<uuid:message_id>/fork/", views.message_fork, name="message-fork"),
    path("attachments/", attachment_views.attachment_upload, name="attachment-upload"),
    path("attachments/<uuid:attachment_id>/", attachment_views.attachment, name="attachment"),
    path("attachments/<uuid:attachment_id>/row/", attachment_views.attachment_row, name="attachment-row"),
    path(
        "attachments/<uuid:attachment_id>/remove/",
        attachment_views.attachment_remove,
        name="attachment-remove",
    ),
    path("runs/<uuid:run_id>/events/", views.run_events, name="run-events"),
    path("runs/<uuid:run_id>/stop/", views.run_stop, name="run-stop"),
]

from django.urls import path

from assistants.chat import api, attachments_api, messages_api, queue_api, runs_api

ONE = "conversations/<uuid:conversation_id>"
MESSAGE = f"{ONE}/messages/<uuid:message_id>"
FOLLOW_UP = "follow-ups/<uuid:follow_up_id>"
FILE = "attachments/<uuid:attachment_id>"

urlpatterns = [
    path("conversations", api.ConversationList.as_view(), name="conversation-list"),
    path("conversations/tags", api.TagList.as_view(), name="conversation-tags"),
    path(ONE, api.ConversationDetail.as_view(), name="conversation-detail"),
    path(f"{ONE}/restore", api.ConversationRestore.as_view(), name="conversation-restore"),
    path(f"{ONE}/messages", messages_api.MessageList.as_view(), name="message-list"),
    path(f"{ONE}/tree", messages_api.ConversationTree.as_view(), name="conversation-tree"),
    path(f"{ONE}/leaf", messages_api.ConversationLeaf.as_view(), name="conversation-leaf"),
    path(MESSAGE, messages_api.MessageDetail.as_view(), name="message-detail"),
    path(f"{MESSAGE}/edit", messages_api.MessageEdit.as_view(), name="message-edit"),
    path(f"{MESSAGE}/regenerate", messages_api.MessageRegenerate.as_view(), name="message-regenerate"),
    path(f"{MESSAGE}/retry", messages_api.MessageRetry.as_view(), name="message-retry"),
    path(f"{MESSAGE}/fork", messages_api.MessageFork.as_view(), name="message-fork"),
    path(f"{MESSAGE}/feedback", messages_api.MessageFeedback.as_view(), name="message-feedback"),
    path(f"{ONE}/follow-ups", queue_api.FollowUpList.as_view(), name="follow-up-list"),
    path(FOLLOW_UP, queue_api.FollowUpDetail.as_view(), name="follow-up-detail"),
    path(f"{FOLLOW_UP}/send", queue_api.FollowUpSend.as_view(), name="follow-up-send"),
    path("attachments", attachments_api.AttachmentList.as_view(), name="attachment-list"),
    path(FILE, attachments_api.AttachmentDetail.as_view(), name="attachment-detail"),
    path(f"{FILE}/content", attachments_api.AttachmentContent.as_view(), name="attachment-content"),
    path("runs", runs_api.RunList.as_view(), name="run-list"),
    path("runs/<uuid:run_id>", runs_api.RunDetail.as_view(), name="run-detail"),
    path("runs/<uuid:run_id>/events", runs_api.RunEvents.as_view(), name="run-events"),
    path("runs/<uuid:run_id>/stop", runs_api.RunStop.as_view(), name="run-stop"),
]

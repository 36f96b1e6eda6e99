from django.urls import path

from assistants.chat import api

urlpatterns = [
    path("conversations", api.ConversationList.as_view(), name="conversation-list"),
    path("conversations/<uuid:conversation_id>/messages", api.MessageList.as_view(), name="message-list"),
    path("runs/<uuid:run_id>", api.RunDetail.as_view(), name="run-detail"),
    path("runs/<uuid:run_id>/events", api.RunEvents.as_view(), name="run-events"),
    path("runs/<uuid:run_id>/stop", api.RunStop.as_view(), name="run-stop"),
]

from django.urls import path

from assistants.widget import api

TALKS = "assistants/<uuid:assistant_id>/visitors"

urlpatterns = [
    path(TALKS, api.VisitorTalkList.as_view(), name="visitor-talks"),
    path(f"{TALKS}/<uuid:conversation_id>", api.VisitorTalkDetail.as_view(), name="visitor-talk"),
]

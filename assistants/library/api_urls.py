from django.urls import path

from assistants.library import api

ONE = "conversations/<uuid:conversation_id>"

urlpatterns = [
    path(f"{ONE}/share-links", api.ConversationShareLinks.as_view(), name="conversation-share-links"),
    path(f"{ONE}/export", api.ConversationExport.as_view(), name="conversation-export"),
    path("share-links", api.ShareLinkList.as_view(), name="share-link-list"),
    path("share-links/<uuid:link_id>", api.ShareLinkDetail.as_view(), name="share-link-detail"),
    path("imports", api.ImportList.as_view(), name="import-list"),
    path("imports/<uuid:import_id>", api.ImportDetail.as_view(), name="import-detail"),
    path("imports/<uuid:import_id>/wake", api.ImportWake.as_view(), name="import-wake"),
]

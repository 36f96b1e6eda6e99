from django.urls import path

from assistants.documents import api

ONE = "documents/<uuid:document_id>"

urlpatterns = [
    path("documents", api.DocumentList.as_view(), name="document-list"),
    path(ONE, api.DocumentDetail.as_view(), name="document-detail"),
    path(f"{ONE}/file", api.DocumentFile.as_view(), name="document-file"),
    path(f"{ONE}/read", api.DocumentRead.as_view(), name="document-read"),
    path(f"{ONE}/passages", api.PassageList.as_view(), name="passage-list"),
    path(f"{ONE}/passages/<uuid:passage_id>", api.PassageDetail.as_view(), name="passage-detail"),
    path("passages", api.PassageSearch.as_view(), name="passage-search"),
]

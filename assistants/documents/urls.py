from django.urls import path

from assistants.documents import views

urlpatterns = [
    path("", views.document_list, name="documents"),
    path("<uuid:document_id>/", views.document, name="document"),
    path("<uuid:document_id>/row/", views.document_row, name="document-row"),
    path("<uuid:document_id>/file/", views.document_file, name="document-file"),
    path("<uuid:document_id>/passages/<uuid:passage_id>/", views.document_passage, name="document-passage"),
    path("<uuid:document_id>/replace/", views.document_replace, name="document-replace"),
    path("<uuid:document_id>/share/", views.document_share, name="document-share"),
    path("<uuid:document_id>/read/", views.document_read, name="document-read"),
    path("<uuid:document_id>/delete/", views.document_delete, name="document-delete"),
]

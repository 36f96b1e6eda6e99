from django.urls import path

from usage.receipts import views

urlpatterns = [
    path("", views.receipt_list, name="receipts"),
    path("verdicts/", views.verdicts, name="receipts-verdicts"),
    path("checkpoint/", views.log_checkpoint, name="receipts-checkpoint"),
    path("checkpoint/mail/", views.checkpoint_mail, name="receipts-mail"),
    path("log/", views.log_export, name="receipts-log"),
    path("verify.py", views.verifier, name="receipts-verifier"),
    path("<uuid:receipt_id>/", views.receipt_detail, name="receipt"),
    path("<uuid:receipt_id>/document/", views.receipt_document, name="receipt-document"),
]

from django.urls import path

from usage.receipts import api

urlpatterns = [
    path("receipts", api.ReceiptList.as_view(), name="receipt-list"),
    path("receipts/<uuid:receipt_id>", api.ReceiptDetail.as_view(), name="receipt-detail"),
    path("receipts/log/checkpoint", api.LogCheckpoint.as_view(), name="log-checkpoint"),
    path("receipts/log/consistency", api.LogConsistency.as_view(), name="log-consistency"),
    path("receipts/log/export", api.LogExport.as_view(), name="log-export"),
    path("tecp/verify", api.Verify.as_view(), name="tecp-verify"),
]

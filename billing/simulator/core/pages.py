"""Where the simulated service's hosted pages are."""

from django.conf import settings

PREFIX = "/simulated-stripe"


def _url(path: str) -> str:
    return f"{settings.BASE_URL}{PREFIX}/{path}"


def checkout(session_id: str) -> str:
    return _url(f"checkout/{session_id}/")


def portal(session_id: str) -> str:
    return _url(f"portal/{session_id}/")


def invoice(secret: str) -> str:
    return _url(f"invoices/{secret}/")


def invoice_pdf(secret: str) -> str:
    return _url(f"invoices/{secret}/pdf/")


def receipt(secret: str) -> str:
    return _url(f"invoices/{secret}/receipt/")

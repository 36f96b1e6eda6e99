from django.conf import settings
from django.http import HttpRequest

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def product(request: HttpRequest) -> dict[str, object]:
    """Names and notices that every page may show."""
    return {"product_name": settings.PRODUCT_NAME, "is_demo": settings.DEMO}

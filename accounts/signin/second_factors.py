"""allauth's hooks for second factors: sealed secrets, and the name under which apps and passkeys know us."""

import base64
from typing import Any
from urllib.parse import urlsplit

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings

from config import sealing

PURPOSE = b"steward second factors 1"


class SecondFactorAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return base64.b64encode(sealing.seal(text.encode(), purpose=PURPOSE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises InvalidTag for what no present or former SECRET_KEY sealed."""
        return sealing.unseal(base64.b64decode(encrypted_text), purpose=PURPOSE).decode()

    def get_totp_issuer(self) -> str:
        return settings.PRODUCT_NAME

    def build_totp_svg(self, url: str) -> str:
        """Dark on its own white ground, so that it can be scanned from a dark page too."""
        import qrcode  # type: ignore[import-untyped]  # noqa: PLC0415  only this page needs it
        from qrcode.image.svg import SvgPathFillImage  # type: ignore[import-untyped]  # noqa: PLC0415

        image = qrcode.make(url, image_factory=SvgPathFillImage, border=3)
        drawn: bytes = image.to_string()
        return drawn.decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        # Passkeys belong to a name. On loopback that is whichever of its names the browser came by.
        asked = context.request.get_host().rsplit(":", 1)[0] if context.request else ""
        own = urlsplit(settings.BASE_URL).hostname or ""
        return {"id": asked if asked in settings.MAIN_HOSTS else own, "name": settings.PRODUCT_NAME}

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return "My passkey" if count == 0 else f"Passkey {count + 1}"

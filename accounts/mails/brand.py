"""Whose name, logo and colour a mail carries: the product's, or a workspace's own."""

from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from uuid import UUID

from django.conf import settings

from config import errors
from tenants import pictures
from tenants.scope import WorkspaceNotFound, WorkspaceRef, get_ref

ACCENT = "#0b6650"
WHITE, INK = "#ffffff", "#05211a"


@dataclass(frozen=True)
class Brand:
    name: str
    accent: str = ACCENT
    logo: bytes = b""
    by: str = ""
    """The product, beside a workspace that does not hide it."""

    @property
    def on_accent(self) -> str:
        """White or dark letters, whichever can be read better on the accent (WCAG's relative luminance)."""
        red, green, blue = (_linear(int(self.accent[at : at + 2], 16)) for at in (1, 3, 5))
        luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        return WHITE if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.062 else INK

    @property
    def sender(self) -> str:
        """`From`: our address under the name that people know."""
        return formataddr((" ".join(self.name.split()), parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))


def _linear(channel: int) -> float:
    share = channel / 255
    return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)


def of_product() -> Brand:
    return Brand(settings.PRODUCT_NAME)


def of_workspace(workspace_id: UUID | None) -> Brand:
    """The product's for a workspace that has no look of its own, or is gone. One query."""
    if workspace_id is None:
        return of_product()
    try:
        ref = get_ref(id=workspace_id)
    except WorkspaceNotFound:
        return of_product()
    has_own = ref.hides_product_name or ref.logo or ref.accent
    return _own(ref) if has_own else of_product()


def _own(ref: WorkspaceRef) -> Brand:
    by = "" if ref.hides_product_name else settings.PRODUCT_NAME
    return Brand(ref.name, ref.accent or ACCENT, _logo(ref.logo), by)


def _logo(name: str) -> bytes:
    try:
        return pictures.read(name) if name else b""
    except errors.NotFound:
        return b""

"""From an owed mail to a message: subject, text, and HTML that is read from the text (`blocks`)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from anymail.message import attach_inline_image
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template import Context
from django.template.loader import get_template, render_to_string

from accounts.mails import blocks
from accounts.mails.brand import Brand, of_workspace
from accounts.mails.models import Mail

RENDERED = "rendered"
"""The kind of a mail whose words were made before it was owed: allauth's."""
MAY_HAVE_LINES = frozenset({"text", "note"})
"""Values of a context that may have more than one line: what somebody wrote at length."""


@dataclass(frozen=True)
class Written:
    subject: str
    text: str
    to: list[str]
    links: list[str] = field(default_factory=list)
    html: str = ""
    """Only where the words came with HTML of their own; else it is made from `text`."""


Writer = Callable[[Mail], Written | None]
WRITERS: dict[str, Writer] = {}
"""Of apps to the right, by the name that their mails carry; filled in `AppConfig.ready()`. None: nobody to write to."""


def write(mail: Mail) -> Written | None:
    if mail.writer:
        return WRITERS[mail.writer](mail)
    if not mail.to:
        return None
    if mail.kind == RENDERED:
        return Written(to=mail.to, **mail.context)
    values = {name: _plain(name, value) for name, value in mail.context.items()}
    subject, _, text = _words(mail.kind, values).partition("\n")
    links = [str(value) for name, value in values.items() if name.endswith("url")]
    return Written(subject, text.strip() + "\n", mail.to, links)


def check(kind: str) -> None:
    """Raises TemplateDoesNotExist for a kind that nobody wrote."""
    get_template(f"mails/{kind}.txt")


def _words(kind: str, values: dict[str, Any]) -> str:
    template = get_template(f"mails/{kind}.txt").template  # type: ignore[attr-defined]  # Django's own backend has it
    context = {"product_name": settings.PRODUCT_NAME, "base_url": settings.BASE_URL, **values}
    return str(template.render(Context(context, autoescape=False))).strip()


def _plain(name: str, value: Any) -> Any:
    # SECURITY: a name with line breaks must not begin a paragraph of its own.
    if isinstance(value, str) and name not in MAY_HAVE_LINES:
        return " ".join(value.split())
    return value


def compose(written: Written, brand: Brand) -> EmailMultiAlternatives:
    # A subject with a line break must not begin another header.
    subject = " ".join(written.subject.split())
    body = render_to_string("mails/_base.txt", {"text": written.text.strip()}).strip() + "\n"
    message = EmailMultiAlternatives(subject, body, brand.sender, written.to)
    logo = f"cid:{attach_inline_image(message, brand.logo, 'logo.png', 'png')}" if brand.logo else ""
    message.attach_alternative(written.html or _html(subject, written, brand, logo), "text/html")
    return message


def _html(subject: str, written: Written, brand: Brand, logo: str) -> str:
    parts = blocks.read(written.text, links=written.links)
    context = {"subject": subject, "blocks": parts, "brand": brand, "logo": logo}
    return render_to_string("mails/_base.html", context)


def message_of(mail: Mail) -> EmailMultiAlternatives | None:
    """What is handed to the mail server; None when there is nobody to write to."""
    written = write(mail)
    return compose(written, of_workspace(mail.workspace_id)) if written and written.to else None

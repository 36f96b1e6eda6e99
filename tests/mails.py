"""What people would have received: owed mails are sent as a worker would."""

import re
from html.parser import HTMLParser

from django.core import mail as django_mail
from django.core.mail import EmailMultiAlternatives

from accounts.mails import services
from accounts.mails.models import Mail

LINK = re.compile(r"https?://[^\s<>\"]+")


def deliver(kind: str = "") -> list[EmailMultiAlternatives]:
    """Sends everything that is owed (of one kind), as beat would at once. Returns all that went out in this test."""
    rows = Mail.objects.filter(claimed_at=None).order_by("created_at")
    for key in (rows.filter(kind=kind) if kind else rows).values_list("key", flat=True):
        services.send(key)
    return list(django_mail.outbox)


def sent_to(address: str) -> list[EmailMultiAlternatives]:
    """Sends what is owed to an address. Returns all that this test sent there, in order."""
    rows = Mail.objects.filter(claimed_at=None, to__contains=[address]).order_by("created_at")
    for key in rows.values_list("key", flat=True):
        services.send(key)
    return [message for message in django_mail.outbox if message.to == [address]]


def html_of(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    assert alternative[1] == "text/html"
    return str(alternative[0])


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "title")
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found += data.split()


def words_of(html: str) -> tuple[list[str], list[str]]:
    """What somebody reads, and where its links lead."""
    parser = _Words()
    parser.feed(html)
    return parser.found, parser.links

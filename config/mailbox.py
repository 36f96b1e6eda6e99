"""Reads the mails that Django's file backend wrote: the demo's mailbox."""

import base64
import email
import email.policy
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

LINK = re.compile(r"https?://[^\s<>\"]+")
NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Mail:
    name: str
    to: str
    subject: str
    date: datetime
    sender: str = ""
    text: str = ""
    html: str = ""
    """With its pictures in it; hostile until shown under a policy of its own."""
    links: list[str] = field(default_factory=list)


def list_mails(directory: Path, *, to: str = "", limit: int = 100) -> list[Mail]:
    """Newest first; with `to`, only those to an address that contains it."""
    paths = sorted(directory.glob("*.log"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    found: list[Mail] = []
    for path in paths:
        # One that is being written, or never was.
        if path.stat().st_size and len(found) < limit:
            mail = _read(path)
            if to.lower() in mail.to.lower():
                found.append(mail)
    return found


def get_mail(directory: Path, name: str) -> Mail | None:
    path = directory / name
    if not NAME.fullmatch(name) or path.parent != directory or not path.is_file():
        return None
    return _read(path)


def _read(path: Path) -> Mail:
    # The file backend ends each message with a line of 79 dashes.
    content = path.read_bytes().split(b"-" * 79)[0]
    message = email.message_from_bytes(content, policy=email.policy.default)
    body = message.get_body(("plain",))
    text = body.get_content() if body else ""
    return Mail(
        name=path.name,
        to=str(message["to"]),
        subject=str(message["subject"]),
        date=datetime.fromtimestamp(path.stat().st_mtime, tz=UTC),
        sender=str(message["from"]),
        text=text,
        html=_html(message),
        links=LINK.findall(text),
    )


def _html(message: EmailMessage) -> str:
    """Pictures that the mail carries are put where it names them."""
    body = message.get_body(("html",))
    html = str(body.get_content()) if body else ""
    for part in message.walk():
        name = str(part["Content-ID"] or "").strip("<> ")
        if name and part.get_content_maintype() == "image":
            data = base64.b64encode(bytes(part.get_payload(decode=True) or b"")).decode()
            html = html.replace(f"cid:{name}", f"data:{part.get_content_type()};base64,{data}")
    return html

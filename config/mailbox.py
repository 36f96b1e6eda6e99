"""Reads the mails that Django's file backend wrote: the demo's mailbox."""

import email
import email.policy
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

LINK = re.compile(r"https?://[^\s<>\"]+")
NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Mail:
    name: str
    to: str
    subject: str
    date: datetime
    text: str = ""
    links: list[str] = field(default_factory=list)


def list_mails(directory: Path, *, limit: int = 100) -> list[Mail]:
    """Newest first."""
    paths = sorted(directory.glob("*.log"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [_read(path) for path in paths[:limit]]


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
        text=text,
        links=LINK.findall(text),
    )

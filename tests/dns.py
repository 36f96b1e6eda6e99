"""A name server on loopback, so that proofs by TXT record are asked for over real DNS."""

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest


class Zone(dict[str, list[str]]):
    """Name → texts, names in lower case without the dot at the end. A name that is missing does not exist."""

    is_broken = False
    """Every question is answered by SERVFAIL."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if self.is_broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.TXT and self[name]:
            texts = [_quoted(text) for text in self[name]]
            response.answer.append(dns.rrset.from_text(question.name, 1, "IN", "TXT", *texts))
        return response.to_wire()


def _quoted(text: str) -> str:
    """A record's text in pieces of at most 255 bytes, as zones hold it."""
    escaped = [
        text[at : at + 255].replace("\\", "\\\\").replace('"', '\\"') for at in range(0, len(text) or 1, 255)
    ]
    return " ".join(f'"{piece}"' for piece in escaped)


@pytest.fixture
def dns_zone(settings) -> Iterator[Zone]:
    """What the name server of DNS_RESOLVER publishes: empty at first."""
    zone = Zone()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        host, port = server.getsockname()
        thread = threading.Thread(target=_serve, args=(server, zone), daemon=True)
        thread.start()
        settings.DNS_RESOLVER = f"{host}:{port}"
        yield zone
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (host, port))
        thread.join(timeout=5)


def _serve(server: socket.socket, zone: Zone) -> None:
    """Until a packet is empty."""
    while True:
        wire, sender = server.recvfrom(4096)
        if not wire:
            return
        server.sendto(zone.answer(wire), sender)

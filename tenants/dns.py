"""TXT records: how somebody proves that a domain is theirs."""

from functools import lru_cache

import dns.exception
import dns.name
import dns.resolver
from django.conf import settings

from config import env, errors

TIMEOUT_S = 3.0
CHALLENGE_LABEL = "_steward-challenge"
PROOF_PREFIX = "steward-verification="


class DnsUnavailable(errors.DomainError):
    code = "dns_unavailable"
    status = 503
    message = "The name server could not be asked. Nothing was changed; please try again in a minute."


def txt_records(name: str) -> list[str]:
    """The texts that `name` (ASCII, without the dot at its end) publishes; none when there is no such name or record.

    Asks the network, three seconds at most: never inside a transaction. Raises DnsUnavailable.
    """
    try:
        absolute = dns.name.from_text(name, dns.name.root)
    except (dns.exception.DNSException, UnicodeError):
        return []
    try:
        answer = _resolver(settings.DNS_RESOLVER).resolve(absolute, "TXT", lifetime=TIMEOUT_S, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise DnsUnavailable() from error
    return [b"".join(row.strings).decode(errors="replace") for row in answer]


def challenge_name(domain: str) -> str:
    """Where the proof for `domain` is published."""
    return f"{CHALLENGE_LABEL}.{domain}"


def proof_record(kind: str, secret: str) -> str:
    """The text to publish. `kind` says what is proven (`domain`, `sso`), so that one name can hold several proofs."""
    return f"{PROOF_PREFIX}{kind}-{secret}"


def is_proven(domain: str, *, kind: str, secret: str) -> bool:
    """Whether `domain` publishes this proof now. As `txt_records`; False for an empty secret."""
    # SECURITY: without a secret everybody's record would be the same one.
    return bool(secret) and proof_record(kind, secret) in map(str.strip, txt_records(challenge_name(domain)))


@lru_cache(maxsize=4)
def _resolver(address: str) -> dns.resolver.Resolver:
    try:
        resolver = dns.resolver.Resolver(configure=not address)
    except dns.resolver.NoResolverConfiguration as error:
        raise DnsUnavailable() from error
    if address:
        host, port = env.split_host_port(address)
        resolver.nameservers, resolver.port = [host], port
    return resolver

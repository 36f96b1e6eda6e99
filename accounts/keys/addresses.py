"""From where a key may be used: networks, and whether an address is in one of them."""

import ipaddress
from collections.abc import Iterable, Sequence

from config import errors

MAX_NETWORKS = 20
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressesRefused(errors.DomainError):
    code = "addresses_refused"
    status = 422
    message = "Addresses are like 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48."


class AddressNotAllowed(errors.DomainError):
    code = "address_not_allowed"
    status = 403
    message = "This API key may not be used from this address."


def networks(texts: Iterable[str]) -> list[str]:
    """As they are kept: CIDR, without repetitions, in the order given. Raises AddressesRefused."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[str(_plain_network(ipaddress.ip_network(text.strip(), strict=False)))] = None
        except ValueError as error:
            raise AddressesRefused(f"“{text}” is neither an address nor a network.") from error
    if len(found) > MAX_NETWORKS:
        raise AddressesRefused(f"A key can have {MAX_NETWORKS} networks at most.")
    return list(found)


def _plain_network(network: Network) -> Network:
    """An IPv4 network written as IPv6 (::ffff:203.0.113.0/120) is that IPv4 network."""
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def check(address: str, allowed: Sequence[str]) -> None:
    """`address`: of the caller; empty when nobody says it. Raises AddressNotAllowed."""
    if not allowed:
        return
    try:
        found = _plain(ipaddress.ip_address(address))
    except ValueError as error:
        raise AddressNotAllowed() from error
    if not any(found in ipaddress.ip_network(network) for network in allowed):
        raise AddressNotAllowed()


def are_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether whatever `inner` lets in, `outer` lets in too."""
    if not outer:
        return True
    bounds = [ipaddress.ip_network(network) for network in outer]
    return bool(inner) and all(_is_within(ipaddress.ip_network(network), bounds) for network in inner)


def _is_within(network: Network, bounds: Sequence[Network]) -> bool:
    return any(network.version == bound.version and network.subnet_of(bound) for bound in bounds)  # type: ignore[arg-type]

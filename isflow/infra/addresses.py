"""Which hosts and addresses isflow may call on behalf of a user: public ones, and what the operator adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

Address = IPv4Address | IPv6Address

WELL_KNOWN_PORTS = frozenset({80, 443})
FIRST_FREE_PORT = 1024

_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_REFUSED_V4 = tuple(
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # the platform address of a cloud, in public space
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)


def is_public_address(ip: str | Address) -> bool:
    """Say whether an address belongs to the public internet; IPv4 inside IPv6 is judged as IPv4.

    Text that is not an address raises ValueError.
    """
    address = ip_address(ip) if isinstance(ip, str) else ip
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public_address(address.ipv4_mapped)
        return (
            address.scope_id is None
            and address in _GLOBAL_V6
            and not any(address in net for net in _REFUSED_V6)
        )
    return not any(address in net for net in _REFUSED_V4)


def literal_address(host: str) -> Address | None:
    """Return the address if the host is written as one, None if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def normal_host(host: str) -> str:
    """Return a host in the one spelling that lists are compared in."""
    bare = host.strip().lower().removeprefix("[").removesuffix("]")
    return bare.rstrip(".")


@dataclass(frozen=True)
class AllowList:
    """What the operator allows beyond the public internet; port None means every port."""

    names: frozenset[tuple[str, int | None]]
    networks: tuple[tuple[IPv4Network | IPv6Network, int | None], ...]

    def has_name(self, host: str, port: int) -> bool:
        """Say whether this host name is allowed at this port, wherever it may lead."""
        return (host, None) in self.names or (host, port) in self.names

    def has_address(self, address: Address, port: int) -> bool:
        """Say whether this address is allowed at this port."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in net and allowed in (None, port) for net, allowed in self.networks)


def allow_list() -> AllowList:
    """Return settings.ISFLOW_HTTP_ALLOW, parsed."""
    return parse_allow_list(tuple(settings.ISFLOW_HTTP_ALLOW))


@lru_cache(maxsize=8)
def parse_allow_list(entries: tuple[str, ...]) -> AllowList:
    """Read ``host``, ``host:port``, ``[v6]:port`` and network entries; raise ValueError for a broken one."""
    names: set[tuple[str, int | None]] = set()
    networks: list[tuple[IPv4Network | IPv6Network, int | None]] = []
    for entry in entries:
        text, port = _split_port(entry.strip())
        host = normal_host(text)
        if not host:
            raise ValueError(f"Not a host or network: {entry!r}")
        try:
            networks.append((ip_network(host, strict=False), port))
        except ValueError:
            if "/" in host:
                raise ValueError(f"Not a host or network: {entry!r}") from None
            names.add((host, port))
    return AllowList(frozenset(names), tuple(networks))


def _split_port(entry: str) -> tuple[str, int | None]:
    """Split ``host:port``; a bare IPv6 address has colons but no port."""
    if entry.startswith("["):
        host, bracket, rest = entry.partition("]")
        port = rest.removeprefix(":")
        return host + bracket, int(port) if port else None
    host, colon, port = entry.rpartition(":")
    return (host, int(port)) if colon and ":" not in host else (entry, None)


def refusal_of_target(host: str, port: int) -> str | None:
    """Say why this host and port may not be called, as far as can be told without asking DNS."""
    allowed = allow_list()
    address = literal_address(host)
    if allowed.has_name(host, port) or (address is not None and allowed.has_address(address, port)):
        return None
    if host in {normal_host(own) for own in settings.ISFLOW_OWN_HOSTS}:
        return "the host is this installation"
    if address is None and _looks_numeric(host):
        return "the address is written in an unusual way"
    if address is not None and not is_public_address(address):
        return "the address is not public"
    # A port can still be allowed together with the network that the name turns out to be in.
    networked = any(entry_port in (None, port) for _, entry_port in allowed.networks)
    if port not in WELL_KNOWN_PORTS and port < FIRST_FREE_PORT and not (address is None and networked):
        return "the port is not allowed"
    return None


def refusal_of_addresses(host: str, port: int, addresses: Sequence[Address]) -> str | None:
    """Say why the addresses a host leads to may not be called; one bad address spoils them all."""
    allowed = allow_list()
    if not addresses:
        return "the host has no address"
    if allowed.has_name(host, port):
        return None
    for address in addresses:
        if allowed.has_address(address, port):
            continue
        if not is_public_address(address):
            return "the address is not public"
        if port not in WELL_KNOWN_PORTS and port < FIRST_FREE_PORT:
            return "the port is not allowed"
    return None


def _looks_numeric(host: str) -> bool:
    """Say whether some resolvers would read this name as a number: 127.1, 0x7f000001, 017700000001."""
    last = host.rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")

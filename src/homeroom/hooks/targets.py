"""Which addresses a webhook may reach: the public network by HTTPS, and nothing behind this node's own walls.

Whoever may create a webhook makes this node send requests to where they say. Without care that is a way into the
network that the node stands in: to a database that trusts its neighbours, to the address at which clouds hand out keys.
So the scheme must be HTTPS, and each address of a name must be one of the public network, judged by the tables of
special-purpose addresses (IANA; RFC 6890 and its updates) with the address that hides inside another one taken out
first: ``::ffff:127.0.0.1`` is a loopback address, and so is ``64:ff9b::7f00:1`` behind a NAT64.

A name says nothing about where it leads, and may lead elsewhere a moment later. So names are not judged at all;
addresses are, at each attempt, and the connection goes to the very address that was judged. What is meant to be reached
inside is allowed by name in the settings.

The way not taken is `ipaddress.ip_address.is_global` alone: it calls multicast global, and what it knows
differs between Python's releases. It is asked as well, and whatever either of the two refuses is refused.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from homeroom import limits
from homeroom.errors import WebhookError

__all__ = ["Allowed", "Target", "check_addresses", "parse_target", "why_not_public"]

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_V4: Final = tuple(
    (ipaddress.IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a provider's customers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "reserved for protocols"),
        ("192.52.193.0/24", "reserved for protocols"),
        ("192.88.99.0/24", "a relay of 6to4"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved for protocols"),
        ("198.18.0.0/15", "for measurements"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6_PUBLIC: Final = ipaddress.IPv6Network("2000::/3")
_V6: Final = tuple(
    (ipaddress.IPv6Network(network), what)
    for network, what in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "a local NAT64"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/32", "a tunnel (Teredo)"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a tunnel (6to4)"),
        ("2620:4f:8000::/48", "reserved for protocols"),
        ("3fff::/20", "for documentation"),
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LABEL: Final = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook's requests go.

    Parameters
    ----------
    url : as it was given
    scheme, host, port : of it; the host in small letters, an IPv6 address without brackets
    """

    url: str
    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Allowed:
    """Hosts that may be reached wherever they lead, and by plain HTTP too: ``name`` or ``name:port``."""

    hosts: frozenset[str] = frozenset()

    def allows(self, target: Target) -> bool:
        """Say whether a target was allowed by name."""
        return bool({target.host, f"{target.host}:{target.port}"} & self.hosts)


def parse_target(url: str, allowed: Allowed) -> Target:
    """Return where an address leads to, if a webhook may have it.

    Raises
    ------
    WebhookError
        It is no address of HTTPS, holds a name and password, or names an address that is not of the public network.
    """
    target = _parsed(url)
    if allowed.allows(target):
        return target
    if target.scheme != "https":
        raise WebhookError(
            f"the address of a webhook begins with {target.scheme}://, it must begin with https://; "
            f"plain HTTP is for hosts that webhooks.allowed_hosts names"
        )
    literal = _literal(target.host)
    if literal is not None:
        check_addresses(target, [str(literal)], allowed)
    return target


def _parsed(url: str) -> Target:
    if len(url) > limits.WEBHOOK_URL_CHARACTERS_MAX:
        raise WebhookError(
            f"the address of a webhook has {len(url):,} characters, at most "
            f"{limits.WEBHOOK_URL_CHARACTERS_MAX:,} are allowed"
        )
    if not url.isascii() or not url.isprintable() or {" ", "\\"} & set(url):
        raise WebhookError(
            "the address of a webhook must be plain ASCII without spaces; write a name of other letters as xn--…"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise WebhookError(f"the address of a webhook cannot be read: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise WebhookError("the address of a webhook must be https://, a host and a path")
    if "@" in parts.netloc or parts.fragment:
        raise WebhookError(
            "the address of a webhook may hold no user, no password and no #; requests are signed instead"
        )
    if _literal(host) is None and not _NAME.fullmatch(host):
        raise WebhookError("the host of a webhook's address is no name of a host")
    if port == 0:
        raise WebhookError("the port of a webhook's address is 0; it must be from 1 to 65,535")
    return Target(url, parts.scheme, host, port or (443 if parts.scheme == "https" else 80))


def _literal(host: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def check_addresses(target: Target, addresses: Iterable[str], allowed: Allowed) -> tuple[str, ...]:
    """Return the addresses that a target's name leads to, if all of them may be reached.

    Parameters
    ----------
    target : whose name was looked up
    addresses : what it leads to now
    allowed : what may be reached wherever it leads

    Raises
    ------
    WebhookError
        There are none, too many, or one is not of the public network. The message holds the host, and of the address
        only what kind it is: whoever asks must not learn how the network inside is built.
    """
    found = tuple(dict.fromkeys(addresses))
    if not found:
        raise WebhookError(f"{target.host} leads to no address")
    if len(found) > limits.WEBHOOK_ADDRESSES_MAX:
        raise WebhookError(
            f"{target.host} leads to {len(found)} addresses, at most {limits.WEBHOOK_ADDRESSES_MAX} are looked at"
        )
    if not allowed.allows(target):
        for address in found:
            why = why_not_public(address)
            if why is not None:
                raise WebhookError(
                    f"{target.host} leads to an address that is {why}; "
                    f"only hosts that webhooks.allowed_hosts names may"
                )
    return found


def why_not_public(address: str) -> str | None:
    """Return what an address is instead of one of the public network, None for one of that."""
    found = _literal(address)
    if found is None or getattr(found, "scope_id", None) is not None:
        return "no plain address"
    if isinstance(found, ipaddress.IPv6Address):
        within = _embedded(found)
        return _why_not_v6(found) if within is None else _why_not_v4(within)
    return _why_not_v4(found)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that packets to this one end at: mapped (RFC 4291), or behind NAT64 (RFC 6052)."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _why_not_v4(address: ipaddress.IPv4Address) -> str | None:
    for network, what in _V4:
        if address in network:
            return what
    return None if address.is_global else "not global"


def _why_not_v6(address: ipaddress.IPv6Address) -> str | None:
    for network, what in _V6:
        if address in network:
            return what
    return None if address in _V6_PUBLIC and address.is_global else "not global"

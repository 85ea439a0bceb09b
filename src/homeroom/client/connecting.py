"""What both clients need to reach nodes: addresses and key, checked once, and what a failed attempt is called.

Redirects are not followed: a key goes to the addresses that were given and to those of a table that a node of the world
has signed, and to no other. Each address has connections of its own, so that one which hangs holds up no other. Proxies
of the environment are used, but not to reach this machine.
"""

import ipaddress
import os
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from homeroom import limits
from homeroom.client.discovery import Discovery
from homeroom.client.endpoints import Endpoints
from homeroom.client.measures import Kind, Loss
from homeroom.client.messages import Reply, Request, answered, good
from homeroom.client.options import ClientOptions
from homeroom.client.retrying import ELSEWHERE, RETRIED, Event, Failed, Retrying, Try
from homeroom.client.routes import Endpoint, is_address, is_secure
from homeroom.errors import SettingsError, UnavailableError

__all__ = [
    "KEY_VARIABLE",
    "LOST",
    "ROUTES_PATH",
    "Connecting",
    "asked_for_routes",
    "collected",
    "failed",
    "lower",
    "monotonic_ms",
    "refused_stream",
    "timeouts",
    "wall_ms",
    "why_failed",
]

KEY_VARIABLE: Final = "HOMEROOM_KEY"
ROUTES_PATH: Final = "/v1/routes"
ROUTES_TRIED: Final = 3
"""Endpoints that are asked for a table at a time."""
LOST: Final = (httpx.TransportError, httpx.DecodingError, TimeoutError)
"""What an attempt that has no answer raises."""
_NO_HTTP: Final = ("illegal status line", "illegal request line", "no response line")
"""How the library begins to say that the first line of an answer is none (RFC 9112, 4)."""


def monotonic_ms() -> int:
    """Return milliseconds that only grow."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Return the time in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Connecting:
    """Where nodes are and what opens them.

    Parameters
    ----------
    urls : addresses of nodes of one world, such as ``https://node.example.org``, the one that is preferred first
    key : what opens them; None for the one in the variable ``HOMEROOM_KEY``
    options : how to wait and try again

    Raises
    ------
    SettingsError
        An address is none, there are none or too many, or there is no key.
    """

    urls: tuple[str, ...]
    key: str | None = field(repr=False)
    options: ClientOptions

    def __post_init__(self) -> None:
        """Refuse what makes no sense, and never show a key."""
        if not 0 < len(self.urls) <= limits.ENDPOINTS_MAX:
            raise SettingsError(
                f"a client has {len(self.urls)} addresses, must have from 1 to {limits.ENDPOINTS_MAX}"
            )
        if not all(map(is_address, self.urls)):
            raise SettingsError(
                "the address of the node must be like https://node.example.org:8080, with nothing but a path behind "
                "it and no name or password in it"
            )
        object.__setattr__(self, "urls", tuple(dict.fromkeys(url.rstrip("/") for url in self.urls)))
        if not self.key:
            object.__setattr__(self, "key", os.environ.get(KEY_VARIABLE, ""))
        key = (self.key or "").strip()
        if not key:
            raise SettingsError(
                f"there is no key; hand one in, or set {KEY_VARIABLE}. homeroom keys create makes one"
            )
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise SettingsError(
                "the key holds what no key can; is it the whole key, and nothing else?"
            )
        object.__setattr__(self, "key", key)

    @classmethod
    def to(cls, urls: str | Sequence[str], key: str | None, options: ClientOptions | None) -> Self:
        """Return how one address is reached, or several."""
        return cls(
            (urls,) if isinstance(urls, str) else tuple(urls), key, options or ClientOptions()
        )

    @property
    def key_headers(self) -> dict[str, str]:
        """What opens a node; it goes along with a request to an endpoint, and with no other."""
        return {"Authorization": f"Bearer {self.key}"}

    def http_settings(
        self,
        url: str,
        trusted: ssl.SSLContext | None,
        transport: type[httpx.HTTPTransport | httpx.AsyncHTTPTransport],
    ) -> dict[str, Any]:
        """Return how the library is set up for an address, without the key; ``transport`` is what it connects with."""
        verify = trusted or is_secure(url)
        settings: dict[str, Any] = {
            "base_url": url,
            "headers": {"User-Agent": "homeroom"},
            "verify": verify,
            "trust_env": not _is_here(urlsplit(url).hostname or ""),
            "follow_redirects": False,
        }
        if self.options.source is not None:
            settings["transport"] = transport(verify=verify, local_address=self.options.source)
        return settings

    def trusted(self) -> ssl.SSLContext | None:
        """Return by which certificates nodes are known, None where none is asked for one.

        Raises `SettingsError` if they cannot be read.
        """
        is_wanted = self.options.world is not None or any(map(is_secure, self.urls))
        if self.options.certificates is None and not is_wanted:
            return None
        try:
            return ssl.create_default_context(cafile=self.options.certificates)
        except OSError as error:  # of the library for TLS too
            raise SettingsError(
                f"certificates is {self.options.certificates!r}, which cannot be used: {error.strerror or error}"
            ) from error

    def discovery(self) -> Discovery:
        """Return what finds other endpoints, with the table that was kept. Raises `SettingsError`."""
        world, options = self.options.world, self.options
        if world is None:
            return Discovery((self.urls, ()), None, None, None, options.generator)
        given = self.urls, world.addresses
        found = Discovery(given, world.verify(), world.name, world.place, options.generator)
        body = world.kept()
        if body is not None:
            found.hear(body)
        return found

    def heard(self, discovery: Discovery, body: bytes) -> bool:
        """Hear a document with a table; say whether it is followed from now on. It is kept then."""
        if not discovery.hear(body):
            return False
        if self.options.world is not None:
            discovery.trouble = self.options.world.keep(body)
        return True

    def retrying(self, endpoints: Sequence[Endpoint]) -> Retrying:
        """Return how requests are tried again, and where."""
        options = self.options
        return Retrying(
            round(options.time_s_max * 1_000),
            round(options.attempt_s_max * 1_000),
            options.generator,
            Endpoints(endpoints, options.generator),
        )


def asked_for_routes(endpoints: Endpoints, now_ms: int) -> Iterator[Try]:
    """Yield how to ask endpoints for a routing table, one after the other: without the key, it is nobody's secret."""
    tried: set[str] = set()
    while len(tried) < ROUTES_TRIED and (found := endpoints.next(Kind.READ, now_ms, tried)):
        tried.add(found.url)
        yield Try(limits.ROUTES_WAIT_MS, found.url, limits.ENDPOINT_CONNECT_MS)


def timeouts(found: Try) -> httpx.Timeout:
    """Return how long the library waits in an attempt."""
    whole_s = found.time_ms_max / 1_000
    connect_ms = found.time_ms_max if found.connect_ms_max is None else found.connect_ms_max
    return httpx.Timeout(whole_s, connect=connect_ms / 1_000)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def collected(request: Request, body: bytearray, chunk: bytes) -> None:
    """Add a piece of an answer's body. Raises `UnavailableError` if it is too long."""
    body += chunk
    if len(body) > limits.CLIENT_ANSWER_BYTES_MAX:
        raise UnavailableError(
            f"{request.what}: the answer has more than {limits.CLIENT_ANSWER_BYTES_MAX:,} bytes; ask for less"
        )


def failed(error: Exception, at: str) -> Failed:
    """Return what it means that an attempt at an endpoint had no answer."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        loss = Loss.UNREACHABLE
    elif isinstance(error, TimeoutError | httpx.TimeoutException):
        loss = Loss.LATE
    else:
        loss = Loss.BROKEN
    return Failed(why_failed(error, at), loss, at)


def why_failed(error: Exception, at: str) -> str:
    """Return in words for people why there was no answer from an endpoint; never what was sent, nor what came."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        # What the library says of a connection names hosts and certificates, and nothing of the request.
        return f"no connection ({error})"
    # Never what stands before the host: it may be a password.
    where = urlsplit(at).netloc.rpartition("@")[2]
    if isinstance(error, httpx.RemoteProtocolError) and str(error).startswith(_NO_HTTP):
        return f"what answers at {where} does not speak HTTP; is it the address of a node?"
    return f"the connection to {where} broke ({type(error).__name__})"


def lower(headers: httpx.Headers) -> dict[str, str]:
    """Return headers with their names in small letters."""
    return {name.lower(): value for name, value in headers.items()}


def refused_stream(request: Request, reply: Reply, at: str) -> Event:
    """Return what it means that no stream was opened. Raises `NodeError` if it never will be."""
    if reply.status in RETRIED or reply.status == ELSEWHERE:
        return answered(reply, at)
    good(request, reply)
    return Failed("the answer is no stream", Loss.REFUSED, at)

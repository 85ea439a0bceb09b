"""What both clients need to reach a node: its address and key, checked once, and what a failed attempt is called.

Redirects are not followed: a key goes to the address that was given, and to no other. Proxies of the environment are
used, but not to reach this machine.
"""

import ipaddress
import os
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from homeroom import limits
from homeroom.client.messages import Reply, Request, good, retry_after_ms
from homeroom.client.options import ClientOptions
from homeroom.client.retrying import RETRIED, Answered, Event, Failed, Retrying
from homeroom.errors import SettingsError, UnavailableError

__all__ = [
    "KEY_VARIABLE",
    "LOST",
    "Connecting",
    "collected",
    "lower",
    "monotonic_ms",
    "refused_stream",
    "wall_ms",
    "why_failed",
]

KEY_VARIABLE: Final = "HOMEROOM_KEY"
LOST: Final = (httpx.TransportError, httpx.DecodingError, TimeoutError)
"""What an attempt that has no answer raises."""


def monotonic_ms() -> int:
    """Return milliseconds that only grow."""
    return time.monotonic_ns() // 1_000_000


def wall_ms() -> int:
    """Return the time in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Connecting:
    """Where a node is and what opens it.

    Parameters
    ----------
    url : address of the node, such as ``https://node.example.org``
    key : what opens it; None for the one in the variable ``HOMEROOM_KEY``
    options : how to wait and try again

    Raises
    ------
    SettingsError
        The address is none, or there is no key.
    """

    url: str
    key: str | None = field(repr=False)
    options: ClientOptions

    def __post_init__(self) -> None:
        """Refuse what makes no sense, and never show a key."""
        try:
            parts = urlsplit(self.url)
            is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
            is_bare = not (parts.query or parts.fragment or parts.username or parts.password)
            _ = parts.port
        except ValueError:
            is_good = is_bare = False
        if not (is_good and is_bare):
            raise SettingsError(
                "the address of the node must be like https://node.example.org:8080, with nothing but a path behind "
                "it and no name or password in it"
            )
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

    def http_settings(self) -> dict[str, Any]:
        """Return how the library is set up. Raises `SettingsError` if the certificates cannot be read."""
        return {
            "base_url": self.url,
            "headers": {"Authorization": f"Bearer {self.key}", "User-Agent": "homeroom"},
            "verify": self._trusted(),
            "trust_env": not _is_here(urlsplit(self.url).hostname or ""),
            "follow_redirects": False,
        }

    def _trusted(self) -> ssl.SSLContext | bool:
        if self.options.certificates is None:
            return urlsplit(self.url).scheme == "https"
        try:
            return ssl.create_default_context(cafile=self.options.certificates)
        except OSError as error:  # of the library for TLS too
            raise SettingsError(
                f"certificates is {self.options.certificates!r}, which cannot be used: {error.strerror or error}"
            ) from error

    def retrying(self) -> Retrying:
        """Return how requests are tried again."""
        options = self.options
        return Retrying(
            round(options.time_s_max * 1_000),
            round(options.attempt_s_max * 1_000),
            options.generator,
        )


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


def why_failed(error: Exception) -> str:
    """Return in words for people why there was no answer; never what was sent."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        # What the library says of a connection names hosts and certificates, and nothing of the request.
        return f"no connection ({error})"
    return f"the connection broke ({type(error).__name__})"


def lower(headers: httpx.Headers) -> dict[str, str]:
    """Return headers with their names in small letters."""
    return {name.lower(): value for name, value in headers.items()}


def refused_stream(request: Request, reply: Reply) -> Event:
    """Return what it means that no stream was opened. Raises `NodeError` if it never will be."""
    if reply.status in RETRIED:
        return Answered(reply.status, retry_after_ms(reply.headers))
    good(request, reply)
    return Failed("the answer is no stream")

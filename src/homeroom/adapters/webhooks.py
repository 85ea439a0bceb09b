"""One attempt to deliver: a signed request to an address that was judged, and what came of it.

The name of a target is looked up once an attempt, all that it leads to is judged, and the connection goes to one of the
very addresses that were judged (`homeroom.hooks.targets` says which may be reached, and why). A second look-up, which
every client library makes when it is given a name, is what an attacker waits for: the first answer passes, the second
leads inside. So the library is given the address, and the name only as what a certificate must be for and what the
``Host`` header says. It follows no redirect, keeps no cookies and knows of no proxy: it is used below the level at
which it has any of these.

A target may do what it likes: say nothing, drip, close, answer without end. Each attempt has one bound in time for all
of it, and of an answer only the status counts; what follows is read up to a bound and thrown away, so that nothing that
a target says is ever kept or logged.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeAlias

import httpx

from homeroom import limits
from homeroom.errors import WebhookError
from homeroom.hooks.steps import Outcome, Result
from homeroom.hooks.targets import Allowed, Target, check_addresses, parse_target

__all__ = ["Message", "Resolve", "SystemResolver", "WebhookClient"]

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""From host and port to the addresses that the name leads to now; raises `OSError` if it leads nowhere."""

_GONE: Final = 410
_TIMEOUTS: Final = {
    "connect": limits.WEBHOOK_CONNECT_MS_MAX / 1_000,
    "read": limits.WEBHOOK_ATTEMPT_MS_MAX / 1_000,
    "write": limits.WEBHOOK_ATTEMPT_MS_MAX / 1_000,
    "pool": limits.WEBHOOK_ATTEMPT_MS_MAX / 1_000,
}
_CONNECTIONS: Final = httpx.Limits(
    max_connections=limits.DELIVERIES_UNDER_WAY_MAX,
    max_keepalive_connections=limits.DELIVERIES_UNDER_WAY_MAX,
    keepalive_expiry=5.0,
)
_UNCONNECTED: Final = (httpx.ConnectError, httpx.ConnectTimeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request.

    Parameters
    ----------
    webhook : whose it is; requests of one webhook share connections, those of two never do
    url : where it goes
    headers : beside those of HTTP itself
    body : JSON
    """

    webhook: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class SystemResolver:
    """Looks names up as the machine does, in threads of its own: a look-up that hangs holds up nothing else."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(limits.WEBHOOK_LOOKUPS_MAX, "homeroom-lookup")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses that a name leads to."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, _looked_up, host, port)

    def close(self) -> None:
        """Wait for no look-up any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _looked_up(host: str, port: int) -> Sequence[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class WebhookClient:
    """Sends requests; used from one event loop.

    Parameters
    ----------
    allowed : hosts that may be reached wherever they lead
    resolve : looks names up
    tls : what certificates must be; None for what the machine trusts
    """

    def __init__(
        self, allowed: Allowed, resolve: Resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._allowed, self._resolve = allowed, resolve
        self._tls = ssl.create_default_context() if tls is None else tls
        self._transports: dict[str, httpx.AsyncHTTPTransport] = {}

    async def send(self, message: Message) -> Outcome:
        """Try once; say how it ended. Raises nothing that a target can cause."""
        try:
            async with asyncio.timeout(limits.WEBHOOK_ATTEMPT_MS_MAX / 1_000):
                target = parse_target(message.url, self._allowed)
                found = await self._resolve(target.host, target.port)
                addresses = check_addresses(target, found, self._allowed)
                return await self._try(message, target, addresses)
        except WebhookError as error:
            return Outcome(Result.NOT_ALLOWED, str(error))
        except (TimeoutError, httpx.TimeoutException):
            seconds = limits.WEBHOOK_ATTEMPT_MS_MAX // 1_000
            return Outcome(Result.TIMED_OUT, f"no answer within {seconds} seconds")
        except socket.gaierror:
            return Outcome(Result.UNREACHABLE, "the name of its host leads nowhere")
        except httpx.ConnectError as error:
            is_tls = isinstance(_root_of(error), ssl.SSLError)
            why = "its certificate is not trusted" if is_tls else "no connection could be made"
            return Outcome(Result.UNREACHABLE, why)
        except (httpx.TransportError, OSError) as error:
            # The kind alone: a text may hold what the target sent.
            return Outcome(Result.UNREACHABLE, f"the connection broke ({type(error).__name__})")

    async def _try(self, message: Message, target: Target, addresses: Sequence[str]) -> Outcome:
        """Send to the first address that takes a connection: all of them were judged."""
        for address in addresses[:-1]:
            try:
                return await self._post(message, target, address)
            except _UNCONNECTED:
                continue
        return await self._post(message, target, addresses[-1])

    async def _post(self, message: Message, target: Target, address: str) -> Outcome:
        url = httpx.URL(message.url)
        request = httpx.Request(
            "POST",
            url.copy_with(host=address),
            headers={
                "host": url.netloc.decode("ascii"),
                "content-type": "application/json",
                "user-agent": "homeroom",
                "accept-encoding": "identity",
                **message.headers,
            },
            content=message.body,
            extensions={"timeout": _TIMEOUTS, "sni_hostname": target.host},
        )
        response = await self._transport(message.webhook).handle_async_request(request)
        try:
            outcome = _outcome_of(response)
            await _drain(response)
        finally:
            await response.aclose()
        return outcome

    def _transport(self, webhook: str) -> httpx.AsyncHTTPTransport:
        # One a webhook: a connection is known by its address, and one address may serve many names.
        if webhook not in self._transports:
            self._transports[webhook] = httpx.AsyncHTTPTransport(
                verify=self._tls, trust_env=False, limits=_CONNECTIONS
            )
        return self._transports[webhook]

    async def keep(self, webhooks: Iterable[str]) -> None:
        """Close the connections of all webhooks but these."""
        for gone in set(self._transports) - set(webhooks):
            await self._transports.pop(gone).aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self.keep(())


def _outcome_of(response: httpx.Response) -> Outcome:
    status = response.status_code
    if response.is_success:
        return Outcome(Result.DELIVERED)
    if status == _GONE:
        return Outcome(Result.GONE, "answered 410: it wants no more")
    followed = ", and redirects are not followed" if response.has_redirect_location else ""
    return Outcome(Result.REFUSED, f"answered {status}{followed}", _asked_wait_ms(response))


def _asked_wait_ms(response: httpx.Response) -> int:
    """Return how long a target asks to be left alone, if it does so in seconds (RFC 9110, section 10.2.3)."""
    asked = response.headers.get("retry-after", "")
    return int(asked) * 1_000 if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0


async def _drain(response: httpx.Response) -> None:
    """Read what follows, so that the connection can serve again; whatever goes wrong now only closes it."""
    size_bytes = 0
    try:
        async with asyncio.timeout(limits.WEBHOOK_DRAIN_MS_MAX / 1_000):
            async for part in response.aiter_raw():
                size_bytes += len(part)
                if size_bytes > limits.WEBHOOK_ANSWER_BYTES_MAX:
                    return
    except (TimeoutError, httpx.TransportError):
        return


def _root_of(error: BaseException) -> BaseException:
    """Return what an error was caused by in the first place."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        error, cause = cause, cause.__cause__ or cause.__context__
    return error

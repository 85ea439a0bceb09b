"""Whether a node answers clients: asked over HTTP, as they would; a node that hears its peers may still serve nobody.

Nothing is sent along and nothing of the answer is believed but its status and whether the node says that it is being
emptied; so a certificate is not asked for: an authority that this machine does not know would have a whole world called
dead, and whoever could stand in between might as well drop the packets. A node that is drained answers 503 for the sake
of load balancers, and is well.
"""

import asyncio
import ssl
import time
from typing import Final

import httpx

from homeroom import limits
from homeroom.traffic.detection.steps import Outcome

__all__ = ["DRAINING", "Probes"]

DRAINING: Final = "homeroom-draining"
"""The header by which a node says that it is being emptied."""


class Probes:
    """Asks nodes whether they are ready; used from one event loop.

    ``source`` is the address of this machine from which it asks; None leaves that to the system.
    """

    def __init__(self, source: str | None = None) -> None:
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=limits.PROBE_WAIT_MS / 1_000,
            transport=httpx.AsyncHTTPTransport(
                verify=tls,
                # A connection that is kept says nothing of whether new ones are taken.
                limits=httpx.Limits(max_keepalive_connections=0),
                local_address=source,
            ),
        )

    async def ask(self, url: str) -> tuple[Outcome, float]:
        """Return how it ended, and how long it took in milliseconds. Raises nothing that a node can cause."""
        began_s = time.perf_counter()
        try:
            async with asyncio.timeout(limits.PROBE_WAIT_MS / 1_000):
                outcome = await self._ask(f"{url.rstrip('/')}/health/ready")
        except (TimeoutError, httpx.TimeoutException):
            outcome = Outcome.TIME_OUT
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
            outcome = Outcome.REFUSAL
        return outcome, (time.perf_counter() - began_s) * 1_000

    async def _ask(self, url: str) -> Outcome:
        size_bytes = 0
        async with self._client.stream("GET", url, headers={"user-agent": "homeroom"}) as answer:
            is_well = answer.status_code == httpx.codes.OK or DRAINING in answer.headers
            async for part in answer.aiter_raw():
                size_bytes += len(part)
                if size_bytes > limits.PROBE_ANSWER_BYTES_MAX:
                    return Outcome.REFUSAL
        return Outcome.ANSWER if is_well else Outcome.REFUSAL

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

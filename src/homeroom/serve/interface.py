"""What all parts of the HTTP interface share: the node behind it, who may ask, how often, and what is counted.

A request passes here before anything of it is read: a key that opens nothing, or that asks too often, costs a look-up
and no more.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from homeroom.adapters.audit import Audit, Done
from homeroom.adapters.metrics import Metrics
from homeroom.cohorts.kept import KeptDefinitions
from homeroom.cohorts.live import ToldAnswer
from homeroom.errors import (
    AuditError,
    HomeElsewhereError,
    HomeroomError,
    NotFreshError,
    NotInShardsError,
    NotYetError,
    ShardsAwayError,
    StoreError,
    TenantElsewhereError,
    TenantLeftOutError,
    kind_and_places,
)
from homeroom.serve.access import Access, Caller
from homeroom.serve.auditing import Auditing
from homeroom.serve.pinning import elsewhere
from homeroom.serve.problems import ProblemError
from homeroom.serve.rates import Buckets
from homeroom.serve.remembering import Asking, Definitions, Remembering
from homeroom.serve.serving import ServingAll, ServingTraffic, ServingWebhooks
from homeroom.serve.sessions import COOKIE, SECURE_COOKIE, Session, Sessions, cookies_of
from homeroom.serve.settings import Settings
from homeroom.traffic.overload.admission import Overload

if TYPE_CHECKING:
    from homeroom.serve.pages.provider import Provider

__all__ = ["KNOWN_CALLER", "Headers", "Interface", "header", "make_interface", "problem_of"]

KNOWN_CALLER: Final = "homeroom.caller"
"""Where the scope of a request (ASGI 3.0) holds its `Caller`, if that was found out before it was begun with."""

Headers: TypeAlias = list[tuple[bytes, bytes]]
"""Headers of a request, names in small letters (ASGI 3.0)."""

_MINUTE_MS: Final = 60_000
_LOG: Final = logging.getLogger("homeroom.serve")


def header(headers: Headers, name: bytes) -> str | None:
    """Return a header's value; None if there is none, or more than one."""
    found = None
    for one, value in headers:
        if one == name:
            if found is not None:
                return None
            found = value
    return None if found is None else found.decode("latin-1").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """What stands before a node.

    Parameters
    ----------
    serving : the node
    webhooks : those of the node, None where it runs without them
    settings : those of the node
    access : finds out who is asking
    auditing : writes down who looked at persons, and who changed what
    metrics : what is counted
    requests, events : what a caller may ask and send in a while
    now_ms : the node's clock, milliseconds since 1970 UTC
    overload : how many requests are let in at once; those that wait are whatever stands at the door
    sessions : who is signed in to the pages
    kept : the definitions of its tenants, and digests of them (``defined``)
    remembering : the cache before the node, None where it has none
    provider : where people sign in to the pages beside here, None where they do not
    traffic : where requests go, None at a node alone
    stopping : is set when the node begins to stop: what would never end by itself ends then
    """

    serving: ServingAll
    webhooks: ServingWebhooks | None
    settings: Settings
    access: Access
    auditing: Auditing
    metrics: Metrics
    requests: Buckets
    events: Buckets
    now_ms: Callable[[], int]
    overload: Overload[Any]
    sessions: Sessions
    kept: KeptDefinitions = field(default_factory=KeptDefinitions)
    defined: Definitions = field(default_factory=Definitions)
    remembering: Remembering | None = None
    provider: "Provider | None" = None
    traffic: ServingTraffic | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, asking: Asking) -> ToldAnswer:
        """Answer a question, from the cache if there is one. Raises as `homeroom.serve.serving.Serving.ask` does."""
        if self.remembering is not None:
            return await self.remembering.ask(asking)
        return await self.serving.ask(
            asking.tenant, asking.question, asking.wanted, asking.shows, asking.tell
        )

    async def admit(self, headers: Headers, known: Caller | None = None) -> Caller:
        """Return who is asking; ``known`` is who was found to, in this turn of the loop, by these headers.

        Raises `ProblemError` if nobody is known, or too often.
        """
        now_ms = self.now_ms()
        given = header(headers, b"authorization")
        try:
            caller = known or await self.access.caller(given, now_ms)
        except ProblemError as error:
            self.metrics.key_refused()
            if given and error.name == "not-authenticated" and self.serving.lacks_facts():
                raise ProblemError(
                    "unavailable",
                    "this node does not know yet all that was stated, and no such key; come again in a moment",
                    headers={"Retry-After": "1"},
                ) from error
            raise
        self._limit("requests", self.requests, (caller.owner, 1), now_ms)
        return caller

    @property
    def goes_over_tls(self) -> bool:
        """Whether browsers reach the pages over TLS, here or before a proxy."""
        settings = self.settings
        return settings.pages.address.startswith("https:") or bool(settings.server.certificate)

    @property
    def session_cookie(self) -> str:
        """The name of the cookie of a session."""
        return SECURE_COOKIE if self.goes_over_tls else COOKIE

    def session(self, headers: Headers) -> Session | None:
        """Return who is signed in to the pages and sends a request, None if nobody is."""
        given = cookies_of(header(headers, b"cookie")).get(self.session_cookie, "")
        return self.sessions.of(given, self.now_ms()) if given else None

    def admit_session(self, headers: Headers) -> Session | None:
        """Return who is signed in and sends a request, like `session`. Raises `ProblemError` if they ask too often."""
        session = self.session(headers)
        if session is not None:
            self._limit("requests", self.requests, (session.caller.owner, 1), self.now_ms())
        return session

    async def admit_data(self, headers: Headers, known: Caller | None = None) -> Caller:
        """Return who is asking with data of persons. Raises `ProblemError` like `admit`, and where they may not be.

        It is asked before anything of a body is read, so that nothing of it is anywhere afterwards.
        """
        caller = await self.admit(headers, known)
        node = self.settings.node
        regions = elsewhere(self.serving.control(), caller.tenant, (node.region, node.jurisdiction))
        if regions is not None:
            raise ProblemError(
                "elsewhere",
                "this tenant's data are taken in other regions; send them there. Nothing of this request is kept",
                {"regions": list(regions)},
                {"Connection": "close"},
            )
        return caller

    def admit_events(self, caller: Caller, count: int) -> None:
        """Raise `ProblemError` if a caller has sent too many events lately."""
        self._limit("events", self.events, (caller.owner, count), self.now_ms())

    def _limit(self, over: str, buckets: Buckets, cost: tuple[str, int], now_ms: int) -> None:
        wait_s = buckets.take(*cost, now_ms)
        if wait_s > 0:
            self.metrics.limited(over)
            bound = getattr(self.settings.limits, f"{over}_per_second")
            raise ProblemError(
                "too-many",
                f"this key may do {bound:,g} {over} a second on average; come again later",
                {"bound": f"limits.{over}_per_second"},
                {"Retry-After": str(max(1, round(wait_s + 0.5)))},
            )

    async def write_down(self, caller: Caller, what: str, about: Mapping[str, Any]) -> None:
        """Return when it is durable that a caller does this. Raises `AuditError` if it cannot be."""
        await self.write_down_for(caller.tenant, caller.name, what, about)

    async def write_down_for(
        self, tenant: str, who: str, what: str, about: Mapping[str, Any]
    ) -> None:
        """Return when it is durable that somebody does this. Raises `AuditError` if it cannot be."""
        await self.auditing.write(Done(self.now_ms(), tenant, who, what, about))


def make_interface(
    serving: ServingAll,
    webhooks: ServingWebhooks | None,
    settings: Settings,
    access: Access,
    audit: Audit,
    now_ms: Callable[[], int],
) -> Interface:
    """Return an interface to a node, that has counted nothing yet."""
    bounds = settings.limits
    overload: Overload[Any] = Overload(SystemRandom().random, settings.overload.bounds())
    metrics = Metrics()
    metrics.admission = overload.statistics
    return Interface(
        serving=serving,
        webhooks=webhooks,
        settings=settings,
        access=access,
        auditing=Auditing(audit),
        metrics=metrics,
        requests=Buckets(bounds.requests_per_second, bounds.requests_burst),
        events=Buckets(bounds.events_per_second, bounds.events_burst),
        now_ms=now_ms,
        overload=overload,
        sessions=Sessions(
            serving.control,
            round(settings.pages.idle_minutes * _MINUTE_MS),
            round(settings.pages.life_hours * 60 * _MINUTE_MS),
        ),
    )


def _too_early(error: NotYetError | NotFreshError | NotInShardsError) -> ProblemError:
    """Return what a read is told that waited in vain, or for what is not here."""
    soon = {"Retry-After": "1"}
    if isinstance(error, NotInShardsError):
        return ProblemError("not-in-shards", str(error))
    if isinstance(error, ShardsAwayError):
        return ProblemError(
            "unavailable",
            "shards are away, and what all learners come to is not known without them; ask again",
            headers=soon,
        )
    if isinstance(error, NotFreshError):
        return ProblemError("not-fresh", str(error), {"lagging": error.lagging}, soon)
    return ProblemError(
        "not-yet",
        "the entry that the answer must be after has not come here within the time that a read waits; ask again",
        headers=soon,
    )


def _not_here(
    error: HomeElsewhereError | TenantElsewhereError | TenantLeftOutError,
) -> ProblemError:
    if isinstance(error, HomeElsewhereError):
        return ProblemError(
            "home-elsewhere", str(error), {"home": error.home}, {"Homeroom-Home": error.home}
        )
    if isinstance(error, TenantLeftOutError):
        return ProblemError("unavailable", "this tenant is left out here; the health page says why")
    told = "this tenant's events stay in another jurisdiction, and nothing of them is here; ask in its regions"
    return ProblemError("elsewhere", told, {"regions": list(error.regions)})


def problem_of(error: Exception) -> ProblemError:
    """Return what a client is told of an error that nobody has turned into a problem.

    What it says is not told: it was written for the people who run the node, and they find its place in the log.
    """
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, NotYetError | NotFreshError | NotInShardsError):
        return _too_early(error)
    if isinstance(error, HomeElsewhereError | TenantElsewhereError | TenantLeftOutError):
        return _not_here(error)
    if isinstance(error, TimeoutError):
        return ProblemError("unavailable", "it took too long; ask again, or for less")
    known = isinstance(error, HomeroomError)
    _LOG.error("%s", kind_and_places(error))
    if known and isinstance(error, StoreError | AuditError):
        return ProblemError(
            "unavailable",
            "the node cannot write, and takes nothing that must be written; its health page says why",
            headers={"Retry-After": "5"},
        )
    return ProblemError("internal", "the node made a mistake; its log says where")

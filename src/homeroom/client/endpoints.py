"""Which endpoint is asked next: the order of the routing table, and what this client has met itself.

The table is the better judge of distance, load and drain, the client of whether anybody answers. So the order is the
table's, and what the client measures only takes endpoints out of it for a while: one that fails is left alone, one that
is far slower than another goes to the end. Where all are left alone the one is asked that may be back first: a circuit
saves time and load, and is never why a request fails.

Of the nodes of one region a client prefers one, drawn by their weights, and keeps to it: its connections are open
there, and what it has written is there already. To draw anew for each request was not taken for that.
"""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from homeroom import limits
from homeroom.client.measures import Circuit, Kind, Loss, Times
from homeroom.client.routes import Endpoint

__all__ = ["Endpoints"]


@dataclass(slots=True)
class _Known:
    """What is known of an address; kept while it is in no table, as it may come back."""

    circuit: Circuit
    draw: float
    times: dict[Kind, Times] = field(default_factory=lambda: {kind: Times() for kind in Kind})
    slow_until_ms: int | None = None


class Endpoints:
    """The endpoints of one client, in order, with what it has met there.

    Parameters
    ----------
    endpoints : in the order in which they are preferred, at least one
    generator : draws among the nodes of a region, and pauses
    """

    def __init__(self, endpoints: Sequence[Endpoint], generator: random.Random) -> None:
        self._generator = generator
        self._known: dict[str, _Known] = {}
        self._order: tuple[Endpoint, ...] = ()
        # In which the tenant's data are taken; empty: anywhere.
        self._regions: frozenset[str] = frozenset()
        self._elsewhere: set[str] = set()  # addresses that said that they do not take them
        self.take(endpoints)

    def take(self, endpoints: Sequence[Endpoint]) -> None:
        """Prefer these from now on, in this order; what was met at those that stay is kept."""
        assert endpoints, "an order is never empty"
        self._order = tuple(self._drawn(endpoints[: limits.ENDPOINTS_MAX]))
        self._elsewhere.clear()
        gone = self._known.keys() - {one.url for one in self._order}
        for url in list(gone)[: max(0, len(self._known) - 2 * limits.ENDPOINTS_MAX)]:
            del self._known[url]

    def _drawn(self, endpoints: Iterable[Endpoint]) -> Iterable[Endpoint]:
        """Yield endpoints, those of a region in an order drawn by weight (Efraimidis and Spirakis 2006)."""
        for region, some in groupby(endpoints, lambda one: one.region):
            nodes = list(some)
            known = [self._of(one.url) for one in nodes]
            if region:
                keys = [
                    k.draw ** (1 / max(n.weight, 1e-9)) for n, k in zip(nodes, known, strict=True)
                ]
                ranked = sorted(zip(keys, nodes, strict=True), key=lambda pair: -pair[0])
                nodes = [node for _, node in ranked]
            yield from nodes

    @property
    def order(self) -> tuple[Endpoint, ...]:
        """All, in the order in which they are preferred while nothing fails."""
        return self._order

    def named(self, name: str) -> Endpoint | None:
        """Return the endpoint of a node, None if none is known; every node has a name."""
        return next((one for one in self._order if name and one.name == name), None)

    # --- which one ---------------------------------------------------------------------------------------------------

    def next(self, kind: Kind, now_ms: int, tried: Collection[str] = ()) -> Endpoint | None:
        """Return the best endpoint that may be asked now, of those not tried; None if there is none."""
        found: Endpoint | None = None
        for one in self._allowed():
            if one.url in tried or not self._of(one.url).circuit.lets_through(now_ms):
                continue
            if not self._is_slow(one, kind, now_ms):
                return one
            found = found or one
        return found

    def any(self, kind: Kind, now_ms: int) -> Endpoint:
        """Return the best endpoint that may be asked now, or else the one that is left alone for the least time."""
        found = self.next(kind, now_ms)
        if found is not None:
            return found
        return min(self._allowed(), key=lambda one: self._of(one.url).circuit.opens_ms)

    def is_closed(self, url: str) -> bool:
        """Say whether nothing stands against an endpoint."""
        return self._of(url).circuit.is_closed

    def any_closed(self, tried: Collection[str]) -> bool:
        """Say whether nothing stands against some endpoint that was not tried."""
        return any(self.is_closed(one.url) for one in self._allowed() if one.url not in tried)

    def is_well(self, url: str) -> bool:
        """Say whether the last that was heard of an endpoint is an answer."""
        return self._of(url).circuit.is_well

    def is_silent(self, url: str, began_ms: int) -> bool:
        """Say whether nothing at all was heard of an endpoint since a request began."""
        return self._of(url).circuit.is_silent(began_ms)

    def near(self, urls: Collection[str]) -> set[str]:
        """Return these endpoints, and those in the same regions."""
        regions = {one.region for one in self._order if one.region and one.url in urls}
        return {one.url for one in self._order if one.region in regions} | set(urls)

    def opens_in_ms(self, now_ms: int) -> int:
        """Return after how long one of them may be asked, or it is worth looking again; 0 for now."""
        return min(self._of(one.url).circuit.opens_in_ms(now_ms) for one in self._allowed())

    def late_ms(self, url: str, kind: Kind) -> int:
        """Return after how long an answer of an endpoint is late, by its own past."""
        found = self._of(url).times[kind].late_ms
        return limits.HEDGE_MS if found is None else max(found, limits.HEDGE_MS_MIN)

    def patience_ms(self, url: str, kind: Kind) -> int:
        """Return how long a first attempt may take, by the endpoint's own past, before it is worth moving."""
        late_ms = self._of(url).times[kind].late_ms
        if late_ms is None:
            return limits.ENDPOINT_ATTEMPT_MS
        usual_ms = limits.ENDPOINT_PATIENCE_TIMES * late_ms
        return min(max(usual_ms, limits.ENDPOINT_ATTEMPT_MS_MIN), limits.ENDPOINT_ATTEMPT_MS)

    def has_others(self, url: str) -> bool:
        """Say whether there is another endpoint at all."""
        return any(one.url != url for one in self._allowed())

    def _allowed(self) -> Sequence[Endpoint]:
        """Return those that take the tenant's data, as far as is known; all, if these would be none."""
        return [one for one in self._order if self._takes(one)] or self._order

    def _takes(self, endpoint: Endpoint) -> bool:
        if endpoint.url in self._elsewhere:
            return False
        return not (self._regions and endpoint.region) or endpoint.region in self._regions

    def _is_slow(self, endpoint: Endpoint, kind: Kind, now_ms: int) -> bool:
        known = self._of(endpoint.url)
        if known.slow_until_ms is not None:
            if now_ms < known.slow_until_ms:
                return True
            known.slow_until_ms = None
            for times in known.times.values():
                times.clear()  # what is to be known is how it is now
        mine = known.times[kind].middle_ms
        if mine is None:
            return False
        others = [self._of(one.url) for one in self._order if one.url != endpoint.url]
        middles = [one.times[kind].middle_ms for one in others if one.circuit.is_closed]
        best = min((one for one in middles if one is not None), default=None)
        if best is None or mine < max(
            limits.ENDPOINT_SLOW_TIMES * best, best + limits.ENDPOINT_SLOW_MS
        ):
            return False
        known.slow_until_ms = now_ms + limits.ENDPOINT_SLOW_FOR_MS
        return True

    # --- what is met -------------------------------------------------------------------------------------------------

    def begun(self, url: str, time_ms_max: int, now_ms: int) -> None:
        """Hear that a request is made."""
        self._of(url).circuit.begin(now_ms, time_ms_max)

    def answered(self, url: str, kind: Kind, began_ms: int, now_ms: int) -> None:
        """Hear that it has been answered."""
        known = self._of(url)
        known.circuit.good(now_ms)
        known.times[kind].add(now_ms - began_ms)

    def heard(self, url: str, now_ms: int) -> None:
        """Hear that something of an answer has come."""
        self._of(url).circuit.good(now_ms)

    def failed(self, url: str, loss: Loss, began_ms: int, now_ms: int) -> None:
        """Hear that it has failed."""
        self._of(url).circuit.bad(loss, began_ms, now_ms)

    def outrun(self, url: str, kind: Kind, began_ms: int, now_ms: int) -> None:
        """Hear that the answer of another was taken before there was one."""
        known = self._of(url)
        known.times[kind].add(now_ms - began_ms)  # it took at least so long
        known.circuit.bad(Loss.OUTRUN, began_ms, now_ms)

    def let_alone(self, url: str, wait_ms: int, now_ms: int) -> None:
        """Hear that an endpoint asks to be left alone for so long."""
        self._of(url).circuit.let_alone(wait_ms, now_ms)

    def elsewhere(self, url: str, regions: Collection[str], now_ms: int) -> bool:
        """Hear that an endpoint takes nothing of this tenant, and which regions do; say whether any is left to ask."""
        self._of(url).circuit.good(now_ms)
        self._elsewhere.add(url)
        self._regions = frozenset(regions)
        return any(map(self._takes, self._order))

    def statistics(self) -> dict[str, dict[str, object]]:
        """Return by address what has been met there: whether it is asked, and its middle times in milliseconds."""
        return {
            one.url: {
                "region": one.region,
                "asked": self._of(one.url).circuit.is_closed,
                **{f"{kind}_ms": self._of(one.url).times[kind].middle_ms for kind in Kind},
            }
            for one in self._order
        }

    def _of(self, url: str) -> _Known:
        if url not in self._known:
            self._known[url] = _Known(Circuit(self._generator), self._generator.random())
        return self._known[url]

    def check_invariants(self) -> None:
        """Raise `AssertionError` if it is in no state that it may be in."""
        assert self._order, "an order is never empty"
        for known in self._known.values():
            known.circuit.check_invariants()

"""Which endpoints there are, by the last good routing table: without a socket, a clock or a file.

A client that was given one address finds the others by the table that a node hands out, and asks for a newer one now
and then and when something has failed. It asks only when it makes requests, at a moment of its own, so that ten
thousand clients do not all ask a second after a region has died. Whatever comes instead of a newer table (nothing, one
that is older, forged, of another world) changes nothing: the last good one is followed for as long as it takes, and
beside it the addresses that were given, which are tried last. Before the first table there is nothing but these, and
behind them those in the file of regions, by which a program that starts while its own address is away finds the others.
They were right when the file was written, so they count no longer than until a table says more.

The key goes along to what stands in a table, so a table is followed only if it is signed by a node whose key the
program has handed in; without such keys nothing is discovered. And where an address that was given is https, none in
clear is taken from a table.
"""

import random
from collections.abc import Sequence

from homeroom import limits
from homeroom.client.routes import (
    Endpoint,
    RoutingTable,
    Verify,
    candidates,
    decode,
    is_newer,
    is_secure,
)
from homeroom.errors import InputError

__all__ = ["Discovery"]


class Discovery:
    """What one client knows of tables.

    Parameters
    ----------
    given : the addresses that the program has handed in, and those that its operators wrote down
    verify : says which node has signed what; None follows no table
    world : whose tables count; None for that of the first one
    place : where the client is, in degrees north and east; None for the place of the region it was given
    generator : draws moments, and which regions a client goes by that take only a part of theirs
    """

    def __init__(
        self,
        given: tuple[Sequence[str], Sequence[str]],
        verify: Verify | None,
        world: str | None,
        place: tuple[float, float] | None,
        generator: random.Random,
    ) -> None:
        self._given, self._written = tuple(given[0]), tuple(given[1])
        self._verify, self._world, self._place = verify, world, place
        self._generator = generator
        self._draws: dict[str, float] = {}
        self._due_ms: int | None = None  # None: at once
        self._asked_ms: int | None = None
        # Until there is a table the client has nowhere else to go, and a node that has just started has none yet.
        self._pause_ms = limits.ROUTES_HURRY_MS
        self.table: RoutingTable | None = None
        self.trouble = ""
        """Why the last document was not followed; empty if it was."""

    def is_due(self, now_ms: int) -> bool:
        """Say whether to ask for a table now; it is not due again until some time later."""
        if self._verify is None or (self._due_ms is not None and now_ms < self._due_ms):
            return False
        self._asked_ms = now_ms
        self._due_ms = self._next_ms(now_ms)
        self._pause_ms = min(2 * self._pause_ms, limits.ROUTES_MS)
        return True

    def _next_ms(self, asked_ms: int) -> int:
        return asked_ms + round(self._pause_ms * self._generator.uniform(0.5, 1.0))

    def hurry(self, now_ms: int) -> None:
        """Hear that a request has failed: a newer table may say why."""
        if self._due_ms is None or self._asked_ms is None:
            return
        soon_ms = now_ms + round(self._generator.uniform(0, limits.ROUTES_HURRY_MS))
        soon_ms = max(soon_ms, self._asked_ms + limits.ROUTES_HURRY_MS)
        self._due_ms = min(self._due_ms, soon_ms)

    def hear(self, body: bytes) -> bool:
        """Hear what an endpoint said, or a file held; say whether it is a newer table, which is followed then."""
        if self._verify is None:
            return False
        try:
            table = decode(body, self._verify, self._world)
        except InputError as error:
            self.trouble = str(error)
            return False
        self.trouble = ""
        if not is_newer(table, self.table):
            # The same one, or an older one: nodes come to the newest one by one.
            return False
        if self.table is None:
            self._pause_ms = limits.ROUTES_MS
            if self._asked_ms is not None:
                self._due_ms = self._next_ms(self._asked_ms)
        self.table, self._world = table, table.world
        return True

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return where to go, the best first."""
        given = tuple(Endpoint(url) for url in self._given)
        if self.table is None:
            return tuple(map(Endpoint, dict.fromkeys((*self._given, *self._secured()))))
        found = candidates(self.table, self._draw, self._place or self._nearest(self.table))
        if any(map(is_secure, self._given)):
            found = tuple(one for one in found if is_secure(one.url))
        known = {one.url for one in found}
        return (*found, *(one for one in given if one.url not in known))

    def _secured(self) -> tuple[str, ...]:
        is_secured = any(map(is_secure, self._given))
        return tuple(one for one in self._written if is_secure(one) or not is_secured)

    def _nearest(self, table: RoutingTable) -> tuple[float, float] | None:
        """Return the place of the region whose address was given first, None if that is in no table."""
        places = {
            node.http.rstrip("/"): (region.latitude, region.longitude)
            for region in table.regions
            for node in region.nodes
        }
        return next((places[url] for url in self._given if url in places), None)

    def _draw(self, region: str) -> float:
        if region not in self._draws:
            self._draws[region] = self._generator.random()
        return self._draws[region]

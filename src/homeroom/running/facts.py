"""Facts that a node states: taken one by one, or together in one entry; in a world at one place, its home.

One node writes what is stated, so that there is an order which nobody has to agree on. Where that is not this one, a
fact is refused with the name of the one that takes it; nothing is handed on, because whoever asked must hear whether it
counts, and this node could not say so while the home is away.

Which node that is follows from the facts, and from the file of regions as long as none has said that it is the home. So
the home moves while all run: the new one says it itself, and whatever the former one states after that counts for
nobody, whether it has heard of it or not (`homeroom.regions.stated`).
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from homeroom.adapters.directory import key_check
from homeroom.errors import ControlError, HomeElsewhereError, HomeroomError, NotYetError, StoreError
from homeroom.log.control import AuditAnchored, Change, Fact, TenantPut
from homeroom.log.cuts import HistoryCut
from homeroom.log.log import Accepted, Offer, Refused
from homeroom.log.members import (
    HomeMoved,
    LivesEnded,
    MemberFenced,
    MemberLeft,
    OriginsClosed,
)
from homeroom.log.origins import Token
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.log.store import Store
from homeroom.node.admission import Again
from homeroom.running.folds import Folds
from homeroom.running.founding import founding_facts, with_key
from homeroom.running.in_turn import always_in_turn
from homeroom.running.live import Live
from homeroom.running.looks import Looks
from homeroom.running.opening import NodeOptions
from homeroom.running.retaining import Retention
from homeroom.running.ruling import check_held, check_of_the_future, check_past
from homeroom.running.snapshots import Snapshots

__all__ = ["Among", "Facts"]

_AUTHOR: Final = "home"
"""Of what the home states by itself."""
_BY_ITSELF: Final[Mapping[type, str]] = {
    LivesEnded: "lives end",
    OriginsClosed: "origins are closed",
}

_Complete: TypeAlias = Callable[[MemberLeft], Awaitable[MemberLeft]]


@dataclass(frozen=True, slots=True)
class Among:
    """What a node that states facts asks its member, in the event loop.

    Parameters
    ----------
    closed : completes that a node has left with the numbers at which it is closed
    waiting : says which facts that are held are of the future, None if none are (`homeroom.running.in_turn`)
    looks : returns what this node knows of others, None in a node alone
    """

    closed: _Complete
    waiting: Callable[[], Awaitable[str | None]]
    looks: Callable[[], Looks] | None


class Facts:
    """States facts of a node; in the event loop.

    Parameters
    ----------
    options : how the node runs
    log : offers something to its log, and keeps it
    live, folds : what is folded, and who waits for it
    snapshots : have the keys of tenants
    among : what its member says

    Attributes
    ----------
    retention : completes cuts, and states those that are due
    """

    def __init__(
        self,
        options: NodeOptions,
        log: tuple[Callable[[Offer], Awaitable[Accepted | Refused]], Store],
        live: Live,
        folds: Folds,
        snapshots: Snapshots,
        among: "Among",
    ) -> None:
        self._options, (self._offer, store) = options, log
        self._held, self._read = store.held, store.read
        self._live, self._folds, self._snapshots = live, folds, snapshots
        self._among = among
        self.retention = Retention(live, options.now_ms, among.looks)
        # By node what states where its audit log ends: a task that nobody holds may be collected.
        self._anchoring: dict[str, asyncio.Task[None]] = {}

    @property
    def home(self) -> str:
        """The node that states facts, as far as this one knows; in a node alone that is itself."""
        world = self._options.world
        if world is None:
            return self._options.name
        return self._live.control.members.home or world.home

    @property
    def is_home(self) -> bool:
        """Whether facts are stated here: in a node alone, and at the home of a world."""
        return self.home == self._options.name

    async def alone(self, what: str, tenant: str, content: object) -> Accepted | Refused:
        """Offer what the node itself has to say."""
        return await self._offer(
            Offer(
                ticket=0,
                tenant=tenant,
                owner="",
                batch_id=f"{what} {secrets.token_hex(16)}",
                digest=b"",
                content=content,
                events=0,
                size_bytes=0,
                is_kept=False,
            )
        )

    async def once(self, name: str, content: Again) -> Accepted | Refused:
        """Offer what the node has written before, under a name of which the log keeps that it was done."""
        return await self._offer(
            Offer(
                ticket=0,
                tenant="",
                owner="",
                batch_id=name,
                digest=b"",
                content=content,
                events=0,
                size_bytes=len(content.content),
            )
        )

    def anchor(self, node: str, records: int, digest: str) -> None:
        """State where the audit log of another node ends, if this is the home; what goes wrong it tells once more."""
        known = self._live.control.anchors.get(node)
        if not self.is_home or (known is not None and known.digest == digest):
            return

        async def state() -> None:
            with contextlib.suppress(HomeroomError):
                await self.state(AuditAnchored(node=node, records=records, digest=digest), "node")

        self._anchoring[node] = asyncio.get_running_loop().create_task(state())

    async def state(self, fact: Fact, author: str) -> Token:
        """State a fact; return when it is durable and counts here.

        Raises `ControlError` if it makes no sense or would stand before facts that wait for their time, `StoreError` if
        it cannot be written, `HomeElsewhereError` in a node that is not the home of its world, `KeyFileError` for a
        tenant whose key is there and cannot be used.
        """
        checked = self._checked(fact)
        if isinstance(checked, Restamped | EntriesLost):
            await self._check_ruling(checked)
        if not always_in_turn(fact):
            await self._check_in_turn()
        fact = await self._completed(checked)
        if isinstance(fact, TenantPut):
            self._live.control.check(fact)  # before a key is made under its name
            self._snapshots.key(fact.name)
        facts: list[Fact] = [fact]
        if self._options.world is not None:
            facts = with_key(fact, self._live.control, self._key_check)
        token = await self._state_after(facts, author)
        try:
            await self._folds.reached(token)
        except NotYetError:
            if not isinstance(fact, HistoryCut):
                raise  # a cut of years takes longer than a read waits; it is durable, and will be made
        return token

    def _checked(self, fact: Fact) -> Fact:
        """Return a fact as it is to be stated. Raises as `state` does, for what can be seen before it is written."""
        _check_stated(fact)
        if isinstance(fact, HomeMoved):
            return self._moved(fact)
        if not self.is_home:
            raise HomeElsewhereError(self.home)
        if isinstance(fact, Restamped):
            check_past(fact, self._options.now_ms())
        if self._options.world is not None and isinstance(fact, MemberFenced | MemberLeft):
            _check_stays(self.home, fact)
        return fact

    async def _check_ruling(self, fact: Restamped | EntriesLost) -> None:
        """Raise `ControlError` for a ruling on what is not here, or counts already; `StoreError` as the log does."""
        origin = check_held(fact, self._held())
        looks = self._among.looks
        early = None if looks is None else looks().early.get(origin)
        known = self._live.control.members.rulings, early
        now_ms = self._options.now_ms()
        await asyncio.to_thread(check_of_the_future, fact, origin, known, self._read, now_ms)

    async def _check_in_turn(self) -> None:
        """Raise `ControlError` while facts are held that were stated before, and would count after new ones."""
        waiting = await self._among.waiting()
        if waiting is not None:
            raise ControlError(
                f"facts that were stated before are of the future: {waiting}. What is stated now would stand before "
                f"them, and be undone by them. Put the clock of this node right and wait, or have them count now: "
                f"homeroom world rule"
            )

    def _moved(self, fact: HomeMoved) -> HomeMoved:
        """Return the fact that this node is the home from now on, with the next term if it has none.

        Raises `ControlError` where another node is meant: only the new home can say it, or nobody would know whether it
        still runs.
        """
        name, members = self._options.name, self._live.control.members
        if self._options.world is None or fact.node not in members.nodes:
            there = ", ".join(sorted(members.nodes)) or "none"
            raise ControlError(f"{fact.node[:80]!r} is no node of a world; there are: {there}")
        if fact.node != name:
            raise ControlError(
                f"{fact.node} is to say itself that it is the home, and this is {name}; ask {fact.node}"
            )
        if fact.node in members.fenced:
            raise ControlError(f"{name} is to leave the world, so it cannot be its home")
        return fact if fact.term else HomeMoved(node=name, term=members.term + 1)

    async def _completed(self, fact: Fact) -> Fact:
        """Return a fact as it is to be stated: what whoever asks need not know is filled in."""
        if isinstance(fact, MemberLeft) and not fact.closed:
            return await self._among.closed(fact)
        return self.retention.completed(fact)

    async def _state_after(self, facts: Sequence[Fact], author: str) -> Token:
        """State facts; a move after one that was asked for a moment before, is written, and has its term already."""
        move = facts[-1]
        try:
            return await self._state_all(facts, author)
        except ControlError:
            if not isinstance(move, HomeMoved):
                raise
            is_before = await self._folds.becomes(
                lambda: self._live.control.members.term >= move.term, self._folds.bounded(None)
            )
            if not is_before or self.home != move.node:
                raise
        return await self._state_all([self._moved(HomeMoved(node=move.node, term=0))], author)

    async def state_endings(self, facts: Sequence[Fact]) -> None:
        """State what the member says of lives that are over; return when it counts here.

        Raises `ControlError`, `StoreError` and `NotYetError`.
        """
        await self._folds.reached(await self._state_all(facts, _AUTHOR))

    async def found(self, main: Callable[[], TenantPut]) -> bool:
        """State what must be stated first, if this is where that is done; return whether anything was.

        ``main`` returns the first tenant, as it is to be where there is none. Raises `StoreError`.
        """
        world, control = self._options.world, self._live.control
        if world is None:
            facts: list[Fact] = [] if control.tenants else [main()]
        elif self.is_home:
            facts = founding_facts(control, world.world, main, self._key_check)
        else:
            facts = []
        if not facts or await self._among.waiting() is not None:
            return False  # what was stated first may be among what waits for its time
        await self._folds.reached(await self._state_all(facts, "start"))
        return True

    def _key_check(self, tenant: str) -> str:
        return key_check(self._snapshots.key(tenant))

    async def _state_all(self, facts: Sequence[Fact], author: str) -> Token:
        """State facts in one entry: what is offered in one turn of the loop is written together."""
        at_ms = self._options.now_ms()
        changes = [Change(fact=fact, author=author, at_ms=at_ms) for fact in facts]
        offered = (self.alone("change", "", change) for change in changes)
        token: Token | None = None
        for outcome in await asyncio.gather(*offered):
            if isinstance(outcome, Refused):
                raise StoreError(outcome.why)
            answer = json.loads(outcome.answer)
            if "error" in answer:
                raise ControlError(str(answer["error"]))
            token = outcome.token
        assert token is not None, "a change that makes sense is written"
        return token


def _check_stated(fact: Fact) -> None:
    """Raise `ControlError` for a fact that nobody states but the home itself."""
    what = _BY_ITSELF.get(type(fact))
    if what is not None:
        raise ControlError(
            f"that {what} is stated by the home itself, once all members hold the same of them; stated sooner it would "
            f"lose what clients were promised"
        )


def _check_stays(home: str, fact: MemberFenced | MemberLeft) -> None:
    """Raise `ControlError` if the node that states facts would have to go by one: nobody could take it back."""
    if fact.node == home:
        raise ControlError(
            f"{home} is the home of the world and states what is stated, so it cannot be made to leave; name another "
            f"home first: homeroom world home"
        )

"""A running node as a member of a world: the same core as in the simulation, driven by the thread that writes.

A member and the log of its node have one store, one clock and one incarnation, so they have one thread: whatever comes
for the member (messages, what was folded, time) is work between two writes. What it wants done is done at once, and
never waits: messages are given to the fabric, entries of others are written like own ones, what may be folded is told
to the thread that folds, entries that another node asks for are read aside.

A life of the member is a life of the log. After a write that failed nobody knows what is durable, so both end together
and begin anew together, under an incarnation that nobody had before; and so they do where the clock was put back so far
that the next stamps would go on from the old time.

The way not taken is a thread of its own for the member: what it says that it holds would have to be agreed with what
the log has just written, at every entry.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from homeroom import limits
from homeroom.adapters.signing import KnownKeys
from homeroom.clock import HybridClock
from homeroom.cohorts import live
from homeroom.errors import HomeroomError, InputError, StoreError, kind_and_places
from homeroom.log.control import Control, Fact
from homeroom.log.entries import Entry
from homeroom.log.log import Life, Refusal, Refused
from homeroom.log.members import MemberLeft
from homeroom.log.origins import Stream, Vector
from homeroom.log.store import Store
from homeroom.regions.fabric import Fabric
from homeroom.regions.member import Member
from homeroom.regions.shipments import is_of_shipment
from homeroom.regions.steps import (
    Agreed,
    Alarm,
    Arrived,
    AskSnapshot,
    BeginAnew,
    Collect,
    Collected,
    Committed,
    Effect,
    Event,
    Exchange,
    Fold,
    Folded,
    Found,
    Held,
    Keep,
    Kept,
    Look,
    Members,
    NotInstalled,
    NotKept,
    Print,
    Recovered,
    Saved,
    Send,
    StateAuditEnd,
    TellAuditEnd,
    Tick,
    WriteMark,
)
from homeroom.running.acknowledging import Acknowledging
from homeroom.running.alarms import Alarms
from homeroom.running.births import birth_of, unfolded
from homeroom.running.counted import explained, looked_up
from homeroom.running.courier import Courier
from homeroom.running.document_prints import DocumentPrints
from homeroom.running.driven import Driven, Gate
from homeroom.running.endings import endings_of
from homeroom.running.hearing import Hearing
from homeroom.running.in_world import InWorld, printed
from homeroom.running.leaving import closed_by
from homeroom.running.live import Fingerprint, Live
from homeroom.running.looks import Looks
from homeroom.running.records_held import RecordsHeld
from homeroom.running.sharing import Sharing

__all__ = ["Belonging", "Surroundings"]

_MESSAGES_AT_ONCE: Final = 16
"""Between these, batches of clients are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a member has around it in its node.

    Parameters
    ----------
    node : its name
    key : the public half of its own key, as text
    options : of the world
    store : where entries are kept
    clock, now_ms : hybrid time, and the clock of the machine
    gate : what folds
    live : what is folded
    courier : carries snapshots
    sharing : documents among the nodes of a jurisdiction
    prints : fingerprints of these
    stated : is told of entries that were folded, of whichever node
    mark : has a mark written, in the event loop
    audited : is told where the audit log of another node ends, in the event loop
    """

    node: str
    key: str
    options: InWorld
    store: Store
    clock: HybridClock
    now_ms: Callable[[], int]
    gate: Gate
    live: Live
    courier: Courier
    sharing: Sharing
    prints: DocumentPrints
    stated: Callable[[Sequence[Entry]], None]
    mark: Callable[[], None]
    audited: Callable[[str, int, str], None]


class Belonging:
    """Drives the member of a node. Unless it is said otherwise, in the thread that writes.

    Attributes
    ----------
    member : the life that runs, None where none does
    keys : who signs as whom
    alarms : what must not be
    looks : how the member looked a moment ago, for whoever asks in another thread
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._options = around.options
        self.member: Member | None = None
        self.alarms = Alarms()
        self.trouble: str | None = None
        self.looks = Looks()
        seeds = around.options.world.members()
        self.keys = KnownKeys({around.node: around.key})
        for name, one in seeds.items():
            self.keys.add(name, one.key)
        self._seeds = Members(
            0,
            {name: one.region for name, one in seeds.items()},
            jurisdictions={n: one.jurisdiction for n, one in seeds.items() if one.jurisdiction},
        )
        self._stated_members: Members | None = None
        self._hearing = Hearing(around.node, self.now_ms)
        self._driven: Driven | None = None
        self._loop = asyncio.get_running_loop()
        self._ticking: asyncio.Task[None] | None = None
        self._aside = ThreadPoolExecutor(1, "homeroom-look")
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._came: deque[Event] = deque()
        self._is_stepping = False
        self.acknowledging = Acknowledging(self._options, self._come)
        # What the log may forget, as the member said last.
        self._collectable = Vector()
        self._again_ms = 0
        self._pause_ms = limits.GOSSIP_MS

    # --- what is told ------------------------------------------------------------------------------------------------

    @property
    def node(self) -> str:
        """The name of this node."""
        return self._around.node

    @property
    def sharing(self) -> Sharing:
        """Documents among the nodes of a jurisdiction."""
        return self._around.sharing

    def document_troubles(self) -> tuple[live.Trouble, ...]:
        """Return what is wrong with documents; from any thread."""
        why = self._around.prints.trouble
        return self.sharing.troubles() + (() if why is None else (live.Trouble(why),))

    def records_held(self) -> RecordsHeld:
        """Return what says how far records have come."""
        return RecordsHeld(self.sharing, self.acknowledging)

    @property
    def home(self) -> str:
        """The node that writes what is stated."""
        return self._around.live.control.members.home or self._options.home

    @property
    def least(self) -> str:
        """The level at which the world wants every batch to be held."""
        return self._around.live.control.members.least

    @property
    def fabric(self) -> Fabric:
        """What carries messages."""
        return self._options.fabric

    def now_ms(self) -> int:
        """Return what the steady clock shows."""
        return self._options.steady_ms()

    def wall_ms(self) -> int:
        """Return what the clock of the machine shows."""
        return self._around.now_ms()

    def age_ms(self, node: str, applied: Vector) -> int | None:
        """Return how long ago a node had written no more than what is applied; None if that is not known."""
        return self._hearing.age_ms(node, applied)

    # --- in the event loop -------------------------------------------------------------------------------------------

    def begin(self, driven: Driven) -> None:
        """Begin to hear others and to notice that time passes."""
        self._driven = driven
        self._options.fabric.start(lambda: driven.work(self._arrived))
        self._ticking = self._loop.create_task(self._keep_ticking(driven))

    async def _keep_ticking(self, driven: Driven) -> None:
        while True:
            driven.work(self.tick)
            await asyncio.sleep(limits.MEMBER_TICK_MS / 1_000)

    async def settled(self) -> None:
        """Return when batches may be taken, or when that will not come soon; why not is told."""
        pauses = (limits.CLOCK_START_MS_MAX + limits.GOSSIP_MS) // limits.MEMBER_TICK_MS
        for _ in range(pauses):
            if self.looks.members.regions and self.looks.refusal is None:
                return
            await asyncio.sleep(limits.MEMBER_TICK_MS / 1_000)

    async def stop(self) -> None:
        """Hear and say nothing any more; whoever waits hears how far it is. The thread that writes has ended."""
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)
        self._options.fabric.close()
        await asyncio.to_thread(self._aside.shutdown, cancel_futures=True)
        await asyncio.to_thread(self._around.prints.stop)
        self.acknowledging.stop()

    def has_other_regions(self) -> bool:
        """Say whether a node of another region belongs to the world."""
        regions = self.looks.members.regions
        return any(region != regions.get(self.node) for region in regions.values())

    def tell_audit_end(self, records: int, digest: str) -> None:
        """Tell the home where the audit log of this node ends; the message may be lost."""
        self._come(TellAuditEnd(self.home, records, digest))

    def _come(self, event: Event) -> None:
        """Have the member take a step, from another thread."""
        if self._driven is not None:
            self._driven.work(partial(self._step, event))

    def folded(self, entries: Sequence[Entry]) -> None:
        """Take that entries were folded; in the thread that folds."""
        if self._driven is not None and entries:
            self._driven.work(partial(self._folded, entries))

    def not_fetched(self, why: str) -> None:
        """Take that no snapshot of another node could be had; in any thread."""
        self._come(NotInstalled(why))

    def printed(self, check: int, taken: Fingerprint) -> None:
        """Take a fingerprint; in the thread that folds."""
        if self._driven is not None:
            told = printed(check, taken, self._around.live, self._around.prints.told())
            self._driven.work(partial(self._step, told))

    # --- lives -------------------------------------------------------------------------------------------------------

    def begins(self, life: Life) -> None:
        """Begin a life with a life of the log."""
        around, store = self._around, self._around.store
        around.clock.last = 0
        # Not those from the future: this life would stamp on from there.
        for origin in store.held():
            around.clock.observe(store.head(origin).hybrid, around.now_ms())
        name = around.node, life.incarnation
        birth = birth_of(name, store, around.live, self.keys.verify, self._options.draw)
        self.member = Member(birth, self._options.steady_ms())
        self._hearing.begin(birth.heads)
        self._stated_members = None
        self.follow(self._around.live.control)
        for entries in unfolded(birth.heads, store, around.live):
            self._step(Recovered(tuple(entries), around.now_ms()))

    def named(self, held: Vector) -> Vector:
        """Return what is still named of a vector: without origins that have collapsed into the epoch."""
        return self._around.live.named(held)

    def forgettable(self, saved: Vector) -> Vector:
        """Return what all others hold of what this node's snapshots hold: the log may forget it."""
        self._collectable = Vector()
        self._step(Saved({o: n for o, n in saved.items() if o.stream is Stream.ANALYTIC}))
        return self._collectable

    def forgotten(self) -> None:
        """Take that the log has forgotten something: who asks for it is told so."""
        self._step(Collected(self._around.store.begins()))

    def closed(self, fact: MemberLeft) -> MemberLeft:
        """Return the fact that a node has left with what there is of it. Raises as `leaving.closed_by` does."""
        return closed_by(self.node, self.member, fact, self._around.live.control)

    def endings(self) -> list[Fact]:
        """Return what may be stated of lives that are over, if this is the home."""
        member = self.member
        if member is None or self.refusal() is not None or not member.may_state(self.wall_ms()):
            return []
        return endings_of(member, self.now_ms())

    def ended(self, why: str) -> None:
        """Take that a life of the log has ended."""
        member, self.member = self.member, None
        if member is not None:
            member.step(NotKept(why), self._options.steady_ms())
            self._came.clear()
            self._again_ms = self._options.steady_ms() + self._pause_ms
            self._pause_ms = min(2 * self._pause_ms, limits.LIFE_PAUSE_MS_MAX)

    def refusal(self) -> Refused | None:
        """Return why nothing may be stamped and written now, None if it may."""
        member, node = self.member, self._around.node
        if member is None:
            return None  # the log itself says what is wrong
        wall_ms = self._around.now_ms()
        if node not in member.members.regions or node in member.members.fenced:
            why = f"{node} does not belong to the world of epoch {member.members.epoch}, or is to leave it"
        elif member.analytic in self._around.live.control.members.closed:
            why = "the world has given up this life of the node; its next begins"
        elif self._around.clock.is_ahead(wall_ms):
            why = "the clock of this node was put back since it stamped the last; its next life stamps by it"
        elif member.may_stamp(wall_ms, self._options.steady_ms()):
            return None
        elif (stray_ms := self.stray_ms()) is None:
            why = "this node has just started, and compares its clock with those of others"
        else:
            why = f"the clock of this node is {stray_ms:,} ms ahead of those of the others; put it right"
        return Refused(Refusal.UNAVAILABLE, why)

    def stray_ms(self) -> int | None:
        """Return how far this node's clock is ahead of the median of all; None if that cannot be said."""
        if self.member is None:
            return None
        return self.member.clocks.stray_ms(self._around.now_ms(), self._options.steady_ms())

    def stamp_ms(self) -> int:
        """Return the time by which batches are stamped: a clock that strays is put right first."""
        wall_ms, stray_ms = self._around.now_ms(), self.stray_ms()
        is_right = stray_ms is None or abs(stray_ms) <= limits.STRAY_MS_MAX
        return wall_ms if is_right or stray_ms is None else wall_ms - stray_ms

    # --- what comes --------------------------------------------------------------------------------------------------

    def committed(self, entries: Sequence[Entry]) -> None:
        """Take entries that this node has written."""
        self._hearing.wrote(entries)
        level = self.acknowledging.level
        self._step(Committed(tuple(entries), self._around.now_ms(), level))

    def observe(self, hybrid: int) -> None:
        """Stamp later than something that was seen, from now on."""
        self._around.clock.observe(hybrid, self._around.now_ms())

    def _arrived(self) -> None:
        """Take some messages; the others after whatever else waits to be done."""
        assert self._driven is not None, "it has begun"
        if not self._inbox:
            self._inbox.extend(self._options.fabric.receive())
        for _ in range(min(len(self._inbox), _MESSAGES_AT_ONCE)):
            sender, body = self._inbox.popleft()
            if is_of_shipment(body):
                self._carry(sender, body)
                continue
            self._step(Arrived(sender, body, self._around.now_ms()))
            if self.member is not None:
                view = self.member.replication.views.get(sender)
                self._hearing.heard(sender, view)
                self._around.sharing.heard(sender, view)
        if self._inbox:
            self._driven.work(self._arrived)

    def _carry(self, sender: str, body: bytes) -> None:
        """Hand on what is about a snapshot, if it comes from a node that belongs to the world."""
        members = None if self.member is None else self.member.members
        if members is not None and sender in members.regions and sender not in members.fenced:
            self._around.courier.came(sender, body)

    def _folded(self, entries: Sequence[Entry]) -> None:
        applied = self._around.live.applied
        done = [one for one in entries if one.number <= applied[one.origin]]
        for entry in done:
            self.observe(entry.hybrid)
        numbers = {one.origin: one.number for one in done}
        self._step(Folded(tuple(numbers.items())))
        self._hearing.freshness.folded(applied)
        self._around.stated(done)
        if any(one.origin.stream is Stream.CONTROL for one in done):
            self.follow(self._around.live.control)

    def follow(self, control: Control) -> None:
        """Have the member go by what is stated."""
        for name, one in control.members.nodes.items():
            try:
                self.keys.add(name, one.key)
            except InputError as error:  # others can be believed nevertheless
                self.trouble = str(error)
        before = self._stated_members or self._seeds
        members = self._around.live.members(before, self._seeds)
        members = self._around.sharing.among(members, control)
        if members != self._stated_members:
            self._stated_members = members
            self._hearing.freshness.keep(members.regions)
            self.alarms.belong(members.regions)
            self._step(members)

    def tick(self) -> None:
        """Take that time has passed."""
        assert self._driven is not None, "it has begun"
        if self.member is None:
            self._look_at_member()
            if self._options.steady_ms() >= self._again_ms:
                self._driven.begin_life()
            return
        self._around.sharing.tick(self._options.steady_ms())
        self.alarms.pass_by(self._options.steady_ms())
        wall_ms = self._around.now_ms()
        if self._around.clock.is_ahead(wall_ms):
            self._driven.renew_life()
        self._step(self._around.live.covered())
        self._step(Tick(wall_ms))
        self._around.courier.tick()
        self._replace_state()
        self._look_at_member()

    def _replace_state(self) -> None:
        """Fetch the state of another node, if what is folded here does not count and cannot be folded anew."""
        member = self.member
        if self._around.live.doubt is None or member is None or not member.replication.views:
            return
        if member.replication.collecting.may_fetch(self.now_ms()):
            others = sorted(member.replication.views)
            self._around.courier.fetch(others[self._options.draw(len(others))])

    def _look_at_member(self) -> None:
        """Note what others may be told: the member itself is looked at in this thread alone."""
        member = self.member
        if member is None:
            self.looks = self._around.gate.seconding.looks = Looks()
            return
        self.looks = self._around.gate.seconding.looks = Looks(
            members=member.members,
            views={name: dict(one.numbers) for name, one in member.replication.views.items()},
            held=member.held,
            stray_ms=self.stray_ms(),
            silent_ms=member.clocks.silent_ms(self.now_ms()),
            refusal=self.refusal(),
            comparisons=member.agreement.comparisons,
            waiting=len(member.waiting),
            held_back=member.gate.held,
            early=member.gate.early(self._around.now_ms() + limits.HYBRID_AHEAD_MS_MAX),
        )

    # --- what is done ------------------------------------------------------------------------------------------------

    def _step(self, event: Event) -> None:
        """Take a step of the member, and all steps that follow from it."""
        self._came.append(event)
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._came and self.member is not None:
                now_ms = self._options.steady_ms()
                for effect in self.member.step(self._came.popleft(), now_ms):
                    self._do(effect)
        except Exception as error:  # noqa: BLE001 - it ends this life, and is told
            self.trouble = f"a step among other nodes failed: {kind_and_places(error)}; this is a fault of homeroom"
            self.ended(self.trouble)
        finally:
            self._is_stepping = False
            self._came.clear()

    def _end(self, why: str) -> None:
        if self._driven is None:
            self.ended(why)
        else:
            self._driven.end_life(why)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._options.fabric.send(effect.to, effect.body)
            case Fold():
                self._around.gate.open_up(effect.numbers)
            case Keep():
                self._keep(effect)
            case Held():
                self._in_loop(self.acknowledging.tell, effect)
            case _:
                self._do_seldom(effect)

    def _do_seldom(self, effect: Effect) -> None:
        match effect:
            case Print():
                self._around.gate.take_fingerprint(effect.check, effect.expand)
            case Look():
                with contextlib.suppress(RuntimeError):  # it is stopping
                    self._aside.submit(self._look, effect, self.member)
            case WriteMark():
                self._in_loop(self._around.mark)
            case Alarm():
                self.alarms.put(effect, self._options.steady_ms())
            case StateAuditEnd():
                self._in_loop(self._around.audited, effect.node, effect.records, effect.digest)
            case Agreed():
                self.alarms.agreed(effect.node)
            case _:
                self._do_of_life(effect)

    def _do_of_life(self, effect: Effect) -> None:
        """Do what has to do with lives and forgetting. What retires needs nothing: all that is named is asked for."""
        match effect:
            case Exchange():
                self._exchange(effect)
            case Collect():
                self._collectable = Vector(effect.numbers)
            case BeginAnew() if self._driven is not None:
                self._driven.work(partial(self._begin_anew, self.member))
            case AskSnapshot():
                self._around.courier.fetch(effect.of)

    def _begin_anew(self, member: Member | None) -> None:
        """Begin a life that leaves out what was closed; what of that is folded is folded anew without it."""
        if member is not None and member is self.member and self._driven is not None:
            self._driven.renew_life()

    def _exchange(self, exchange: Exchange) -> None:
        """Have redacted copies in place of whole ones, where an erasure that is folded here explains them."""
        store = self._around.store
        try:
            taken = explained(exchange.entries, store, self._around.live.erased())
            if taken:
                store.redact(taken)
        except StoreError as error:
            self.trouble = str(error)
            self._end(str(error))
        except HomeroomError as error:
            self.trouble = str(error)

    def _in_loop(self, do: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(do, *arguments)

    def _keep(self, keep: Keep) -> None:
        """Write entries of others, and say so after whatever else waits to be written."""
        try:
            self._around.store.write(keep.entries, ())
        except StoreError as error:
            self.trouble = str(error)
            self._end(str(error))
            return
        self._pause_ms, self.trouble = limits.GOSSIP_MS, None
        self._around.sharing.take(keep.entries)
        self._around.gate.durable(keep.entries)
        member = self.member
        if self._driven is not None:
            self._driven.work(partial(self._kept, member))

    def _kept(self, member: Member | None) -> None:
        if member is self.member:
            self._step(Kept(self._around.now_ms()))

    def _look(self, look: Look, member: Member | None) -> None:
        """Read what another node asks for; in a thread of its own."""
        wall_ms = self._around.now_ms()
        try:
            told = looked_up(look, self._around.store, wall_ms)
        except HomeroomError as error:
            told, self.trouble = Found(look.to, look.pull, (), wall_ms), str(error)

        def tell() -> None:
            if member is self.member:
                self._step(told)

        if self._driven is not None:
            self._driven.work(tell)

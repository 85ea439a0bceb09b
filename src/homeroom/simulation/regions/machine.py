"""One node of the simulated world: the cores of production between a disk, a clock and links that fail.

It does what a running node does around the same cores (`homeroom.running`), in one thread: one write at a time, own
entries and those of others in turn; folds what may be folded; answers clients. A process can be killed, a machine can
lose power with a write under way, a disk can fail to sync or be exchanged for an old copy. Each start draws a new
incarnation, and knows nothing but what the disk has.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from homeroom import limits
from homeroom.errors import StoreError
from homeroom.log.log import (
    Accepted,
    Admission,
    Apply,
    Failed,
    Life,
    Offer,
    Offers,
    Refusal,
    Refused,
    Reply,
    Write,
    Written,
)
from homeroom.log.log import (
    Effect as LogEffect,
)
from homeroom.log.members import HomeMoved
from homeroom.log.origins import Origin, Token
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.regions.knowledge import Birth
from homeroom.regions.stated import members_of
from homeroom.regions.steps import (
    Alarm,
    Arrived,
    AskSnapshot,
    AwaitHeld,
    BeginAnew,
    Collect,
    Committed,
    Effect,
    Event,
    Exchange,
    Fold,
    Held,
    Keep,
    Kept,
    Level,
    Look,
    Members,
    NotKept,
    Print,
    Recovered,
    Retired,
    Send,
    Tick,
    WriteMark,
)
from homeroom.simulation.disk import Disk, PowerLost
from homeroom.simulation.regions.awaiting import Awaiting
from homeroom.simulation.regions.beginning import Beginning
from homeroom.simulation.regions.door import Content, Residence, write_content
from homeroom.simulation.regions.erasing import Redact
from homeroom.simulation.regions.folding import TENANT, Folding
from homeroom.simulation.regions.met import Case
from homeroom.simulation.regions.network import SimulatedFabric
from homeroom.simulation.regions.outside import OWNER, Outside, Request, Told
from homeroom.simulation.regions.places import Place
from homeroom.simulation.regions.rows import Happening
from homeroom.simulation.regions.signatures import signature_of
from homeroom.simulation.regions.snapshots import read_snapshot
from homeroom.simulation.regions.upkeep import TAIL, Hands, Upkeep

if TYPE_CHECKING:
    from homeroom.log.entries import Entry

__all__ = ["Machine"]

_TICK_MS: Final = 250
_FIRST_TICK_MS: Final = 20
_LOOK_MS: Final = 2
_HELD_WAIT_MS: Final = 3_000
_YEAR_OFF_MS: Final = 300 * 86_400_000

_Written: TypeAlias = Write | Keep | Exchange | Redact
"""What is written, one after the other."""


class Machine:
    """One node.

    Parameters
    ----------
    name, place : of the node, and where it is
    outside : what is around it
    chance : settles what of it is left to chance

    Attributes
    ----------
    life : the incarnation that runs, None if none does
    offset_ms, drift : how far its clock is wrong, and by how much more each millisecond
    disk_ms : how long a write takes, at least and at most
    is_in_doubt : whether nobody may rely on what its disk is said to have
    ended_ms : by life that is over when it ended
    register : erasures that were asked for here; beside the disk, and in no copy of it
    """

    def __init__(self, name: str, place: Place, outside: Outside, chance: Random) -> None:
        self.name, self.place = name, place
        self.region, self.jurisdiction = place.name, place.jurisdiction
        self.outside = outside
        self.chance = chance
        self.life: str | None = None
        self.is_destroyed = False
        self.offset_ms, self.drift = 0.0, 0.0
        self.disk_ms = (1, 8)
        self.paused_until_ms = 0
        self.register = outside.cores.register()
        self.disk = Disk(np.random.default_rng(chance.getrandbits(64)))
        self._drift_since_ms = 0
        self._boot_ms = chance.randrange(1 << 40)
        self._fabric = SimulatedFabric(name, outside.network)
        self._fabric.start(self._wake)
        outside.courier.connect(name, lambda: None if self.life is None else self.disk)
        self._tickets = 0
        self._awaiting = Awaiting(self)
        self.has_begun = False
        # Whether it could not start at some time before it had the state of another node.
        self.has_awaited = False
        self.ended_ms: dict[str, int] = {}
        # What the last life held by its own words.
        self._said: dict[Origin, int] = {}
        self.is_in_doubt = False

    # --- clocks ------------------------------------------------------------------------------------------------------

    def wall_ms(self) -> int:
        """Return what its clock of the day shows."""
        agenda = self.outside.agenda
        if not self.offset_ms and not self.drift:
            return agenda.wall_ms
        drifted = self.drift * (agenda.now_ms - self._drift_since_ms)
        return max(0, int(agenda.wall_ms + self.offset_ms + drifted))

    def steady_ms(self) -> int:
        """Return what its steady clock shows; it has nothing to do with that of any other."""
        return self._boot_ms + self.outside.agenda.now_ms

    def set_clock(self, offset_ms: float, drift: float = 0.0) -> None:
        """Let its clock be so far ahead from now on."""
        self.offset_ms, self.drift = offset_ms, drift
        self._drift_since_ms = self.outside.agenda.now_ms

    # --- lives -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin a life with what the disk has."""
        if self.life is not None or self.is_destroyed:
            return
        cores = self.outside.cores
        try:
            self.store = cores.store(self.disk)
        except StoreError as error:
            self.note(f"cannot start: {error}")
            self.outside.agenda.after(500, self.start)
            return
        self.has_begun = True
        snapshot = read_snapshot(self.disk)
        found = cores.begin(self.name, self.store, snapshot, self._seeds(), self.wall_ms())
        if found.is_lacking:
            self.note("cannot start: its log has forgotten what no snapshot has that counts")
            self.has_awaited = True
            self._awaiting.begin(found.members)
            return
        self.outside.watch.started(self, self._said)
        self._begin(found)

    def _begin(self, found: Beginning) -> None:
        """Begin a life."""
        cores = self.outside.cores
        self.life = life = f"{self.chance.getrandbits(128):032x}"
        self.clock = cores.clock()
        for head in found.heads.values():
            self.clock.observe(head.hybrid, self.wall_ms())
        sign = partial(signature_of, self.name)
        log_life = Life(self.name, life, found.named, sign)
        self.log = cores.log(log_life, self.clock, self._admit)
        self.member = cores.member(self._birth(life, found), self.steady_ms())
        self._folding = folding = Folding(self, found)
        self.ledger, self.papers, self.stated = folding.ledger, folding.papers, folding.stated
        self.pinned = folding.pinned
        self.cleaning = cores.cleaning(self.name, self.store, self.ledger, self.outside.readings)
        self._requests: dict[int, Request] = {}
        self._tokens: dict[int, Token] = {}
        self._writes: deque[_Written] = deque()
        self._writing: _Written | None = None
        self._upkeep = Upkeep(self, folding, found.tail, self._hands())
        if abs(self.offset_ms) > _YEAR_OFF_MS:
            self.outside.met[Case.YEAR_OFF] += 1
        self.note(f"starts as {life[:6]} with {len(found.entries)} entries")
        self._fabric.receive()
        self._step(self._seeds())
        folding.wait(found.entries)
        self._step(Recovered(found.entries, self.wall_ms()))
        self._later(self.chance.randrange(_FIRST_TICK_MS), self._tick)
        self._upkeep.begin()

    def _birth(self, life: str, found: Beginning) -> Birth:
        sharing = self.outside.sharing
        return Birth(
            node=self.name,
            life=life,
            heads=found.heads,
            verify=sharing.is_signed,
            draw=self.chance.randrange,
            read=sharing.read,
            applied=found.applied,
            begins=self.store.begins(),
        )

    def _hands(self) -> Hands:
        def write(batch_id: str, events: tuple[Happening, ...]) -> None:
            self._offer(batch_id, events, None)

        return Hands(self._step, self._later, self._fail, self._begin_anew, write, self._write)

    def kill(self) -> None:
        """End the process; what it has written is in the cache of the disk."""
        if self.life is None:
            return
        if self._writing is not None and self.chance.random() < 0.5:
            self._try_write(self._writing)
        self.note("is killed")
        self._end()

    def lose_power(self) -> None:
        """End the process and lose what the disk was not made to keep, in the middle of a write if one is under way."""
        if self.life is not None and self._writing is not None:
            steps = self.chance.randrange(24)

            def watch(_: str) -> None:
                nonlocal steps
                steps -= 1
                if steps < 0:
                    raise PowerLost

            self.disk.watch = watch
            try:
                self._try_write(self._writing)
            except PowerLost:
                self.note("loses power in the middle of a write")
        self.note("loses power")
        self._end()
        self.disk = self.disk.after_power_loss(np.random.default_rng(self.chance.getrandbits(64)))

    def destroy(self) -> None:
        """End it for good, with its disk."""
        self.note("is destroyed")
        self.life, self.is_destroyed = None, True

    def _end(self) -> None:
        if self.life is not None:
            self.ended_ms[self.life] = self.outside.agenda.now_ms
            self.life, self._said = None, {} if self.is_in_doubt else self.member.held

    def exchange_disk(self, disk: Disk) -> None:
        """Put another disk in place of its own, while it is off."""
        self.disk, self._said = disk, {}

    def fail_over(self, disk: Disk) -> None:
        """Have its store on another disk from now on, while it runs."""
        self.is_in_doubt = True
        self.disk = disk
        self.store = self.outside.cores.store(disk)
        self.cleaning.move(self.store)
        self.note("its store has failed over")

    def go_on(self) -> None:
        """Go on as a copy of a machine that runs: what that one waits for, this one does too."""
        self._fabric.start(self._wake)
        self._later(0, self._tick)
        self._upkeep.begin()
        if self._writing is not None:
            self._later(0, self._written)

    def copy_of_disk(self) -> Disk:
        """Return a copy of what the disk was made to keep."""
        return self.disk.after_power_loss(np.random.default_rng(self.chance.getrandbits(64)))

    def forgotten(self) -> int:
        """Return how many clients have waited for an answer longer than they asked to."""
        since_ms = self.outside.agenda.now_ms - _HELD_WAIT_MS - 1_000
        return sum(request.sent_ms < since_ms for request in self._requests.values())

    @property
    def waiting(self) -> "Iterable[Entry]":
        """Entries that are durable here, and not folded yet."""
        return self._folding.waiting

    def has_durable(self, token: Token) -> bool:
        """Say whether its log holds an entry, with all before it; whether it runs or not."""
        return self.has_begun and self.store.head(token.origin).number >= token.number

    def _try_write(self, write: _Written) -> None:
        try:
            self._put(write)
        except StoreError as error:
            self.note(f"write fails: {error}")

    # --- what comes --------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if self.life is None:
            self._fabric.receive()
            return
        if self._is_paused(self._wake):
            return
        for sender, body in self._fabric.receive():
            self._step(Arrived(sender, body, self.wall_ms()))

    def _tick(self) -> None:
        self._step(Tick(self.wall_ms()))
        if self._may_write():
            self._upkeep.write_tail()
            self._upkeep.state_erasures()
        self._upkeep.clean()
        if self.clock.is_ahead(self.wall_ms()):
            self._begin_anew("it has stamped ahead of its clock")
            return
        self._later(_TICK_MS, self._tick)

    def _begin_anew(self, why: str) -> None:
        self.note(f"begins anew: {why}")
        self.kill()
        self.start()

    def erase(self, request: Request, erasure: Happening) -> None:
        """Take an erasure that somebody asks for: it is in the register before anything else is done about it."""
        if self.life is None or self._is_paused(self.erase, request, erasure):
            return
        self.register.add(erasure)
        self.offer(request)

    def _gone(self) -> Collection[str]:
        """Return whom the door lets in no more."""
        return self.ledger.erased | self.register.learners

    def offer(self, request: Request) -> None:
        """Take a batch of a client; a node that does not run says nothing."""
        if self.life is None or self._is_paused(self.offer, request):
            return
        if request.seen is not None:
            self.clock.observe(request.seen.hybrid, self.wall_ms())
        if not self._may_write() or not self._may_state(request.events):
            request.tell(Told(None, Level.LOCAL))
            return
        self._offer(request.batch_id, request.events, request)

    def _offer(self, batch_id: str, events: Content, request: Request | None) -> None:
        self._tickets += 1
        body = write_content(events)
        owner = OWNER if request is None else request.owner
        known = self.store.record(owner, batch_id)
        if request is not None:
            self._requests[self._tickets] = request
        offer = Offer(
            ticket=self._tickets,
            tenant=TENANT,
            owner=owner,
            batch_id=batch_id,
            digest=hashlib.sha256(body).digest(),
            content=events,
            events=len(events),
            size_bytes=len(body),
            known=known,
            is_kept=request is not None or batch_id.startswith(TAIL),
        )
        self._log(Offers((offer,)))

    def _may_write(self) -> bool:
        """Say whether batches may be taken: by a member that is not to leave, and whose clock is right."""
        members = self.member.members
        is_member = self.name in members.regions and self.name not in members.fenced
        wall_ms, is_ready = self.wall_ms(), is_member and not self.clock.is_ahead(self.wall_ms())
        return is_ready and self.member.may_stamp(wall_ms, self.steady_ms())

    def _may_state(self, said: Content) -> bool:
        """Say whether this node is the home, if facts are to be stated, and has no facts that wait for their time."""
        if not isinstance(said, list) or isinstance(said[0].fact, HomeMoved):
            return True
        is_ruling = isinstance(said[0].fact, Restamped | EntriesLost)
        return self.member.members.home in ("", self.name) and (
            is_ruling or self.member.may_state(self.wall_ms())
        )

    # --- effects -----------------------------------------------------------------------------------------------------

    def _step(self, event: Event) -> None:
        effects = self.member.step(event, self.steady_ms())
        self.outside.watch.stepped(self)
        for effect in effects:
            if self.life is not None:
                self._do(effect)

    def _admit(self, offers: Sequence[Offer]) -> Admission:
        residence = Residence(self.jurisdiction, self.outside.homes)
        found = self.outside.cores.admit(offers, self._gone(), residence)
        return replace(found, epoch=self.stated.control.epoch)

    def _log(self, event: Offers | Written | Failed) -> None:
        for effect in self.log.step(event, self._stamp_ms()):
            self._do_log(effect)

    def _stamp_ms(self) -> int:
        """Return the time that batches are stamped with which wait already: a clock that strays is put right first."""
        wall_ms = self.wall_ms()
        stray_ms = self.member.clocks.stray_ms(wall_ms, self.steady_ms())
        is_right = stray_ms is None or abs(stray_ms) <= limits.STRAY_MS_MAX
        return wall_ms if is_right or stray_ms is None else wall_ms - stray_ms

    def _do_log(self, effect: LogEffect) -> None:
        if isinstance(effect, Write):
            self._write(effect)
        elif isinstance(effect, Apply):
            self.outside.watch.committed(self, effect.entries)
            level = max((one.level for one in self._requests.values()), default=Level.LOCAL)
            self._folding.wait(effect.entries)
            self._step(Committed(effect.entries, self.wall_ms(), level))
        elif isinstance(effect, Reply):
            self._reply(effect)

    def _reply(self, reply: Reply) -> None:
        request = self._requests.pop(reply.ticket, None)
        if request is None:
            return
        outcome = reply.outcome
        if isinstance(outcome, Refused) and outcome.refusal is Refusal.CONFLICT:
            self.outside.met[Case.BATCH_ID_REFUSED] += 1
        if isinstance(outcome, Refused) or outcome.token is None:
            request.tell(Told(None, Level.LOCAL))
        elif request.level is Level.LOCAL:
            request.tell(Told(outcome.token, Level.LOCAL))
        else:
            self._await(reply.ticket, request, outcome)

    def _await(self, ticket: int, request: Request, accepted: Accepted) -> None:
        assert accepted.token is not None
        self._requests[ticket] = request
        self._tokens[ticket] = accepted.token
        until_ms = self.steady_ms() + _HELD_WAIT_MS
        self._step(AwaitHeld(ticket, accepted.token, request.level, until_ms))

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send():
                self._fabric.send(effect.to, effect.body)
            case Keep():
                self._write(effect)
            case Fold():
                self._fold(effect)
            case _:
                self._do_seldom(effect)

    def _do_seldom(self, effect: Effect) -> None:
        match effect:
            case Look():
                self._later(_LOOK_MS, self._upkeep.look, effect)
            case Print():
                self._step(self._folding.printed(effect.check))
            case Held():
                request = self._requests.pop(effect.ticket)
                token = self._tokens.pop(effect.ticket)
                request.tell(Told(token, effect.level, effect.is_late, effect.is_alone))
            case WriteMark():
                self._offer(f"mark {self.life} {effect.check}", (), None)
            case Alarm():
                self.note(f"ALARM {effect.trouble}: {effect.why}")
                self.outside.watch.alarmed(self, effect)
            case _:
                self._do_of_life(effect)

    def _do_of_life(self, effect: Effect) -> None:
        match effect:
            case Exchange():
                self._write(effect)
            case Collect():
                self._upkeep.collect(effect.numbers)
            case AskSnapshot():
                self._upkeep.fetch(effect.of)
            case Retired():
                self.ledger.retire(effect.origins)
            case BeginAnew():
                self._later(0, self._begin_anew, effect.why)

    def _seeds(self) -> Members:
        """Return who is said to belong to the world at first: those that a node was told of, and itself."""
        members = self.outside.members
        return replace(
            members,
            regions={**members.regions, self.name: self.region},
            jurisdictions={**members.jurisdictions, self.name: self.jurisdiction},
        )

    def _fold(self, fold: Fold) -> None:
        before, erased = self.stated.control, len(self.ledger.erased)
        told = self._folding.fold(fold)
        if len(self.ledger.erased) > erased:
            self.cleaning.is_due = True
            self.outside.watch.erased(self)
        for event in told:
            self._step(event)
        if self.stated.control is not before:
            self._step(members_of(self.stated, self.member.members, self._seeds()))
            self._folding.go_by(self.member.members)

    # --- writes ------------------------------------------------------------------------------------------------------

    def _write(self, write: _Written) -> None:
        self._writes.append(write)
        self._next_write()

    def _next_write(self) -> None:
        if self._writing is None and self._writes:
            self._writing = self._writes.popleft()
            least_ms, most_ms = self.disk_ms
            wait_ms = least_ms + int(self.chance.random() * (most_ms - least_ms + 1))
            self._later(wait_ms, self._written)

    def _written(self) -> None:
        write, self._writing = self._writing, None
        assert write is not None
        try:
            self._put(write)
        except StoreError as error:
            self._fail(str(error))
            return
        if isinstance(write, Write):
            self.cleaning.wrote(write.entries)
            self._log(Written())
        elif isinstance(write, Keep):
            self._folding.wait(write.entries)
            self._step(Kept(self.wall_ms()))
        self._next_write()

    def _put(self, write: _Written) -> None:
        match write:
            case Write():
                self.store.write(write.entries, write.records)
            case Keep():
                self.store.write(self.cleaning.cleaned(write.entries), ())
            case Exchange():
                self.store.redact(self.cleaning.explained(write.entries))
            case Redact():
                self.store.redact(write.entries)

    def _fail(self, why: str) -> None:
        """Go on in a new life, after a write of which nobody knows what is durable."""
        self.note(f"write fails: {why}")
        self._log(Failed(why))
        self._step(NotKept(why))
        self._end()
        self.outside.agenda.after(self.chance.randint(50, 500), self.start)

    # --- time --------------------------------------------------------------------------------------------------------

    def _later(self, wait_ms: int, do: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401 - handed on as it is
        self.outside.agenda.after(wait_ms, self._if_alive, self.life, do, arguments)

    def _if_alive(self, life: str, do: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        """Do something, if the life that wanted it still runs; a process that is paused does it afterwards."""
        if life == self.life and not self._is_paused(self._if_alive, life, do, arguments):
            do(*arguments)

    def _is_paused(self, do: Callable[..., None], *arguments: Any) -> bool:  # noqa: ANN401 - handed on as it is
        agenda = self.outside.agenda
        if agenda.now_ms >= self.paused_until_ms:
            return False
        agenda.at(self.paused_until_ms, do, *arguments)
        return True

    def note(self, what: str) -> None:
        """Put down what happens, for people."""
        self.outside.trace.note(self.outside.agenda.now_ms, self.name, what)

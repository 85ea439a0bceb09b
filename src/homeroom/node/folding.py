"""What entries add up to: a state a tenant, and what was stated.

Entries of one origin are folded in order, whole ones only; which origin's come first makes no difference, because every
fact in them joins. A node folds its own entries the way in which it folds those of any other node: from their payloads.
So what a running node holds and what a rebuild of its log holds cannot differ.

Whoever asks does so while he holds the guard, and what takes long is done outside of it: entries are unpacked, looked
at and coded, their events dealt out, room made for them. Under the guard they are joined, some at a time, and whoever
asks sees all of each of these or nothing. Texts that nobody has used so far are the exception: they get their codes
under the guard, because a question may tell what texts there are.

An entry that makes the fold raise stops its origin here, and nothing else: it is told as a trouble, and the numbers
after it wait.

A retention cut waits until all is folded that its vector covers, and what was stated after it waits with it. Events
wait for what was stated when they were admitted: in a world that may come later than they. Entries that wait are not
kept here: whoever gives entries gives them again.

A tenant whose key is not the one that all nodes have is left out here, and told: with another key each learner would
come out as somebody else. Nothing of it is lost; with the right key it is folded from the log at the next start.

Events of a tenant that stay in a jurisdiction come in a stream of their own. What an entry says of such a tenant in the
stream that goes everywhere, or the other way round, is left out everywhere alike, and told.

Facts can say that what is folded already should not have been, or not under the facts that were known: operators rule
that entries are lost, facts come late, or do not count because the home had moved. Nothing is taken out of a state for
that, since every such way would have to be right; the folding says that it is in doubt, and whoever drives it folds the
log anew with all facts known first (`homeroom.running.refolding`), as a start does.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from homeroom.errors import (
    HomeroomError,
    KeyFileError,
    TenantElsewhereError,
    kind_and_places,
)
from homeroom.limits import JOINED_BYTES, SEAL_EVENTS
from homeroom.log.catalogue import IdKind, IdsRegistered, IdsWithdrawn
from homeroom.log.compliance import PurposesPut
from homeroom.log.consents import ANALYTICS
from homeroom.log.control import Change, Control, Fact, TenantPut, read_changes
from homeroom.log.cuts import HistoryCut, StatedCut, folded_cut
from homeroom.log.entries import Entry
from homeroom.log.erasures import erased_keys
from homeroom.log.members import MemberLeft, OriginsClosed
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import OpenPart, unchecked_parts, unpack
from homeroom.log.rulings import EntriesLost, Restamped, is_lost, ruled_stamp
from homeroom.node.arrival import Alarm
from homeroom.node.joining import Came, Joined, arrived_together, join, ready, void
from homeroom.node.overview import Overview
from homeroom.node.touched_parts import Written
from homeroom.node.touching import Touches, answers_touched
from homeroom.regions.stated import Stated
from homeroom.state.consents import Consents
from homeroom.state.cut_making import ReadyCut
from homeroom.state.state import State
from homeroom.state.withholding import need_consent, take_consents

__all__ = ["Folding", "TenantState"]


@dataclass(slots=True)
class TenantState:
    """What one tenant's events add up to.

    Parameters
    ----------
    state : columns and history
    applied : by origin the last entry that is in it
    newest : hybrid stamp of the newest entry that is in it, 0 for none
    named : the greatest epoch under which any of it was written
    left_out : by other tenant that was left out then, by origin the first entry that said something of it; None for a
        state that was made of no snapshot
    passed_over : other tenants of which entries up to there said something, and that nobody had stated
    overview : what was noted of the state when it was looked over last
    """

    state: State
    applied: Vector = field(default_factory=Vector)
    newest: int = 0
    named: int = 0
    passed_over: frozenset[str] = frozenset()
    left_out: Mapping[str, Mapping[Origin, int]] | None = None
    overview: Overview | None = None

    def look_over(self, applied: Vector) -> Overview:
        """Note what the state says of all that was read, while nobody changes it; ``applied`` is all that is folded."""
        self.overview = found = Overview.of(self.state, applied, self.newest)
        return found


class Folding:
    """Folds entries.

    Parameters
    ----------
    tenants : the states that there are
    make : returns the state of a tenant that is new, given what is known of it; a `KeyFileError` leaves it out, and a
        `TenantElsewhereError` says that nothing of it comes here
    applied : what is folded already into all of them

    Attributes
    ----------
    applied : by origin the last entry that is folded, or that needs no folding here
    control : what was stated
    stated : its entries, in the order in which they were stated
    refused : by tenant that is left out, why
    left_out : by such a tenant, by origin the first entry of those that are folded that it will want
    elsewhere : tenants of which nothing comes here, because their events stay in another jurisdiction
    stamps : by origin the hybrid stamp of the last entry that was folded
    waiting : by origin why entries that were given last could not be folded yet
    covered : by origin that waits with a cut up to which numbers that covers entries
    troubles : by origin why its entries are not folded any further
    alarms : by origin what should not have been in its entries, and was left out of what was folded
    unknown : tenants that entries name and nobody has stated: what is of them was passed over
    is_in_doubt : whether what is folded has to be folded anew, because of what was stated since
    known : what is known to be stated, where all is folded anew and a cut still waits for events; else None
    removals_folded : how many erasures, consents and purposes were folded since the start: fewer may be seen after one
    make : makes the state of a tenant that is new
    touches : which entries said something of which tenant
    guard : is held while anything that questions see becomes other (`State.guard`), of all tenants
    """

    def __init__(
        self,
        tenants: Mapping[str, TenantState],
        make: Callable[[str, Control], TenantState],
        applied: Vector | None = None,
    ) -> None:
        self.tenants = dict(tenants)
        self.applied = applied or Vector()
        self.touches = Touches(self.applied)
        self.control = Control()
        self.stated = Stated()
        self.refused: dict[str, str] = {}
        self.left_out: dict[str, dict[Origin, int]] = {}
        self.elsewhere: set[str] = set()
        self.stamps: dict[Origin, int] = {}
        self.waiting: dict[Origin, str] = {}
        self.covered: dict[Origin, Vector] = {}
        self.troubles: dict[Origin, str] = {}
        self.alarms: dict[Origin, Alarm] = {}
        self.unknown = {name for one in tenants.values() for name in one.passed_over}
        self.is_in_doubt = False
        self.known: Control | None = None
        self.removals_folded = 0
        self.guard: AbstractContextManager[object] = nullcontext()
        self.make = make

    def fold(self, entries: Sequence[Entry]) -> None:
        """Fold entries, those of each origin in order; what is folded already is passed over.

        Entries are folded together, because a fold costs a fixed amount a call, but not too many, because questions
        wait while they are joined. If that raises they are folded one by one, to find the one to stop at. Those that
        wait for others are tried again once these are folded.
        """
        left: Sequence[Entry] = entries
        while left:
            waiting: list[Entry] = []
            for some in _portions(left):
                waiting += self._fold_some(some)
                self._seal(some)
            if len(waiting) == len(left):
                break
            left = waiting

    def _seal(self, entries: Sequence[Entry]) -> None:
        """Seal what has come, where it is enough; what goes wrong there is told of the last entries."""
        try:
            for tenant in self.tenants.values():
                if tenant.state.unsealed_events >= SEAL_EVENTS:
                    tenant.state.seal()
        except Exception as error:  # noqa: BLE001 - it stops these origins and is told
            for entry in entries:
                self.troubles.setdefault(
                    entry.origin,
                    f"after entry {entry.number} of {entry.origin} nothing is folded, since what it is in cannot be "
                    f"sealed: {kind_and_places(error)}; this is a fault of homeroom",
                )

    def _fold_some(self, entries: Sequence[Entry]) -> list[Entry]:
        """Fold what can be folded; return what waits."""
        try:
            return self._fold_together(entries)
        except Exception:  # noqa: BLE001 - told as a trouble below
            return [one for entry in entries for one in self._fold_alone(entry)]

    def _fold_alone(self, entry: Entry) -> list[Entry]:
        if entry.origin in self.troubles:
            return []
        try:
            return self._fold_together([entry])
        except Exception as error:  # noqa: BLE001 - whatever it is, it stops this origin and is told
            why = (
                str(error)
                if isinstance(error, HomeroomError)
                else f"{kind_and_places(error)}; this is a fault of homeroom"
            )
            self.troubles[entry.origin] = (
                f"entry {entry.number} of {entry.origin} is not folded: {why}"
            )
            return []

    def _fold_together(self, entries: Sequence[Entry]) -> list[Entry]:
        """Fold entries and say so; if it raises, nothing is said, and to fold them again does no harm.

        Returns those that wait.
        """
        read = self._read(entries)
        for name, mine in read.parts.items():
            if any(len(part.voids) or part.erasures for part, _ in mine):
                # What is voided is sealed first; then it is only these events that are sealed under the guard.
                read.tenants[name].state.seal()
            erasures = [erasure for part, _ in mine for erasure in part.erasures]
            if erasures:
                # Before all else, so that what comes with them is cut as what came before.
                read.tenants[name].state.erase(erased_keys(erasures))
                self.removals_folded += len(erasures)
            consents = [consent for part, _ in mine for consent in part.consents]
            if consents:
                take_consents(read.tenants[name].state, Consents.of(consents))
                self.removals_folded += len(consents)
        made_ready = {
            name: ready(read.tenants[name].state, mine) for name, mine in read.joined.items()
        }
        is_single = (
            len(read.cuts) == 1 and not read.parts
        )  # else what comes before it is not there yet
        cut = _ready_cut(*read.cuts[0]) if is_single else None
        # Held on to until nobody waits: to give back the memory of large arrays takes milliseconds.
        _before = [
            self.tenants[name].state.partitions() for name in made_ready if name in self.tenants
        ]
        with self.guard:
            self.tenants = read.tenants
            for name, mine in read.parts.items():
                state = self.tenants[name].state
                read.written[name] = join(state, read.joined[name], made_ready[name])
                void(state, mine)
            for state, stated in read.cuts:
                if cut is None:
                    state.cut(stated.day, stated.vector, stated.epoch)
                else:
                    state.take_cut(cut)
            self._say_folded(entries, read)
        return read.waiting

    def _say_folded(self, entries: Sequence[Entry], read: "_Read") -> None:
        for entry in entries:
            is_stated = entry.origin.stream is Stream.CONTROL
            if (
                is_stated
                and self.applied[entry.origin] < entry.number <= read.applied[entry.origin]
            ):
                self.stated.take(entry)
        self._say_touched(read)
        self.applied, self.control = read.applied, read.control
        self.unknown |= read.unknown
        self.is_in_doubt |= read.is_in_doubt
        for name, origin, number in read.left_out:
            self.want(name, {origin: number})
        for origin, alarm in read.alarms:
            self.alarms[origin] = self.alarms.get(origin, Alarm()).joined(alarm)
        rulings = self.control.members.rulings
        self.stamps |= {
            e.origin: ruled_stamp(rulings, e.origin, e.number, e.hybrid)
            or self.stamps.get(e.origin, 0)
            for e in entries
            if e.number <= read.applied[e.origin]
        }
        for name, tenant in self.tenants.items():
            tenant.applied = tenant.applied.joined(read.applied)
            tenant.newest = max(tenant.newest, read.newest.get(name, 0))
            tenant.named = max(tenant.named, read.named.get(name, 0))
            if tenant.overview is not None:  # else nobody has asked for it
                tenant.look_over(self.applied)

    def want(self, name: str, numbers: Mapping[Origin, int]) -> None:
        """Note of a tenant that is left out from which entry of an origin on it will want what is folded already."""
        first = self.left_out.setdefault(name, {})
        for origin, number in numbers.items():
            first[origin] = min(number, first.get(origin, number))

    def _say_touched(self, read: "_Read") -> None:
        """Say which entries made answers other ones, before anybody can be told that they are folded."""
        for name, came in read.stated.items():
            self.touches.stated(name, came)
        for name, mine in read.parts.items():
            came = [(entry.origin, entry.number) for _, entry in mine]
            self.touches.events(name, came, [read.written[name]])
            removals = [
                (entry.origin, entry.number)
                for part, entry in mine
                if len(part.voids) or part.erasures or part.consents
            ]
            if removals:
                self.touches.removals(name, removals)

    def _read(self, entries: Sequence[Entry]) -> "_Read":
        """Return what entries say, all of them known to be whole. What is stated is read alone."""
        read = _Read(dict(self.tenants), self.applied, self.control, self.known)
        for entry in entries:
            if entry.origin in self.troubles or entry.number <= read.applied[entry.origin]:
                continue
            if self._waits_behind(entry, read.control, read.applied) or not self._taken(
                entry, read
            ):
                read.waiting.append(entry)
            else:
                read.applied = read.applied.advanced(entry.origin, entry.number)
        for name in read.parts:
            read.joined[name], alarms = arrived_together(name, read.parts[name], read.judged_by)
            read.alarms += alarms
        return read

    def _taken(self, entry: Entry, read: "_Read") -> bool:
        """Take what an entry says; say whether it could be, or else waits."""
        entry.check_payload()
        content = unpack(entry.payload).content
        if entry.origin.stream.has_events:
            _take(entry, content, read, (self.refused, self.elsewhere))
        elif entry.origin.stream is Stream.CONTROL:
            changes = read_changes(content)
            if self._waits_for_events(entry, changes, read.control):
                return False
            for name in answers_touched(changes):
                read.stated.setdefault(name, []).append((entry.origin, entry.number))
            if self.stated.is_next(entry):
                self._doubt(changes, read)
                self._take_stated(changes, read)
            else:
                self._take_late(entry, changes, read)
        return True

    def _doubt(self, changes: Sequence[Change], read: "_Read") -> None:
        """Be in doubt, if facts that come next say anything of what is folded already."""
        named = max((tenant.named for tenant in self.tenants.values()), default=0)
        is_named = read.control.epoch < named
        read.is_in_doubt |= any(
            (is_named and _is_list(one.fact)) or self._is_of_the_past(one.fact) for one in changes
        )

    def _is_of_the_past(self, fact: Fact) -> bool:
        if isinstance(fact, TenantPut):
            return fact.name in self.unknown
        if isinstance(fact, MemberLeft | OriginsClosed):
            folded = self.applied.items()
            return any(n > fact.closed.get(str(o), n) for o, n in folded if _has_events(o))
        if not isinstance(fact, EntriesLost | Restamped):
            return False
        is_folded = any(
            fact.first <= number
            for origin, number in self.applied.items()
            if str(origin) == fact.origin and origin.stream is Stream.ANALYTIC
        )
        return is_folded and (isinstance(fact, EntriesLost) or self._was_lost(fact))

    def _was_lost(self, fact: Restamped) -> bool:
        rulings = self.control.members.rulings
        mine = [
            ruling
            for origin, some in rulings.items()
            if str(origin) == fact.origin
            for ruling in some
        ]
        return any(
            one.hybrid is None and one.first <= fact.last and fact.first <= one.last for one in mine
        )

    def _take_stated(self, changes: Sequence[Change], read: "_Read") -> None:
        for change in changes:
            read.control = read.control.folded(change, read.control.epoch + 1)
            self._make_tenants(read)
            _take_cut(change.fact, read)
            self.removals_folded += _take_purposes(change.fact, read)

    def _take_late(self, entry: Entry, changes: Sequence[Change], read: "_Read") -> None:
        """Take what does not go on from what was stated: all of it is added up anew."""
        after, order = self.stated.with_entry(entry), self.stated.order
        before, read.control = read.control, after.control
        if not after.order.begins_with(order):
            read.is_in_doubt = True
        elif after.order != order:
            self._doubt(changes, read)
        self._make_tenants(read)
        for name, cut in read.control.cuts.items():
            known = before.cuts.get(name)
            is_new = known is None or (cut.day, cut.vector) != (known.day, known.vector)
            if is_new and name in read.tenants:
                read.cuts.append((read.tenants[name].state, cut))
        for name, tenant in read.tenants.items():
            need = read.control.purposes(name)[ANALYTICS]
            if need is not before.purposes(name)[ANALYTICS]:
                need_consent(tenant.state, need, read.control.epoch)
                self.removals_folded += 1

    def _make_tenants(self, read: "_Read") -> None:
        for name in read.control.tenants:
            if name not in read.tenants and name not in self.refused:
                try:
                    read.tenants[name] = self.make(name, read.control)
                except KeyFileError as error:
                    self.refused[name] = str(error)
                    self.want(name, {})
                    continue
                except TenantElsewhereError:
                    self.elsewhere.add(name)
                    continue
                self.elsewhere.discard(name)
                read.tenants[name].state.guard = self.guard
                self.unknown |= read.tenants[name].passed_over

    def _waits_behind(self, entry: Entry, control: Control, applied: Vector) -> bool:
        """Say whether an entry waits because of others that do; if none do, its turn has come."""
        if entry.number > applied[entry.origin] + 1:
            return entry.origin in self.waiting
        # Facts that do not count were known to who wrote it, perhaps.
        known = max(control.epoch, self.stated.count)
        if entry.origin.stream.has_events and entry.epoch > known:
            self.waiting[entry.origin] = (
                f"entry {entry.number} of {entry.origin} waits for what was stated before it"
            )
            return True
        self.waiting.pop(entry.origin, None)
        self.covered.pop(entry.origin, None)
        return False

    def _waits_for_events(self, entry: Entry, changes: Sequence[Change], control: Control) -> bool:
        """Say whether changes hold a cut that covers entries which are not folded yet."""
        for epoch, change in enumerate(changes, control.epoch + 1):
            fact = change.fact
            tenant = self.tenants.get(fact.tenant) if isinstance(fact, HistoryCut) else None
            if tenant is None or not isinstance(fact, HistoryCut) or _is_made(tenant, epoch):
                continue
            after = folded_cut(control.cuts, fact, epoch)[fact.tenant]
            if not tenant.applied.covers(after.vector):
                self.covered[entry.origin] = after.vector
                self.waiting[entry.origin] = (
                    f"the cut of history in entry {entry.number} of {entry.origin} waits for entries that it covers"
                )
                return True
        return False


def _is_list(fact: Fact) -> bool:
    """Say whether a fact decides which attributes of events are kept that name it: of others none is looked up so."""
    return isinstance(fact, IdsRegistered | IdsWithdrawn) and fact.kind is IdKind.ATTRIBUTE


def _has_events(origin: Origin) -> bool:
    return origin.stream.has_events


@dataclass(slots=True)
class _Read:
    """What some entries say.

    Parameters
    ----------
    tenants, applied, control : those of the folding, with what the entries add
    known : what is known to be stated beyond that, None for nothing
    waiting : those that wait
    parts : by tenant what entries say of it
    joined : by tenant the events in it that are to be joined
    cuts : what is to be cut after that, in order
    newest : by tenant the newest hybrid stamp in it
    named : by tenant the greatest epoch under which any of it was written
    written : by tenant what its events are about, once they are joined
    alarms : what should not have been in entries, with their origins
    unknown : tenants of which nothing could be taken, because nobody has stated them
    left_out : entries that say something of a tenant that is left out, with its name
    stated : by tenant, or `ALL_TENANTS`, entries that stated something of answers
    is_in_doubt : whether what is folded has to be folded anew
    """

    tenants: dict[str, TenantState]
    applied: Vector
    control: Control
    known: Control | None
    waiting: list[Entry] = field(default_factory=list)
    parts: dict[str, list[Came]] = field(default_factory=dict)
    joined: dict[str, list[Joined]] = field(default_factory=dict)
    cuts: list[tuple[State, StatedCut]] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    alarms: list[tuple[Origin, Alarm]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    left_out: list[tuple[str, Origin, int]] = field(default_factory=list)
    stated: dict[str, list[tuple[Origin, int]]] = field(default_factory=dict)
    is_in_doubt: bool = False

    @property
    def judged_by(self) -> Control:
        """The facts under which events count."""
        return self.control if self.known is None else self.known


def _take(
    entry: Entry, content: bytes, read: _Read, absent: tuple[Container[str], Container[str]]
) -> None:
    """Take what an entry says; ``absent`` are tenants that are left out, and those that are elsewhere."""
    refused, elsewhere = absent
    for part in unchecked_parts(content):
        name = part.tenant
        is_pinned = entry.origin.stream is Stream.PINNED
        if name in read.control.tenants and read.judged_by.pins_events(name) != is_pinned:
            part.check()
            read.alarms.append((entry.origin, Alarm(1, misplaced=1)))
        elif name in refused:
            part.check()
            read.left_out.append((name, entry.origin, entry.number))
        elif name in elsewhere:
            part.check()
        elif name not in read.tenants:
            part.check()
            read.unknown.add(name)  # its home stated it when it was the home no more
        elif entry.number > read.tenants[name].applied[entry.origin]:
            _take_part(entry, part, read)


def _take_part(entry: Entry, part: OpenPart, read: _Read) -> None:
    """Take what an entry says of a tenant; if that was ruled to be lost, what persons have said alone."""
    name, rulings = part.tenant, read.judged_by.members.rulings
    if is_lost(rulings, entry.origin, entry.number, name):
        part.check()
        part = part.of_persons()
    stamp = ruled_stamp(rulings, entry.origin, entry.number, entry.hybrid)
    read.parts.setdefault(name, []).append((part, entry))
    read.newest[name] = max(read.newest.get(name, 0), stamp)
    read.named[name] = max(read.named.get(name, 0), entry.epoch)


def _take_cut(fact: Fact, read: _Read) -> None:
    """Take the cut that a fact has just stated, if it is one of a tenant that is there."""
    if isinstance(fact, HistoryCut) and fact.tenant in read.tenants:
        stated = read.control.cuts[fact.tenant]
        if stated.epoch == read.control.epoch:  # else it said nothing
            read.cuts.append((read.tenants[fact.tenant].state, stated))


def _take_purposes(fact: Fact, read: _Read) -> int:
    """Have a tenant's analytics need consent, or not, if that was just stated; return 1 if it was, else 0."""
    if not isinstance(fact, PurposesPut) or fact.tenant not in read.tenants:
        return 0
    state = read.tenants[fact.tenant].state
    need_consent(state, read.control.purposes(fact.tenant)[ANALYTICS], read.control.epoch)
    return 1


def _is_made(tenant: TenantState, epoch: int) -> bool:
    made = tenant.state.cut_made
    return made is not None and epoch <= made.epoch


def _ready_cut(state: State, stated: StatedCut) -> ReadyCut | None:
    """Make ready to cut; None if that was done already."""
    return state.ready_cut(stated.day, stated.vector, stated.epoch)


def _portions(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut entries into portions that are joined at once.

    What was stated is folded alone: a cut in it is then made of what all entries before it add up to.
    """
    portion: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        is_alone = entry.origin.stream is Stream.CONTROL
        if portion and (is_alone or size_bytes + len(entry.payload) > JOINED_BYTES):
            yield portion
            portion, size_bytes = [], 0
        portion.append(entry)
        size_bytes += len(entry.payload)
        if is_alone:
            yield portion
            portion, size_bytes = [], 0
    if portion:
        yield portion

"""The log folded anew: what a state has to be, whatever it is.

A state is a function of the entries of a log, and a fold is only a quick way to it. Three things make the quick way
come to something else: operators rule that entries are lost which are folded already, facts turn out not to count
because the home had moved, and memory or a disk is damaged. Nothing is taken out of a state for any of them. The log is
folded once more from its beginning, all that was stated first, as a start does it, and what comes of it takes the place
of what there was.

That reads the whole log and holds two states in memory while it lasts; questions are answered from the old one, and
nothing else is folded. Where the log has forgotten its beginning, it begins with a snapshot: one that was made under
the facts of today. Each snapshot says under which it was made (`homeroom.adapters.directory.Under`), and a start takes
no other either.

The way not taken finds the rows that a ruling touches, in history: history keeps one copy of an event, and whether
another entry had it too is in the log alone.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import msgspec

from homeroom import limits
from homeroom.adapters.directory import Manifest, Under
from homeroom.cohorts.answers import Source
from homeroom.cohorts.live import Trouble
from homeroom.errors import DataDirectoryError, TenantElsewhereError
from homeroom.log.control import MAIN, Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.rulings import Ruling, Rulings
from homeroom.log.store import Store
from homeroom.node.folding import Folding, TenantState
from homeroom.regions.stated import Stated
from homeroom.running.following import next_unread
from homeroom.running.live import Begun
from homeroom.running.snapshots import Opened, Snapshots
from homeroom.state.state import State, rebuild

__all__ = [
    "Refolding",
    "fold_all",
    "is_true",
    "make_tenants",
    "skip_applied",
    "stated_entries",
    "stated_of",
    "until_early",
    "want_left_out",
]


@dataclass(slots=True)
class Refolding:
    """Makes the states of tenants, from snapshots at a start and from nothing afterwards.

    Parameters
    ----------
    store, snapshots : of the node
    stack : lasts as long as the node: directories of tenants are held in it
    goes_on : whether a start goes on from the log where no snapshot can be read, to be repaired
    node : which member of a world this is, None for a node alone: it has all tenants
    troubles : takes what is wrong with snapshots
    begun : with what the last fold has begun
    """

    store: Store
    snapshots: Snapshots
    stack: ExitStack
    goes_on: bool = False
    node: str | None = None
    begun: Begun = Begun.LOG
    troubles: list[Trouble] = field(default_factory=list)
    _held: set[str] = field(default_factory=lambda: {MAIN})

    def opened(self, name: str, control: Control, stated: Stated) -> tuple[TenantState, bool]:
        """Return a tenant as a start finds it, and whether it is what is stated makes of its entries.

        Raises `DataDirectoryError` and `KeyFileError`.
        """
        snapshots = self.snapshots
        self._expect_here(name, control)
        snapshots.expect_key(name, control)
        self._hold(name)
        zone = control.tenants[name].timezone
        try:
            opened = snapshots.open(name, zone, lambda manifest: is_true(manifest, stated))
        except DataDirectoryError as error:
            if not self.goes_on or not self._is_whole(name, control):
                raise
            opened = Opened(snapshots.begun(name, zone), str(error))
        if opened.trouble is not None:
            self.troubles.append(Trouble(opened.trouble, name))
        if opened.is_true or not self._is_whole(name, control):
            return opened.tenant, opened.is_true
        snapshots.sources[name] = Source()
        return snapshots.begun(name, zone), True

    def _hold(self, name: str) -> None:
        if name not in self._held:
            self.stack.enter_context(self.snapshots.place(name).run_by_node())
            self._held.add(name)

    def _expect_here(self, name: str, control: Control) -> None:
        """Raise `TenantElsewhereError` for a tenant of which nothing comes to this node."""
        if self.node is not None and control.is_elsewhere(name, self.node):
            raise TenantElsewhereError(name, control.regions_of(name))

    def _is_whole(self, name: str, control: Control) -> bool:
        """Say whether the log tells all that there is of a tenant: of events that are pinned it forgets nothing."""
        is_there = control.pins_events(name) or not len(self.store.begins())
        return is_there and not self.snapshots.unlogged(name)

    def fold(
        self,
        until: Vector,
        make: Callable[[str, Control], TenantState],
        begun: Begun = Begun.NEWEST,
    ) -> Folding:
        """Return what entries come to when they are folded anew, up to the last of each origin in ``until``.

        Parameters
        ----------
        until : by origin the last entry
        make : makes the states of tenants that are stated later
        begun : which snapshot is begun with, where the log does not tell all

        Raises
        ------
        DataDirectoryError
            The log has forgotten its beginning, and no snapshot is of use.
        StoreError, KeyFileError
            The log, or a tenant's key, cannot be read.
        """
        facts = [one for one in stated_entries(self.store) if one.number <= until[one.origin]]
        stated = stated_of(facts)
        sources: dict[str, Source] = {}
        self.begun = Begun.LOG

        def fresh(name: str, control: Control) -> TenantState:
            self._expect_here(name, control)
            self.snapshots.expect_key(name, control)
            zone = control.tenants[name].timezone
            if self._is_whole(name, control):
                sources[name] = Source()
                return self.snapshots.begun(name, zone)
            self.begun = begun
            truth = partial(is_true, stated=stated)
            opened = self.snapshots.open(name, zone, truth, begun)
            if opened.is_true:
                if (
                    begun is Begun.BEFORE
                ):  # its rows may be as wrong as those of the newest; its history is older
                    _rebuild(opened.tenant.state)
                return opened.tenant
            raise DataDirectoryError(
                f"{self.snapshots.place(name).path} cannot be made anew: its log has forgotten its beginning, and its "
                f"snapshots are of other facts. Begin this node anew with an empty directory"
            )

        documents = {o: number for o, number in until.items() if o.stream.has_documents}
        folding = Folding({}, fresh, Vector(documents))
        folding.fold(facts)
        make_tenants(folding, fresh, stated)
        skip_applied(folding, self.store.begins())
        want_left_out(folding, self.snapshots, self.store.begins())
        folding.known = stated.control
        closed = stated.control.members.closed
        fold_all(
            folding,
            self.store,
            lambda one: one.number <= min(until[one.origin], closed.get(one.origin, one.number)),
        )
        self.snapshots.sources |= sources
        for tenant in folding.tenants.values():
            if len(tenant.state.history.erased[0]):
                for _ in tenant.state.forget():
                    pass  # rows that hold nothing any more: their keys are to be in no file
        folding.known, folding.is_in_doubt = None, False
        folding.make = make
        return folding


def _rebuild(state: State) -> None:
    """Have the rows that history comes to in place of those that there are."""
    fresh = rebuild(state)
    state.learners, state.enrolments = fresh.learners, fresh.enrolments


def make_tenants(
    folding: Folding, make: Callable[[str, Control], TenantState], stated: Stated
) -> None:
    """Make the states of all tenants, beyond a cut that waits for the log too: none may miss what the others fold."""
    control = stated.control
    left_out = folding.refused.keys() | folding.elsewhere
    for name in control.tenants.keys() - folding.tenants.keys() - left_out:
        folding.tenants[name] = made = make(name, control)
        folding.unknown |= made.passed_over


def skip_applied(folding: Folding, begins: Vector) -> None:
    """Begin after what every tenant's snapshot holds of events; what was stated has been given to the fold already.

    What the log has forgotten has nothing of a tenant that has no snapshot yet: it was stated later. Events have two
    streams, and a tenant has but one of them.
    """
    tenants = {stream: list(folding.tenants.values()) for stream in Stream}
    for stream in (Stream.ANALYTIC, Stream.PINNED):
        is_pinned = stream is Stream.PINNED
        tenants[stream] = [
            one
            for name, one in folding.tenants.items()
            if folding.control.pins_events(name) is is_pinned
        ]
    origins = {origin for one in folding.tenants.values() for origin in one.applied}
    for origin in {origin for origin in origins if origin.stream is not Stream.CONTROL}:
        some = tenants.get(origin.stream, tenants[Stream.DOCUMENT])
        applied = min((one.applied[origin] for one in some), default=0)
        folding.applied = folding.applied.joined({origin: max(applied, begins[origin])})


def want_left_out(folding: Folding, snapshots: Snapshots, begins: Vector) -> None:
    """Note what tenants that are left out will want of the entries that snapshots hold, and are not folded again.

    Each snapshot says of those that were left out when it was made. Of one that was not, it is what its own snapshot
    lacks: its key has gone since.
    """
    made = [one for one in folding.tenants.values() if one.left_out is not None]
    for name in folding.refused:
        told = [one.left_out[name] for one in made if one.left_out and name in one.left_out]
        for numbers in told:
            folding.want(name, numbers)
        if len(told) < len(made):
            own = snapshots.applied_of(name)
            skipped = (o for o, n in folding.applied.items() if n > max(own[o], begins[o]))
            folding.want(name, {o: own[o] + 1 for o in skipped if o.stream is Stream.ANALYTIC})


def fold_all(
    folding: Folding, store: Store, is_due: Callable[[Entry], bool] = lambda _entry: True
) -> None:
    """Fold what a store holds, to its end or until what is left can be folded no further, or not yet."""
    before, early = None, set[Origin]()
    while before != (folding.applied, len(folding.troubles), len(early)):
        before = folding.applied, len(folding.troubles), len(early)
        entries = next_unread(store, folding, limits.FOLD_ENTRIES_MAX, early)
        folding.fold(until_early(entries, is_due, early))


def until_early(
    entries: Iterable[Entry], is_due: Callable[[Entry], bool], early: set[Origin]
) -> list[Entry]:
    """Return entries, in order by origin, up to the first of each that is not due; these origins come into ``early``.

    What lies beyond may be due by a ruling, and waits for what is before it all the same.
    """
    found: list[Entry] = []
    for entry in entries:
        if entry.origin not in early and is_due(entry):
            found.append(entry)
        else:
            early.add(entry.origin)
    return found


def stated_entries(store: Store) -> list[Entry]:
    """Return what was stated, in the order of hybrid time: one node writes it, in one life after the other."""
    held = store.held()
    origins = [origin for origin in held if origin.stream is Stream.CONTROL]
    stated = [entry for origin in origins for entry in store.read(origin, 1, held[origin])]
    return sorted(stated, key=lambda entry: entry.hybrid)


def stated_of(entries: Sequence[Entry]) -> Stated:
    """Return what all that was stated adds up to. Raises `EntryError` for an entry that is damaged."""
    stated = Stated()
    for entry in entries:
        entry.check_payload()
        stated.take(entry)
    return stated


# --- under which facts a snapshot was made ---------------------------------------------------------------------------


def is_true(manifest: Manifest, stated: Stated) -> bool:
    """Say whether a snapshot is what its entries come to under all that is stated now."""
    under = manifest.under
    applied = Vector() if manifest.applied is msgspec.UNSET else Vector.from_json(manifest.applied)
    closed = stated.control.members.closed
    if any(n > closed.get(o, n) for o, n in applied.items() if o.stream.has_events):
        return False
    now = stated.control.members.rulings
    if under is msgspec.UNSET:  # it was written before rulings were folded
        return not stated.ignored and not any(_lost(now, origin, applied) for origin in now)
    # Of facts that it lacked, and that an entry in it names, the lists of attributes alone decide what is folded.
    lists = (one.attributes for one in stated.control.catalogues.values())
    if any(under.epoch < since <= under.named for attributes in lists for since, _ in attributes):
        return False
    then = _then(under, stated)
    if then is None:
        return False
    origins = now.keys() | then.keys()
    return all(_lost(now, one, applied) == _lost(then, one, applied) for one in origins)


def _then(under: Under, stated: Stated) -> Rulings | None:
    """Return what was ruled by the facts that a snapshot was made under; None if others stand in their place now."""
    if under.epoch == stated.control.epoch:  # nearly always: then nothing has to be added up
        return stated.control.members.rulings if stated.order.digest == under.order else None
    found = stated.at(under.epoch)
    if found is None or found[0].digest != under.order:
        return None
    return found[1].members.rulings


def _lost(rulings: Rulings, origin: Origin, applied: Vector) -> Iterable[Ruling]:
    """Return what was ruled of folded entries of an origin with events, nothing if none of them is lost."""
    if origin.stream is not Stream.ANALYTIC:
        return ()
    found = tuple(one for one in rulings.get(origin, ()) if one.first <= applied[origin])
    return found if any(one.hybrid is None for one in found) else ()

"""History as questions see it: what was stored, without what was taken back, under the keys that learners go under now.

Three things change the past. A *voided* event has not happened, whether it came before its void or comes after it. And
accounts that turn out to be one learner are one from the start (`homeroom.state.identities`), until they turn out not
to be. Stored segments know nothing of either: what came once is known as a repeat for ever, and an unmerging finds the
events of each account where they were.

So each stored segment has a *veil*: the places of its voided events, and of those that *moved*, which are the events of
merged accounts. Moved events are copied into segments of their own, the *joined* ones, under the key of their group.
A learner who is *withheld* (`homeroom.state.consents`) has events that no question sees, until that is lifted.
And a raw key that is *erased* has no events, whenever they come: those that are stored are hidden at once, and are left
out when their segment is written next (`History.without_erased`); those that come are cut before they are stored.
Questions walk through `History.shown`: stored segments behind their veils, and the joined ones. A change touches the
learners that it is about and no others: one void costs some binary searches and the events of one learner.

A retention cut (`homeroom.state.cutting`) changes the past too: events before its day go. Segments in memory are made
anew without them; those in files have them behind their veils until a snapshot writes them anew, or drops them.

The way not taken: to look up at each question whose event each is. A question would pay for merges that it does not
meet, and the events of a learner would no longer lie together.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.columns import Column
from homeroom.events.model import EventBatch, UInt64s
from homeroom.events.texts import sealed
from homeroom.log.consents import Need
from homeroom.state.batches import (
    chosen_events,
    joined_batches,
    picked_events,
    seen_events,
    segment_events,
)
from homeroom.state.consents import NOBODY, Consents, Withheld
from homeroom.state.copies import ALWAYS, Copies
from homeroom.state.cutting import Begins, Covered, Parted, further_copies, parted, rest_of
from homeroom.state.history import NO_PLACES, Places, Segment
from homeroom.state.identities import Edge, Identities
from homeroom.state.keys import Keys, Renamed, distinct_keys, find_sorted, halves, whole
from homeroom.state.places import (
    are_in,
    identities_of,
    keys_at,
    places_of_ids,
    places_of_keys,
    places_of_subjects,
    with_places,
    without_places,
)
from homeroom.state.running import Run
from homeroom.state.sealing import sorted_segment
from homeroom.state.veils import (
    Span,
    Veil,
    Veiled,
    erased_too,
    moved_now,
    span_without,
    voided_too,
)
from homeroom.state.zones import DAY_MS

__all__ = ["Change", "History"]

Flags: TypeAlias = npt.NDArray[np.bool_]
NO_IDS: UInt64s = sealed(np.empty(0, np.uint64))


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of the past means for the tables: the events of the learners that it touches, before and after.

    Rows that hold anything of ``before`` begin anew from ``after`` and from the bases of ``keys``, the raw keys of
    these learners; ``names`` are what accounts went under before.
    """

    before: EventBatch
    after: EventBatch
    keys: Keys
    names: Renamed


class History:
    """The set of events, as it was stored and as questions see it.

    Attributes
    ----------
    stored : the segments as they came; they only become more, but for a cut
    voids : hashes of the ids of voided events, sorted; most have come, some may still come
    identities : which accounts are one learner
    joined : the events of merged accounts under the key of their group
    copies, void_copies : further copies of events, and those of voids that are not covered for good
    begins : the day at which history begins, None if it was never cut
    erased : raw keys that are erased, sorted; they only become more
    consents, withheld : what people have said of what may be done, and who is in no answer by it
    reserved : stored segments that somebody is about to exchange, and that are not merged meanwhile
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.stored: list[Segment] = []
        self.voids: UInt64s = NO_IDS
        self.identities = Identities()
        self.joined: list[Segment] = []
        self.veils: list[Veil] = []
        self.erased: Keys = distinct_keys([])
        self.reserved: list[Segment] = []
        self.copies = Copies.none()
        self.void_copies = Copies.none()
        self.begins: Begins | None = None
        self.consents = Consents.none()
        self.withheld = NOBODY

    def restore(
        self, stored: Sequence[Segment], veils: Sequence[Veil], joined: Sequence[Segment]
    ) -> None:
        """Take segments that were written down, with the veil of each, and the joined ones."""
        self.stored, self.veils, self.joined = list(stored), list(veils), list(joined)
        if len(self.erased[0]):
            self.veils = [
                erased_too(segment, veil, self._erased_places(segment))
                for segment, veil in zip(self.stored, self.veils, strict=True)
            ]
        self._veil_withheld()
        self._forget_shown()

    def draft(self) -> "History":
        """Return history as it is now, to be changed beside this one, but for which accounts are one learner."""
        draft = copy.copy(self)
        draft._forget_shown()  # noqa: SLF001 - of its own class
        draft.stored, draft.veils = list(self.stored), list(self.veils)
        draft.joined = list(self.joined)
        return draft

    def frozen(self) -> "History":
        """Return history as it is now, whatever comes or changes here later."""
        still = self.draft()
        if self.identities:
            still.identities = copy.deepcopy(self.identities)
        return still

    @property
    def facts(self) -> tuple[int, int, int]:
        """Numbers of voided ids, of edges, and of edges that hold no longer: sets that only grow."""
        return len(self.voids), *self.identities.size

    @property
    def has_changed_past(self) -> bool:
        """Whether there is anything to be written down beside the segments."""
        known = (len(one) for one in (self.voids, self.erased[0], self.copies))
        return bool(self.identities or self.withheld.may_change(self.consents) or any(known))

    @property
    def holds_erased(self) -> bool:
        """Whether a stored segment has events of those who are erased."""
        return any(len(veil.erased) for veil in self.veils)

    # --- what there is -------------------------------------------------------------------------------------------

    @cached_property
    def shown(self) -> list[Segment]:
        """The segments that questions walk through; the events at the places of ``hidden`` are not there.

        Each shows at least one event.
        """
        shown = []
        for segment, veil in zip(self.stored, self.veils, strict=True):
            hidden = veil.hidden
            if len(hidden) < len(segment):
                shown.append(Veiled(segment, hidden) if len(hidden) else segment)
        return [*shown, *self.joined]

    def __len__(self) -> int:
        """Return the number of events that questions see."""
        return sum(map(len, self.stored)) - sum(len(veil.unseen) for veil in self.veils)

    @property
    def voided_events(self) -> int:
        """Number of stored events that are voided, but for erased ones and those from before the day of a cut."""
        return sum(len(veil.voided) for veil in self.veils)

    @property
    def span_ms(self) -> Span | None:
        """Time of the first and the last event that questions see, None if there is none."""
        spans = [veil.span for veil in self.veils if veil.span is not None]
        return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None

    def have_ids(self, id_hashes: UInt64s) -> Flags:
        """Return which ids any event has, given by their hashes, voided or not: bool of the shape of these."""
        found = np.zeros(len(id_hashes), np.bool_)
        for segment in self.stored:
            found |= are_in(segment.sorted_ids, id_hashes)
        return found

    def have_keys(self, keys: Keys) -> Flags:
        """Return which raw keys any event has, voided or not, bool of shape (n,)."""
        found = np.zeros(len(keys[0]), np.bool_)
        for segment in self.stored:
            found |= find_sorted(segment.key_hi, segment.key_lo, *keys) >= 0
        return found

    def as_shown(self, batch: EventBatch) -> EventBatch:
        """Return those events of a batch that are there, under the keys that their learners go under."""
        return self._renamed(self.withheld.seen(self._unvoided(self.unerased(batch))))

    def unerased(self, batch: EventBatch) -> EventBatch:
        """Return those events of a batch that are of nobody who is erased."""
        if not len(self.erased[0]):
            return batch
        gone = find_sorted(*self.erased, batch.key_hi, batch.key_lo) >= 0
        return chosen_events(batch, ~gone) if gone.any() else batch

    def _unvoided(self, batch: EventBatch) -> EventBatch:
        if not len(self.voids):
            return batch
        found = are_in(self.voids, batch.id_hash)
        return chosen_events(batch, ~found) if found.any() else batch

    def _renamed(self, batch: EventBatch, names: Renamed | None = None) -> EventBatch:
        if names is None:
            names = self.identities.moved
        key_hi, key_lo = names.apply(batch.key_hi, batch.key_lo)
        return batch if key_hi is batch.key_hi else replace(batch, key_hi=key_hi, key_lo=key_lo)

    # --- what comes ----------------------------------------------------------------------------------------------

    def add(self, segment: Segment, kept: Segment) -> None:
        """Take a new segment, which is held as ``kept`` (perhaps on disk), behind the veil that it must have."""
        veil = self._veil_of(segment)
        self.stored.append(kept)
        self.veils.append(veil)
        visible = without_places(veil.moved, veil.out)
        if len(visible):
            self._join(self._renamed(self.withheld.seen(picked_events(segment, visible))))
        self._forget_shown()

    def repeated(self, repeats: Mapping[str, Column]) -> None:
        """Note copies of events that were left out because the events are there already."""
        if repeats:
            self.copies = self.copies.joined(further_copies(repeats, self.stored))

    def _join(self, batch: EventBatch) -> None:
        segment = sorted_segment(batch, self._run)
        if segment is not None:
            self.joined.append(segment)

    # --- what changes --------------------------------------------------------------------------------------------

    def void(self, copies: Copies) -> Change | None:
        """Void events by the hashes of their ids (`Copies.of_voids`); None if none of them is there and seen.

        Raises `InputError` if there are more than ``limits.VOIDS_MAX`` voided ids by then.
        """
        id_hashes = copies.key_hi
        new = np.setdiff1d(id_hashes[id_hashes != 0], self.voids)
        if len(self.voids) + len(new) > limits.VOIDS_MAX:
            raise InputError(
                f"{len(self.voids) + len(new):,} ids would be voided, more than {limits.VOIDS_MAX:,}; "
                f"load a data set without these events instead"
            )
        self._note_voids(copies)
        self.voids = sealed(np.insert(self.voids, np.searchsorted(self.voids, new), new))
        found = [places_of_ids(segment, new) for segment in self.stored]
        touched = keys_at(self.stored, found)
        if not len(touched[0]):
            return None
        groups = self.identities.groups(touched)
        events = self._events_of(groups)
        self.veils = [
            voided_too(segment, veil, places)
            for segment, veil, places in zip(self.stored, self.veils, found, strict=True)
        ]
        self._hide_joined(lambda segment: places_of_ids(segment, new))
        return Change(self._renamed(events), self.as_shown(events), groups, self.identities.moved)

    def _note_voids(self, copies: Copies) -> None:
        """Keep the copies of voids that are not covered for good: an id without any is."""
        copies = copies.picked(copies.key_hi != 0)
        is_new = ~are_in(self.voids, copies.key_hi) | self.void_copies.has(copies.keys)
        joined = self.void_copies.joined(copies.picked(is_new))
        for_good = joined.picked(joined.origin == ALWAYS)
        self.void_copies = joined.picked(~for_good.has(joined.keys))

    def change_identities(self, edges: Sequence[Edge], taken_back: Sequence[int]) -> Change | None:
        """Merge and unmerge accounts; None if no group of accounts is another than before.

        Raises `InputError` if there are more edges than a data set may have.
        """
        names_before = self.identities.moved
        changed = halves(self.identities.change(edges, taken_back))
        if not len(changed[0]):
            return None
        raw = self._events_of(changed)
        inside = find_sorted(*self.identities.moved[:2], *changed) >= 0
        self.veils = [
            moved_now(segment, veil, changed, inside)
            for segment, veil in zip(self.stored, self.veils, strict=True)
        ]
        self._withhold(changed)
        groups_before = names_before.apply(*changed)
        self._hide_joined(lambda segment: places_of_keys(segment, groups_before))
        self._join_those_of_groups(raw)
        return Change(self._renamed(raw, names_before), self.as_shown(raw), changed, names_before)

    def consent(self, stated: Consents) -> Change | None:
        """Take what people say of what may be done with their data; None if nobody is shown or withheld by it.

        Raises `InputError` if there are more than ``limits.CONSENTS_MAX`` facts by then.
        """
        stated = stated.without(self.erased)
        self.consents = self.consents.joined(stated)
        return self._judge(self.identities.groups(stated.keys))

    def need(self, need: Need, epoch: int) -> None:
        """Have analytics need consent or not, as the control change ``epoch`` says; all tables are to be made anew."""
        self.judge_all(need, epoch)
        self._veil_withheld()
        self.joined = []
        self._join_those_of_groups(self._events_of(self.identities.moved[:2]))

    def judge_all(self, need: Need, epoch: int) -> None:
        """Find out who is withheld from nothing; veils stay as they are."""
        fresh, groups = Withheld.begin(need, epoch), self.identities.groups(self.consents.keys)
        self.withheld = fresh.judged(self.consents, self.identities, groups)

    def _judge(self, groups: Keys) -> Change | None:
        """Show or withhold the learners of some raw keys, as their consents stand; None if all stays as it is."""
        before = self.withheld.covers(*groups)
        raw, names = self._events_of(groups), self.identities.moved
        self._withhold(groups)
        if (self.withheld.covers(*groups) == before).all():
            return None
        groups_now = distinct_keys([names.apply(*groups)])
        self._hide_joined(lambda segment: places_of_keys(segment, groups_now))
        self._join_those_of_groups(raw)
        return Change(self._renamed(raw), self.as_shown(raw), groups, names)

    def _withhold(self, groups: Keys) -> None:
        self.withheld = self.withheld.judged(self.consents, self.identities, groups)
        self._veil_withheld(groups)

    def _veil_withheld(self, keys: Keys | None = None) -> None:
        """Have the events of some keys, or of all, behind veils if they are withheld, and not else."""
        self.veils = [
            self.withheld.veiled(segment, veil, keys)
            for segment, veil in zip(self.stored, self.veils, strict=True)
        ]

    def _join_those_of_groups(self, raw: EventBatch) -> None:
        """Join those of some events that are of merged accounts, and seen."""
        inside = find_sorted(*self.identities.moved[:2], raw.key_hi, raw.key_lo) >= 0
        self._join(self.as_shown(chosen_events(raw, inside)))
        self._forget_shown()

    def part(self, begins: Begins, covered: Covered) -> Iterator[tuple[Segment, Parted]]:
        """Yield for each stored segment what becomes of its events when history begins later than before."""
        for segment, veil in zip(self.stored, self.veils, strict=True):
            gone = without_places(begins.places(segment), veil.gone)
            yield segment, parted(segment, (gone, veil.erased), self.voids, covered)

    def begin(self, begins: Begins, covered: Covered, parts: Sequence[Parted]) -> Change:
        """Let history begin at a day from now on, and forget what is before; ``parts`` are of `part`."""
        touched = keys_at(self.stored, [one.changed for one in parts])
        groups = self.identities.groups(touched)
        before = self._events_of(groups)
        self.stored, self.veils = self._begun(begins, parts)
        self._hide_joined(begins.places)
        self._forget_shown()
        recent = self.copies.settled(covered.coverage, begins.sure_ms - DAY_MS)
        # What is before the day has no effect however often it came; nothing could tell later whose copies these are.
        self.copies = recent.picked(~begins.before(recent.time_ms))
        self.void_copies = self.void_copies.uncovered(covered.coverage)
        after = self.as_shown(self._events_of(groups))
        return Change(self._renamed(before), after, groups, self.identities.moved)

    def restore_begin(self, begins: Begins) -> None:
        """Let history begin at a day, as was written down, where it may hold some of what is before."""
        self.begins = begins
        for place, segment in enumerate(self.stored):
            if segment.min_ms < begins.sure_ms:
                self.veils[place] = self._veil_of(segment)
        self._forget_shown()

    def _begun(self, begins: Begins, parts: Sequence[Parted]) -> tuple[list[Segment], list[Veil]]:
        """Take a day as the one at which history begins; return what is to be held then. If it raises, nothing is."""
        before, self.begins = self.begins, begins
        try:
            kept = [
                held
                for segment, veil, part in zip(self.stored, self.veils, parts, strict=True)
                for held in self._left_of(segment, veil, part)
            ]
        except BaseException:
            self.begins = before
            raise
        return [segment for segment, _ in kept], [veil for _, veil in kept]

    def _left_of(self, segment: Segment, veil: Veil, part: Parted) -> list[tuple[Segment, Veil]]:
        """Return what is left of a segment: itself, a part of it in memory, the file behind its veil, or nothing."""
        if not part.is_whole and not len(part.gone):
            return [(segment, veil)]
        is_reserved = any(one is segment for one in self.reserved)
        if part.is_whole and not is_reserved:
            return []
        rest: Segment | None = segment
        if type(segment) is Segment and not is_reserved:
            gone = with_places(veil.gone, part.gone)
            rest = rest_of(segment, with_places(gone, veil.erased))
        if rest is None:
            return []
        veil = self._veil_of(rest)
        return [(rest, veil)] if is_reserved or len(veil.gone) < len(rest) else []

    def erase(self, keys: Keys) -> Change | None:
        """Erase raw keys, whether any event of them has come or not; None if all of them are erased already.

        Raises `InputError` if there are more than ``limits.ERASED_MAX`` erased keys by then.
        """
        known = find_sorted(*self.erased, *keys) >= 0
        new = distinct_keys([(sealed(keys[0][~known]), sealed(keys[1][~known]))])
        if len(self.erased[0]) + len(new[0]) > limits.ERASED_MAX:
            raise InputError(
                f"{len(self.erased[0]) + len(new[0]):,} raw keys would be erased, more than {limits.ERASED_MAX:,}"
            )
        if not len(new[0]):
            return None
        names_before, groups = self.identities.moved, self.identities.groups(new)
        raw = self._events_of(groups)
        groups_before = names_before.apply(*groups)
        self.erased = distinct_keys([self.erased, new])
        self.identities.erase(
            [whole(*key) for key in zip(*(half.tolist() for half in new), strict=True)]
        )
        self.veils = [
            erased_too(segment, veil, places_of_keys(segment, new))
            for segment, veil in zip(self.stored, self.veils, strict=True)
        ]
        self._forget_copies(new)
        self.consents = self.consents.without(new)
        self._withhold(groups)
        self._hide_joined(lambda segment: places_of_keys(segment, distinct_keys([groups_before])))
        self._join_those_of_groups(raw)
        return Change(self._renamed(raw, names_before), self.as_shown(raw), groups, names_before)

    def _forget_copies(self, keys: Keys) -> None:
        """Drop the further copies of the events of some keys."""
        if len(self.copies):
            theirs = identities_of(self.stored, keys)
            self.copies = self.copies.picked(find_sorted(*theirs, *self.copies.keys) < 0)

    def _erased_places(self, segment: Segment) -> Places:
        """Return the places of the events of those who are erased; the fewer are looked up among the others."""
        if len(self.erased[0]) < len(segment.key_hi):
            return places_of_keys(segment, self.erased)
        gone = find_sorted(*self.erased, segment.key_hi, segment.key_lo) >= 0
        return places_of_subjects(segment, np.flatnonzero(gone))

    def rewrite(self, old: Segment, new: Segment | None) -> None:
        """Hold a segment in the place of one that has the same events, but for such that are erased or gone.

        If it is not stored any more, a cut has taken all of it meanwhile.
        """
        place = next((n for n, one in enumerate(self.stored) if one is old), None)
        if place is None:
            return
        if new is None:
            del self.stored[place], self.veils[place]
        else:
            self.stored[place], self.veils[place] = new, self._veil_of(new)
        self._forget_shown()

    def _hide_joined(self, places_of: Callable[[Segment], Places]) -> None:
        """Hide more events of the joined segments, and drop those of which none is left."""
        kept = []
        for segment in self.joined:
            places = places_of(segment)
            behind = segment.behind if isinstance(segment, Veiled) else segment
            hidden = with_places(segment.hidden, places)
            if len(hidden) < len(segment):
                kept.append(Veiled(behind, hidden) if len(places) else segment)
        self.joined = kept
        self._forget_shown()

    def _events_of(self, keys: Keys) -> EventBatch:
        """Return the stored events of raw keys that are not voided."""
        parts = []
        for segment, veil in zip(self.stored, self.veils, strict=True):
            places = without_places(places_of_keys(segment, keys), veil.out)
            if len(places):
                parts.append(picked_events(segment, places))
        return joined_batches(parts)

    # --- upkeep --------------------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Join small segments of merged accounts into larger ones, so that questions walk through few."""
        if len(self.joined) <= limits.JOINED_SEGMENTS_MAX:
            return
        ordered = sorted(self.joined, key=len)
        few = limits.JOINED_SEGMENTS_MAX // 2
        self.joined = ordered[len(ordered) - few + 1 :]
        self._join(seen_events(ordered[: len(ordered) - few + 1]))
        self._forget_shown()

    def held_in_memory(self) -> list[Segment]:
        """Return the stored segments that lie in no file and are not reserved."""
        reserved = {id(one) for one in self.reserved}
        return [one for one in self.stored if type(one) is Segment and id(one) not in reserved]

    def merge_small(self) -> None:
        """Merge the newest segments while the last is no smaller than half of the one before it.

        So there are few, and an event is sorted anew some times only. Segments in files are left alone.
        """
        held = self.held_in_memory()
        last: list[Segment] = []
        while held and (not last or 2 * sum(map(len, last)) >= len(held[-1])):
            if sum(map(len, last)) + len(held[-1]) > limits.SEGMENT_EVENTS_MAX:
                break
            last.append(held.pop())
        if len(last) > 1:
            self.exchange(last, self.merged(last))

    def merged(self, segments: Sequence[Segment]) -> Segment | None:
        """Return a segment with the events of all of these, but for erased ones; None if there are no others."""
        if len(segments) == 1 and not len(self._erased_places(segments[0])):
            return segments[0]
        events = joined_batches(list(map(segment_events, segments)))
        return sorted_segment(self.unerased(events), self._run)

    def reserve(self) -> list[Segment]:
        """Return the segments that lie in no file, which are to be written to one, and leave them as they are."""
        assert not self.reserved, "one at a time"
        self.reserved = self.held_in_memory()
        return self.reserved

    def release(self, kept: Segment | None) -> None:
        """Hold the file that was written in place of the reserved segments; with None, go on with these."""
        reserved, self.reserved = self.reserved, []
        if kept is not None:
            self.exchange(reserved, kept)

    def to_rewrite(self) -> list[tuple[Segment, Places]]:
        """Return the stored segments with events that are gone or erased, each with the places of these."""
        pairs = zip(self.stored, self.veils, strict=True)
        left_out = ((one, with_places(veil.gone, veil.erased)) for one, veil in pairs)
        return [(segment, places) for segment, places in left_out if len(places)]

    def exchange(self, old: Sequence[Segment], new: Segment | None) -> None:
        """Hold one segment in place of stored ones that have the same events together, gone and erased ones aside.

        None is held in place of such that have no others.
        """
        gone = {id(one) for one in old}
        kept = [
            (segment, veil)
            for segment, veil in zip(self.stored, self.veils, strict=True)
            if id(segment) not in gone
        ]
        self.stored = [segment for segment, _ in kept]
        self.veils = [veil for _, veil in kept]
        if new is not None:
            self.stored.append(new)
            self.veils.append(self._veil_of(new))
        self._forget_shown()

    def _veil_of(self, segment: Segment) -> Veil:
        """Return the veil that a segment must have, by what is known of voids and identities."""
        subjects = find_sorted(segment.key_hi, segment.key_lo, *self.identities.moved[:2])
        moved = places_of_subjects(segment, subjects[subjects >= 0])
        gone = NO_PLACES if self.begins is None else self.begins.places(segment)
        veil = replace(Veil.nothing(segment), moved=without_places(moved, gone), gone=gone)
        if len(gone):
            veil = replace(veil, span=span_without(segment, gone))
        veil = erased_too(segment, veil, self._erased_places(segment))
        veil = voided_too(segment, veil, places_of_ids(segment, self.voids))
        return self.withheld.veiled(segment, veil)

    def joined_whole(self) -> Segment | None:
        """Return all events of merged accounts as one segment, in which nothing is hidden; None if there are none."""
        if len(self.joined) > 1 or any(len(one.hidden) for one in self.joined):
            before, self.joined = self.joined, []
            self._join(seen_events(before))
            self._forget_shown()
        return self.joined[0] if self.joined else None

    def _forget_shown(self) -> None:
        self.__dict__.pop("shown", None)

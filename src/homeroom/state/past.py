"""History as questions see it: what was stored, without what was taken back, under the keys that learners go under now.

Three things change the past. A *voided* event has not happened, whether it came before its void or comes after it. And
accounts that turn out to be one learner are one from the start (`homeroom.state.identities`), until they turn out not
to be. Stored segments know nothing of either: what came once is known as a repeat for ever, and an unmerging finds the
events of each account where they were.

So each stored segment has a *veil*: the places of its voided events, and of those that *moved*, which are the events of
merged accounts. Moved events are copied into segments of their own, the *joined* ones, under the key of their group.
And a raw key that is *erased* has no events, whenever they come: those that are stored are hidden at once, and are left
out when their segment is written next (`History.without_erased`); those that come are cut before they are stored.
Questions walk through `History.shown`: stored segments behind their veils, and the joined ones. A change touches the
learners that it is about and no others: one void costs some binary searches and the events of one learner.

The way not taken: to look up at each question whose event each is. A question would pay for merges that it does not
meet, and the events of a learner would no longer lie together.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.columns import Column
from homeroom.events.model import EventBatch, UInt64s
from homeroom.events.texts import sealed
from homeroom.limits import ROW_GROUP_EVENTS
from homeroom.state import sorting
from homeroom.state.batches import chosen_events, joined_batches, picked_events, segment_events
from homeroom.state.coded import Coded
from homeroom.state.history import NO_PLACES, Places, Segment
from homeroom.state.identities import Edge, Identities
from homeroom.state.keys import Keys, Renamed, distinct_keys, find_sorted, halves, whole
from homeroom.state.places import (
    are_in,
    places_of_ids,
    places_of_keys,
    places_of_subjects,
    with_places,
    without_places,
)
from homeroom.state.running import Run
from homeroom.state.sealing import sorted_segment

__all__ = ["Change", "History", "Veil", "Veiled"]

Span: TypeAlias = tuple[int, int]
"""Time of a first and a last event."""
Flags: TypeAlias = npt.NDArray[np.bool_]
NO_IDS: UInt64s = sealed(np.empty(0, np.uint64))


@dataclass(frozen=True)
class Veil:
    """What questions do not see of a segment: places of voided and of moved events, int64, rising.

    ``span`` is the time of the first and the last event that is not voided, None if all are. Places of erased events,
    until their segment is written anew, are among the voided ones, and in ``erased``.
    """

    voided: Places
    moved: Places
    span: Span | None
    erased: Places = field(default_factory=lambda: NO_PLACES)

    @classmethod
    def nothing(cls, segment: Segment) -> "Veil":
        """Return the veil of a segment of which all is seen."""
        return cls(NO_PLACES, NO_PLACES, (segment.min_ms, segment.max_ms))

    @cached_property
    def hidden(self) -> Places:
        """All places that questions do not see."""
        if not len(self.moved):
            return self.voided
        return self.moved if not len(self.voided) else with_places(self.moved, self.voided)


_FIELDS = frozenset(one.name for one in fields(Segment))


class Veiled(Segment):
    """A segment of which some events are hidden. Places and columns are those of the segment behind it."""

    behind: Segment
    _hidden: Places

    def __init__(self, behind: Segment, hidden: Places) -> None:
        # A segment is frozen, so what it is made of goes in by this door.
        self.__dict__.update(behind=behind, _hidden=sealed(hidden))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the fields of a segment
        if name in _FIELDS:
            return getattr(self.behind, name)
        raise AttributeError(name)

    def __len__(self) -> int:
        """Return the number of events, hidden ones too."""
        return len(self.behind)

    def piece(self, name: str, first: int, end: int) -> Column | None:
        """Return the events ``first:end`` of a column, hidden ones too."""
        return self.behind.piece(name, first, end)

    def coded(self, name: str, first: int, end: int) -> Coded | None:
        """Return the events ``first:end`` of a column as places in a list, hidden ones too."""
        return self.behind.coded(name, first, end)

    def is_mapped(self, name: str) -> bool:
        """Say whether single places of a column can be picked without reading others."""
        return self.behind.is_mapped(name)

    def pick(self, name: str, places: Places) -> Column:
        """Return a column at some places."""
        return self.behind.pick(name, places)

    @property
    def hidden(self) -> Places:
        """The places of events that no question may see."""
        return self._hidden


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of the past means for the tables: the events of the learners that it touches, before and after.

    Rows that hold anything of ``before`` begin anew from ``after``.
    """

    before: EventBatch
    after: EventBatch


class History:
    """The set of events, as it was stored and as questions see it.

    Attributes
    ----------
    stored : the segments as they came; they only become more
    voids : hashes of the ids of voided events, sorted; most have come, some may still come
    identities : which accounts are one learner
    joined : the events of merged accounts under the key of their group
    erased : raw keys that are erased, sorted; they only become more
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

    def restore(
        self, stored: Sequence[Segment], veils: Sequence[Veil], joined: Sequence[Segment]
    ) -> None:
        """Take segments that were written down, with the veil of each, and the joined ones."""
        self.stored, self.veils, self.joined = list(stored), list(veils), list(joined)
        if len(self.erased[0]):
            self.veils = [
                _erased_too(segment, veil, self._erased_places(segment))
                for segment, veil in zip(self.stored, self.veils, strict=True)
            ]
        self._forget_shown()

    def draft(self) -> "History":
        """Return history as it is now, to be changed beside this one, but for which accounts are one learner."""
        draft = copy.copy(self)
        draft._forget_shown()  # noqa: SLF001 - of its own class
        draft.stored, draft.veils, draft.joined = (
            list(self.stored),
            list(self.veils),
            list(self.joined),
        )
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
        return bool(len(self.voids) or self.identities or len(self.erased[0]))

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
        hidden = sum(len(veil.voided) for veil in self.veils)
        return sum(len(segment) for segment in self.stored) - hidden

    @property
    def voided_events(self) -> int:
        """Number of stored events that are voided, and not erased."""
        return sum(len(veil.voided) - len(veil.erased) for veil in self.veils)

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
        return self._renamed(self._unvoided(self.unerased(batch)))

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
        visible = without_places(veil.moved, veil.voided)
        if len(visible):
            self._join(self._renamed(picked_events(segment, visible)))
        self._forget_shown()

    def _join(self, batch: EventBatch) -> None:
        segment = sorted_segment(batch, self._run)
        if segment is not None:
            self.joined.append(segment)

    # --- what changes --------------------------------------------------------------------------------------------

    def void(self, id_hashes: UInt64s) -> Change | None:
        """Void events by the hashes of their ids; None if none of them is there and seen.

        Raises `InputError` if there are more than ``limits.VOIDS_MAX`` voided ids by then.
        """
        new = np.setdiff1d(id_hashes[id_hashes != 0], self.voids)
        if len(self.voids) + len(new) > limits.VOIDS_MAX:
            raise InputError(
                f"{len(self.voids) + len(new):,} ids would be voided, more than {limits.VOIDS_MAX:,}; "
                f"load a data set without these events instead"
            )
        self.voids = sealed(np.insert(self.voids, np.searchsorted(self.voids, new), new))
        found = [places_of_ids(segment, new) for segment in self.stored]
        touched = self._keys_at(found)
        if not len(touched[0]):
            return None
        events = self._events_of(self._groups_of(touched))
        self.veils = [
            _voided_too(segment, veil, places)
            for segment, veil, places in zip(self.stored, self.veils, found, strict=True)
        ]
        self._hide_joined(lambda segment: places_of_ids(segment, new))
        return Change(self._renamed(events), self.as_shown(events))

    def change_identities(self, edges: Sequence[Edge], taken_back: Sequence[int]) -> Change | None:
        """Merge and unmerge accounts; None if no group of accounts is another than before.

        Raises `InputError` if there are more edges than a data set may have.
        """
        names_before = self.identities.moved
        changed = halves(self.identities.change(edges, taken_back))
        if not len(changed[0]):
            return None
        raw = self._events_of(changed)
        for place, segment in enumerate(self.stored):
            self.veils[place] = self._moved_anew(segment, self.veils[place], changed)
        groups_before = names_before.apply(*changed)
        self._hide_joined(lambda segment: places_of_keys(segment, groups_before))
        inside = find_sorted(*self.identities.moved[:2], raw.key_hi, raw.key_lo) >= 0
        after = self._renamed(raw)
        self._join(chosen_events(after, inside))
        self._forget_shown()
        return Change(self._renamed(raw, names_before), after)

    def erase(self, keys: Keys) -> Change | None:
        """Erase raw keys, whether any event of them has come or not; None if none of them has an event that is seen.

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
        names_before = self.identities.moved
        raw = self._events_of(self._groups_of(new))
        groups_before = names_before.apply(*self._groups_of(new))
        self.erased = distinct_keys([self.erased, new])
        self.identities.erase(
            [whole(*key) for key in zip(*(half.tolist() for half in new), strict=True)]
        )
        self.veils = [
            _erased_too(segment, veil, places_of_keys(segment, new))
            for segment, veil in zip(self.stored, self.veils, strict=True)
        ]
        self._hide_joined(lambda segment: places_of_keys(segment, distinct_keys([groups_before])))
        inside = find_sorted(*self.identities.moved[:2], raw.key_hi, raw.key_lo) >= 0
        self._join(self._renamed(self.unerased(chosen_events(raw, inside))))
        self._forget_shown()
        return Change(self._renamed(raw, names_before), self.as_shown(raw)) if len(raw) else None

    def _erased_places(self, segment: Segment) -> Places:
        """Return the places of the events of those who are erased; the fewer are looked up among the others."""
        if len(self.erased[0]) < len(segment.key_hi):
            return places_of_keys(segment, self.erased)
        gone = find_sorted(*self.erased, segment.key_hi, segment.key_lo) >= 0
        return places_of_subjects(segment, np.flatnonzero(gone))

    def rewrite(self, old: Segment, new: Segment | None) -> None:
        """Hold a segment in the place of a stored one that has the same events, but for those of erased keys."""
        place = next((n for n, one in enumerate(self.stored) if one is old), None)
        assert place is not None, "what is written anew is stored"
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

    def _moved_anew(self, segment: Segment, veil: Veil, changed: Keys) -> Veil:
        """Return a veil behind which the events of some keys are, or are no longer, as these are in groups now."""
        subjects = find_sorted(segment.key_hi, segment.key_lo, *changed)
        there = subjects >= 0
        if not there.any():
            return veil
        inside = find_sorted(*self.identities.moved[:2], *changed) >= 0
        moved = without_places(veil.moved, places_of_subjects(segment, subjects[there & ~inside]))
        moved = with_places(moved, places_of_subjects(segment, subjects[there & inside]))
        return replace(veil, moved=moved)

    def _keys_at(self, found: Sequence[Places]) -> Keys:
        """Return the keys of the subjects of some places in each stored segment."""
        keys = []
        for segment, places in zip(self.stored, found, strict=True):
            if len(places):
                subjects = np.searchsorted(segment.offsets, places, side="right") - 1
                keys.append((segment.key_hi[subjects], segment.key_lo[subjects]))
        return distinct_keys(keys)

    def _groups_of(self, keys: Keys) -> Keys:
        """Return all raw keys of the learners that some raw keys belong to."""
        if not self.identities.moved:
            return keys
        numbers = [int(hi) << 64 | int(lo) for hi, lo in zip(*keys, strict=True)]
        return halves(sorted({one for key in numbers for one in self.identities.group(key)}))

    def _events_of(self, keys: Keys) -> EventBatch:
        """Return the stored events of raw keys that are not voided."""
        parts = []
        for segment, veil in zip(self.stored, self.veils, strict=True):
            places = without_places(places_of_keys(segment, keys), veil.voided)
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
        self._join(_seen(ordered[: len(ordered) - few + 1]))
        self._forget_shown()

    def held_in_memory(self) -> list[Segment]:
        """Return the stored segments that lie in no file and are not reserved."""
        reserved = {id(one) for one in self.reserved}
        return [one for one in self.stored if type(one) is Segment and id(one) not in reserved]

    def merge_small(self) -> None:
        """Merge the newest segments while the last is no smaller than half of the one before it.

        So there are few of them, and an event is sorted anew some times only, whoever seals how often. Segments in
        files are left alone, and none grows beyond ``limits.SEGMENT_EVENTS_MAX``.
        """
        held = self.held_in_memory()
        last: list[Segment] = []
        while held and (not last or 2 * sum(map(len, last)) >= len(held[-1])):
            if sum(map(len, last)) + len(held[-1]) > limits.SEGMENT_EVENTS_MAX:
                break
            last.append(held.pop())
        if len(last) > 1:
            self.exchange(last, self.merged(last))

    def to_compact(self, new: int) -> list[Segment]:
        """Return the segments in files that are to become one; empty if there is nothing to do.

        Those are the ``new`` last ones if they are several, or else the smallest that is not small beside the next, and
        from there on any that have no more than twice the events of all before. So segments are few, whatever came,
        and an event is written anew some times only.
        """
        in_files = [one for one in self.stored if type(one) is not Segment]
        if len(in_files) <= limits.SEGMENTS_APART_MAX:
            return []
        by_size = sorted(in_files, key=len)
        beginnings: list[list[Segment]] = [[one] for one in by_size]
        if new > 1:
            beginnings.insert(0, in_files[-new:])
        for taken in beginnings:
            begun = {id(one) for one in taken}
            least = 0 if len(taken) > 1 else len(taken[0])
            for one in by_size:
                if id(one) in begun or len(one) < least:
                    continue
                count = sum(map(len, taken))
                if len(one) > min(2 * count, limits.MERGED_EVENTS_MAX - count):
                    break
                taken.append(one)
            if len(taken) > 1:
                return taken
        return []

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

    def exchange(self, old: Sequence[Segment], new: Segment | None) -> None:
        """Hold one segment in place of stored ones that have the same events together; None if they have none."""
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
        veil = replace(Veil.nothing(segment), moved=moved)
        veil = _voided_too(segment, veil, places_of_ids(segment, self.voids))
        return _erased_too(segment, veil, self._erased_places(segment))

    def joined_whole(self) -> Segment | None:
        """Return all events of merged accounts as one segment, in which nothing is hidden; None if there are none."""
        if len(self.joined) > 1 or any(len(one.hidden) for one in self.joined):
            before, self.joined = self.joined, []
            self._join(_seen(before))
            self._forget_shown()
        return self.joined[0] if self.joined else None

    def _forget_shown(self) -> None:
        self.__dict__.pop("shown", None)


# --- segments ------------------------------------------------------------------------------------------------------


def _voided_too(segment: Segment, veil: Veil, places: Places) -> Veil:
    """Return a veil behind which more places are voided."""
    if not len(places):
        return veil
    voided, span = with_places(veil.voided, places), veil.span
    times = segment.pick("time_ms", places)
    if span is not None and not (span[0] < times.min() and times.max() < span[1]):
        span = _span_without(segment, voided)
    return replace(veil, voided=voided, span=span)


def _erased_too(segment: Segment, veil: Veil, places: Places) -> Veil:
    """Return a veil behind which the events at more places are of somebody who is erased."""
    if not len(places):
        return veil
    return replace(_voided_too(segment, veil, places), erased=with_places(veil.erased, places))


def _span_without(segment: Segment, voided: Places) -> Span | None:
    """Return the time of the first and the last event that is not voided."""
    if len(voided) == len(segment):
        return None
    low, high = segment.max_ms, segment.min_ms
    for first in range(0, len(segment), ROW_GROUP_EVENTS):
        end = min(first + ROW_GROUP_EVENTS, len(segment))
        times = segment.piece("time_ms", first, end)
        assert times is not None
        inside = slice(*np.searchsorted(voided, (first, end)).tolist())
        low, high = sorting.widen_span(sealed(times), sealed(voided[inside] - first), low, high)
    return low, high


def _seen(segments: Sequence[Segment]) -> EventBatch:
    """Return the events of segments that are not hidden."""
    parts = []
    for segment in segments:
        visible = np.ones(len(segment), np.bool_)
        visible[segment.hidden] = False
        parts.append(chosen_events(segment_events(segment), visible))
    return joined_batches(parts)

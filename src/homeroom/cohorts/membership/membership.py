"""The membership of one tenant, kept true as events come and as days pass.

A cohort is what its definition says at the end of the local day that the node's clock shows. So it can change for three
reasons, and each has its way:

- Rows of some learners are written to. Only these learners are asked, of a sample of the state: `sample`, `take`.
- A local day ends: windows slide for everybody. All learners are asked (`begin`), a little ahead of midnight, mostly
  beside the fold; at midnight the answer takes the place of what was held (`closing`, `close`).
- A definition is new or says something else: all learners are asked about it, the same way.

Learners that are touched while all are asked are asked anew, of the state as it is, when the answer takes its place. So
at every moment what is held is what an evaluation of everybody would find on the state that was last taken from; the
tests compare the two.

A cohort that cannot be asked (it names a value that no event has had so far) has nobody in it, and says why; when the
value comes, all are asked. A cohort's first members are not told one by one: there was nothing that they entered from.

Nothing here is locked. One thread calls what changes anything; whoever reads beside it holds a lock of the shell's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.cohorts.evaluating import Evaluator
from homeroom.cohorts.membership.changes import CAUSES, Burst, Cause, Changes, Named
from homeroom.cohorts.membership.findings import Answered, Due, Found, Kept, Moment, Touched
from homeroom.cohorts.membership.held import WORD_BITS, Differences, Held, count_of
from homeroom.cohorts.membership.survey import Survey, bits_of, mask_of
from homeroom.cohorts.membership.wanted import Wanted
from homeroom.cohorts.questions.definitions import Definitions
from homeroom.cohorts.selections import Selections
from homeroom.errors import QuestionError
from homeroom.events.model import Int8s, UInt64s
from homeroom.state.keys import Keys, distinct_keys, find_sorted
from homeroom.state.sample import sample
from homeroom.state.state import State, Touch
from homeroom.state.zones import Zone, day_start_ms, local_days

__all__ = ["Membership"]

_CODES: Mapping[Cause, int] = {cause: place for place, cause in enumerate(CAUSES)}
_NOT_TOLD = -1
Flags: TypeAlias = npt.NDArray[np.bool_]


class Membership:
    """Who is in which cohort.

    Parameters
    ----------
    zone : the tenant's, in which days end
    held : bits that were written down, as ``kept`` names them
    kept : the cohorts of these bits
    day : the local day that they were of
    changes : where changes are told

    Attributes
    ----------
    cohorts : those that are kept, by name
    moment : up to when and what it is true
    epoch : of the definitions by which it is true
    asked : names of the columns of history that are asked about the touched
    """

    def __init__(
        self,
        zone: Zone,
        changes: Changes,
        held: Held | None = None,
        kept: Mapping[str, Kept] | None = None,
        day: int | None = None,
    ) -> None:
        self.zone = zone
        self.changes = changes
        self.held = held or Held()
        self.cohorts: dict[str, Kept] = dict(kept or {})
        self.day = day
        self.moment = Moment(0)
        self.epoch = 0
        self.asked: set[str] = set()
        # All must be asked again: what is held was written down some time ago, or may not be true.
        self._is_in_doubt = bool(self.cohorts)
        self._definitions: Definitions | None = None
        self._selections: Selections | None = None
        self._touched: list[tuple[Keys, Touch]] = []
        self._survey: Survey | None = None
        self._last_named: dict[int, Named] = {}
        self._sizes: dict[int, int] = {
            one.slot: len(self.held.having(one.slot, 0, self.held.rows + 1))
            for one in self.cohorts.values()
        }

    # --- what is to be done ------------------------------------------------------------------------------------------

    def touch(self, key_hi: UInt64s, key_lo: UInt64s, touch: Touch) -> None:
        """Note learners whose rows are written to; of a correction that is about many, all are asked."""
        if not self.cohorts and self._survey is None:
            return
        if touch is Touch.CORRECTION and len(key_hi) > limits.CATCH_UP_LEARNERS_MAX:
            self.doubt()
        else:
            self._touched.append(((key_hi, key_lo), touch))

    def today(self, now_ms: int) -> int:
        """Return the local day at an instant. A clock that is set back a little does not bring yesterday back."""
        if 0 < self.moment.now_ms - now_ms < limits.CLOCK_BACK_MS_MAX:
            now_ms = self.moment.now_ms
        return int(local_days(np.array([now_ms], np.int64), self.zone)[0])

    def due(self, state: State, wanted: Wanted, now_ms: int) -> Due | None:
        """Say what all learners are to be asked about, None while they are being asked; the state must not change."""
        day = self.today(now_ms)
        if self._survey is not None and self._is_of_use(self._survey, wanted, day):
            return None
        kept = self._to_keep(state, wanted)
        names = [name for name, one in kept.items() if not self._is_kept(name, one)]
        gone = [one.slot for name, one in self.cohorts.items() if name not in kept]
        if day != self.day or self._is_in_doubt:
            names = list(kept)
        elif not names and not gone:
            day = self.today(now_ms + limits.SURVEY_AHEAD_MS)
            names = list(kept) if day > self.day else []
        return Due(wanted, day, kept, names, gone)

    def begin(self, due: Due, history: State | None) -> Survey | None:
        """Begin to ask all learners what is due, None if nothing is; ``history`` as it is, if anything is asked.

        Returns what is to be done: the columns of all partitions are looked at between folds (`Survey.look`), the rest
        is run beside them, those who were found are given rows (`placing`), all is put in order (`Survey.arrange`).
        """
        self._survey, kept, wanted = None, dict(due.kept), due.wanted
        if not due.names and not due.gone:
            self.cohorts, self._definitions, self.epoch = kept, wanted.definitions, wanted.epoch
            return None
        slots = {name: kept[name].slot for name in due.names}
        self.held.cover(max([*slots.values(), *due.gone]) // WORD_BITS + 1)
        self._survey = Survey(
            history,
            wanted,
            due.day,
            slots,
            due.problems,
            due.gone,
            self.asked,
            self._selections,
        )
        return self._survey

    def _is_of_use(self, survey: Survey, wanted: Wanted, day: int) -> bool:
        """Say whether a survey that is under way is to be waited for."""
        if survey.failure is not None:
            return False
        is_early = survey.day > day
        return survey.wanted.epoch == wanted.epoch if is_early else True

    def is_under_way(self, survey: Survey) -> bool:
        """Say whether a survey is still wanted: another may have taken its place before it was run."""
        return self._survey is survey

    def _is_kept(self, name: str, wanted: Kept) -> bool:
        return name in self.cohorts and self.cohorts[name].is_as(wanted)

    def _to_keep(self, state: State, wanted: Wanted) -> dict[str, Kept]:
        """Return the cohorts that are wanted, those that are new in slots that are free."""
        if self._selections is None:
            self._selections = Selections(state.dictionaries)
        evaluator = Evaluator(state, wanted.definitions, self._selections)
        used = {one.slot for one in self.cohorts.values()}
        free = (slot for slot in range(len(used) + len(wanted.versions)) if slot not in used)
        kept = {}
        for cohort in wanted.definitions.cohorts:
            before = self.cohorts.get(cohort.name)
            try:
                evaluator.check(cohort.name, cohort.rule)
                problem = None
            except QuestionError as error:
                problem = str(error)
            slot = next(free) if before is None else before.slot
            signature = wanted.signatures[cohort.name]
            kept[cohort.name] = Kept(slot, wanted.versions[cohort.name], signature, problem)
        return kept

    # --- the touched -------------------------------------------------------------------------------------------------

    def sample(self, state: State) -> Touched | None:
        """Return the learners that were touched since the last time, as they are; None if there are none to ask.

        The state is flushed and must not change meanwhile.
        """
        touched, self._touched = self._touched, []
        if not touched:
            return None
        keys = distinct_keys([one for one, _ in touched])
        corrections = distinct_keys([one for one, why in touched if why is Touch.CORRECTION])
        if self._survey is not None:
            self._survey.touched.append(keys)
        if self._definitions is None or self.day is None:
            return None  # nobody has been asked so far; the survey will tell
        names = [name for name, one in self.cohorts.items() if one.problem is None]
        corrected = find_sorted(*corrections, *keys) >= 0
        return self._touched_of(state, (keys, corrected), self._definitions, names)

    def _touched_of(
        self,
        state: State,
        who: tuple[Keys, Flags],
        definitions: Definitions,
        names: Sequence[str],
    ) -> Touched:
        evaluator = Evaluator(state, definitions, self._selections)
        able = []
        for name in names:
            try:
                evaluator.check(name, definitions.cohort(name).rule)
                able.append(name)
            except QuestionError:
                continue  # its problem is new: `begin` will see it
        courses = evaluator.courses([definitions.cohort(name).rule for name in able])
        return Touched(*who, sample(state, who[0], sorted(courses), self.asked), able)

    def take(self, touched: Touched) -> Found:
        """Ask the touched. It changes nothing, and reads no state but theirs; `put` does the rest."""
        assert self._definitions is not None, "there is a sample"
        assert self.day is not None, "there is a sample"
        slots = {name: self.cohorts[name].slot for name in touched.names}
        fresh = self._asked(touched, self._definitions, slots, self.day)
        causes = np.where(touched.corrected, _CODES[Cause.CORRECTION], _CODES[Cause.EVENT])
        return Found(touched.keys, fresh, list(slots.values()), causes.astype(np.int8))

    def _asked(
        self, touched: Touched, definitions: Definitions, slots: Mapping[str, int], day: int
    ) -> UInt64s:
        """Return the bits of the touched, uint64 of shape (words, n); who has no row is in nothing."""
        evaluator = Evaluator(touched.state, definitions, self._selections)
        members = evaluator.evaluate(touched.names, day).members
        partition = touched.state.learners.partitions[0]
        bits = bits_of(members, slots, 0, partition.rows)
        fresh = np.zeros((len(self.held.words), len(touched.keys[0])), np.uint64)
        places = find_sorted(*touched.keys, partition.key_hi, partition.key_lo)
        fresh[: len(bits), places] = bits
        return fresh

    def put(self, found: Found, moment: Moment) -> None:
        """Put what was found, and tell what changed. It is quick: whoever reads waits for it."""
        other = self.held.put(found.keys, found.fresh, mask_of(found.slots, len(self.held.words)))
        self._count(other)
        keys = self.held.key_hi[other.rows], self.held.key_lo[other.rows]
        self._tell(other, found.causes[find_sorted(*found.keys, *keys)], moment)
        self.seen(moment)

    def _count(self, other: Differences) -> None:
        """Keep the sizes in step with what was put."""
        entered = np.bincount(other.slots[other.entered])
        left = np.bincount(other.slots[~other.entered])
        for slot in np.unique(other.slots).tolist():
            more = int(entered[slot]) if slot < len(entered) else 0
            less = int(left[slot]) if slot < len(left) else 0
            self._sizes[slot] = self._sizes.get(slot, 0) + more - less

    def _tell(self, other: Differences, causes: Int8s, moment: Moment) -> None:
        told = causes != _NOT_TOLD
        rows, slots = other.rows[told], other.slots[told]
        self.changes.add(
            Burst(
                self.held.key_hi[rows],
                self.held.key_lo[rows],
                slots,
                other.entered[told],
                causes[told],
                moment.now_ms,
                moment.now_ms if self.day is None else day_start_ms(self.day, self.zone),
                self._named(),
                moment.token,
            )
        )

    def _named(self) -> dict[int, Named]:
        """Return name and version by slot: one object as long as they stay, since there are many bursts."""
        named = {one.slot: (name, one.version) for name, one in self.cohorts.items()}
        if named != self._last_named:
            self._last_named = named
        return self._last_named

    # --- the survey --------------------------------------------------------------------------------------------------

    def placing(self, survey: Survey) -> Iterator[None]:
        """Give those who were found rows, some at a time: between two steps others may read and put.

        In the thread that runs the survey, which then calls `Survey.arrange`.
        """
        for key_hi, key_lo in survey.keys:
            for first in range(0, len(key_hi), limits.PLACED_ROWS_MAX):
                end = first + limits.PLACED_ROWS_MAX
                survey.rows.append(self.held.add((key_hi[first:end], key_lo[first:end])))
                yield
        survey.shape = len(self.held.words), self.held.rows

    def closing(self, state: State, now_ms: int) -> tuple[Survey, Touched] | None:
        """Return a survey whose day has come, and those who were touched since it began, as they are now.

        None if there is none, or if some were touched that have not been put. The state must not change meanwhile.
        """
        survey = self._survey
        if survey is None or survey.fresh is None or survey.day > self.today(now_ms):
            return None
        if self._touched:
            return None
        keys = distinct_keys([*survey.touched, *survey.newcomers])
        return survey, self._touched_since(state, survey, keys)

    def behind(self, state: State) -> Touched | None:
        """Return some of those who were touched since a survey began, while it waits for its day; None if none were.

        So few are left when its day comes. The touched of before must have been put; the state must not change.
        """
        survey = self._survey
        if survey is None or survey.fresh is None or self._touched or not survey.touched:
            return None
        keys, most = distinct_keys(survey.touched), limits.CATCH_UP_LEARNERS_MAX
        rest = keys[0][most:], keys[1][most:]
        survey.touched = [rest] if len(rest[0]) else []
        return self._touched_since(state, survey, (keys[0][:most], keys[1][:most]))

    def _touched_since(self, state: State, survey: Survey, keys: Keys) -> Touched:
        nobody = np.zeros(len(keys[0]), np.bool_)
        return self._touched_of(state, (keys, nobody), survey.wanted.definitions, survey.names)

    def catch_up(self, touched: Touched) -> None:
        """Ask some of the touched what all were asked by a survey that waits. It changes the survey alone."""
        survey = self._survey
        assert survey is not None, "they were touched since it began"
        fresh = self._asked(touched, survey.wanted.definitions, survey.slots, survey.day)
        known = self._refresh(survey, touched.keys, fresh)
        survey.newcomers.append((touched.keys[0][~known], touched.keys[1][~known]))

    def close(self, survey: Survey, touched: Touched) -> Answered:
        """Ask the touched what all were asked. It changes nothing; `put_all` does the rest."""
        wanted = survey.wanted
        assert survey.fresh is not None, "it has been arranged"
        kept = {name: one for name, one in self.cohorts.items() if name in wanted.versions}
        for name, slot in survey.slots.items():
            signature, problem = wanted.signatures[name], survey.problems.get(name)
            kept[name] = Kept(slot, wanted.versions[name], signature, problem)
        fresh = self._asked(touched, wanted.definitions, survey.slots, survey.day)
        self._refresh(survey, touched.keys, fresh)
        # Rows that were given out since are not in it; what is put in them is counted from what they hold.
        later = self.held.words[:, len(survey.fresh[0]) : self.held.rows]
        sizes = {
            slot: survey.sizes.get(name, 0) + count_of(later, slot)
            for name, slot in survey.slots.items()
        }
        causes = self._causes_of(survey, kept)
        told = [slot for slot in survey.slots.values() if causes[slot] != _NOT_TOLD]
        other = self.held.other_first(survey.fresh, mask_of(told, len(self.held.words)))
        return Answered(survey, kept, sizes, touched.keys, fresh, causes, other)

    def _refresh(self, survey: Survey, keys: Keys, fresh: UInt64s) -> Flags:
        """Give a survey the bits of those who were touched since; return who has a row in it."""
        assert survey.fresh is not None, "it has been arranged"
        rows = self.held.find(keys)
        known = np.asarray((rows >= 0) & (rows < survey.fresh.shape[1]))
        before = survey.fresh[:, rows[known]]
        survey.fresh[:, rows[known]] = fresh[:, known]
        for name, slot in survey.slots.items():
            more = count_of(fresh[:, known], slot) - count_of(before, slot)
            survey.sizes[name] = survey.sizes.get(name, 0) + more
        return known

    def put_all(self, answered: Answered, moment: Moment) -> None:
        """Put what all are in, and tell what changed."""
        survey = answered.survey
        assert survey.fresh is not None, "it has been arranged"
        self.cohorts, self.day = dict(answered.kept), survey.day
        self._definitions, self._survey = survey.wanted.definitions, None
        self.epoch, self._is_in_doubt = survey.wanted.epoch, False
        mask = mask_of([*survey.slots.values(), *survey.gone], len(self.held.words))
        self.held.put_first(survey.fresh, mask)
        self._sizes |= answered.sizes
        for slot in survey.gone:
            self._sizes.pop(slot, None)
        self._tell(answered.told, answered.causes[answered.told.slots], moment)
        touched = self.held.put(answered.keys, answered.fresh, mask)
        self._count(touched)
        self._tell(touched, answered.causes[touched.slots], moment)
        self.seen(moment)

    def _causes_of(self, survey: Survey, kept: Mapping[str, Kept]) -> Int8s:
        """Return by slot why it changes, -1 for those of which no changes are told."""
        causes = np.full(
            max([*survey.slots.values(), *survey.gone], default=-1) + 1, _NOT_TOLD, np.int8
        )
        for name, slot in survey.slots.items():
            before = self.cohorts.get(name)
            if before is None:
                continue
            if not before.is_as(kept[name]):
                causes[slot] = _CODES[Cause.DEFINITION]
            else:
                causes[slot] = _CODES[Cause.START if self._is_in_doubt else Cause.TIME]
        return causes

    def seen(self, moment: Moment) -> None:
        """Say that it is true up to a moment: all who were touched have been put, and no day has ended since."""
        self.moment = replace(moment, token=moment.token or self.moment.token)

    def doubt(self) -> None:
        """Ask all again, because something went wrong while some were asked."""
        self._is_in_doubt, self._survey = True, None

    # --- asked -------------------------------------------------------------------------------------------------------

    @property
    def is_counted(self) -> bool:
        """Whether all have been asked since the start."""
        return self._definitions is not None and not self._is_in_doubt

    def size(self, kept: Kept) -> int:
        """Return how many are in a cohort."""
        return self._sizes.get(kept.slot, 0)

    def check_invariants(self) -> None:
        """Assert what must hold between any two steps."""
        slots = [one.slot for one in self.cohorts.values()]
        assert len(set(slots)) == len(slots), "every cohort has a bit of its own"
        used = mask_of(slots, max(len(self.held.words), max(slots, default=-1) // WORD_BITS + 1))
        for mask, words in zip(used, self.held.words, strict=False):
            assert not (words & ~mask).any(), "a bit is of a cohort"
        for kept in self.cohorts.values():
            members = self.held.having(kept.slot, 0, self.held.rows + 1)
            assert self.size(kept) == len(members), "sizes are counted on"
            assert kept.problem is None or not len(members), "nobody is in what cannot be asked"

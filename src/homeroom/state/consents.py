"""All that persons have said of what may be done with their data, as a set that only grows; and who is withheld by it.

The facts (`homeroom.log.consents`) and the marks of those that are superseded are two sets. Joining is the union of
both, so it is the same in any order and any number of times; what stands is looked up afterwards and never kept as the
outcome of two facts. A mark is a hash of raw key and identity: a fact about another key, even one of this identity, is
not superseded by it.

Who is *withheld* follows: learners whose processing is restricted, or who refused analytics; and in a tenant in which
analytics need consent, all others who did not give it. Accounts that are merged are one learner, and the most
restrictive of what stands for any of them counts for all.

The way not taken is a flag in the learner's row. A row is the join of its events, and a flag that is lifted is no join.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.errors import InputError
from homeroom.events.digests import hash_texts
from homeroom.events.model import EventBatch, UInt64s
from homeroom.events.texts import buffers, large_strings, sealed
from homeroom.log.consents import ANALYTICS, EVERYTHING, Consent, Need
from homeroom.state.batches import chosen_events
from homeroom.state.fingerprint import hash_rows, keys_fingerprint
from homeroom.state.history import Segment
from homeroom.state.identities import Identities
from homeroom.state.keys import Keys, distinct_keys, find_sorted, whole
from homeroom.state.places import places_of_subjects
from homeroom.state.veils import Veil, withheld_now

__all__ = ["NOBODY", "Consents", "Stated", "Withheld"]

Flags: TypeAlias = npt.NDArray[np.bool_]
_Rows: TypeAlias = npt.NDArray[np.uint64]
_MARK, _KEY, _ID, _AT, _PURPOSE, _REFUSES = 0, 2, 4, 6, 7, 8
"""Where in a row of facts what stands: two numbers each for mark, key and identity, one each for the others."""
_FACT_WIDTH, _GONE_WIDTH = 9, 4
_SEPARATOR = "\n"


@dataclass(frozen=True, slots=True)
class Stated:
    """One fact as it is told: what `Consent` says, its identity, and whether it stands."""

    identity: bytes
    consent: Consent
    stands: bool


def _no_rows(width: int) -> _Rows:
    return sealed(np.empty((0, width), np.uint64))


@dataclass(frozen=True, slots=True)
class Consents:
    """Facts, and which of them are superseded.

    Parameters
    ----------
    facts : uint64 (n, 9), sorted by mark: mark, raw key and identity, each as two halves; instant (milliseconds since
        1970 UTC), place of the purpose among ``purposes``, and 1 where it refuses
    gone : uint64 (m, 4), sorted: marks of superseded facts, whether these have come or not, and the raw key of each
    purposes : names, in alphabetical order
    """

    facts: _Rows
    gone: _Rows
    purposes: tuple[str, ...] = ()

    @classmethod
    def none(cls) -> "Consents":
        """Return no facts."""
        return cls(_no_rows(_FACT_WIDTH), _no_rows(_GONE_WIDTH))

    @classmethod
    def of(cls, consents: Sequence[Consent]) -> "Consents":
        """Return facts as a set."""
        if not consents:
            return cls.none()
        purposes = tuple(sorted({one.purpose for one in consents}))
        facts = np.empty((len(consents), _FACT_WIDTH), np.uint64)
        for place, one in enumerate(consents):
            facts[place, _KEY : _KEY + 2] = _halves(one.key)
            facts[place, _ID : _ID + 2] = _halves(one.identity)
            facts[place, _AT] = np.int64(one.at_ms).astype(np.uint64)
            facts[place, _PURPOSE] = purposes.index(one.purpose)
            facts[place, _REFUSES] = int(one.refuses)
        named = [(*_halves(one.key), *_halves(old)) for one in consents for old in one.supersedes]
        pairs = np.array(named, np.uint64).reshape(-1, _GONE_WIDTH)
        facts[:, :2] = _marks(facts[:, _KEY : _ID + 2])
        gone = np.column_stack([_marks(pairs), pairs[:, :2]])
        return cls(_distinct(facts), _distinct(gone), purposes)

    def __len__(self) -> int:
        """Return the number of facts and of marks of superseded ones."""
        return len(self.facts) + len(self.gone)

    @property
    def keys(self) -> Keys:
        """The raw keys that any fact is about, sorted."""
        return distinct_keys([_keys(self.facts), _keys(self.gone, 2)])

    def joined(self, other: "Consents") -> "Consents":
        """Return all facts of both. Raises `InputError` if they are more than ``limits.CONSENTS_MAX``."""
        if not len(other):
            return self
        purposes = tuple(sorted({*self.purposes, *other.purposes}))
        facts = _merged(*(_facts_with(one, purposes) for one in (self, other)))
        gone = _merged(self.gone, other.gone)
        if len(facts) > limits.CONSENTS_MAX:
            raise InputError(
                f"there would be {len(facts):,} consents, more than {limits.CONSENTS_MAX:,}; state a consent once and "
                f"when it changes, not at each visit"
            )
        return Consents(facts, gone, purposes)

    def _picked(self, facts: Flags, gone: Flags) -> "Consents":
        return replace(self, facts=sealed(self.facts[facts]), gone=sealed(self.gone[gone]))

    def about(self, keys: Keys) -> "Consents":
        """Return the facts about some raw keys, sorted."""
        return self._picked(_among(keys, _keys(self.facts)), _among(keys, _keys(self.gone, 2)))

    def without(self, keys: Keys) -> "Consents":
        """Return the facts about all others than some raw keys, sorted."""
        if not len(keys[0]) or not len(self):
            return self
        return self._picked(~_among(keys, _keys(self.facts)), ~_among(keys, _keys(self.gone, 2)))

    @property
    def stand(self) -> Flags:
        """Which facts are not superseded: bool of shape (n,)."""
        return ~_among(_keys(self.gone, _MARK), _keys(self.facts, _MARK))

    def standing(self, purposes: Sequence[str], refuses: int) -> Keys:
        """Return the raw keys of which a fact stands that is about some purpose and refuses (1) or allows (0)."""
        places = [self.purposes.index(one) for one in purposes if one in self.purposes]
        is_asked = np.isin(self.facts[:, _PURPOSE], np.array(places, np.uint64))
        is_asked &= self.facts[:, _REFUSES] == refuses
        return distinct_keys([_keys(self.facts[is_asked & self.stand])])

    def told(self) -> list[Stated]:
        """Return all facts, the oldest first. A fact that is superseded names no longer what it superseded itself."""
        stand = self.stand.tolist()
        rows = [
            (row, is_standing) for row, is_standing in zip(self.facts.tolist(), stand, strict=True)
        ]
        found = [
            Stated(
                _bytes(row, _ID),
                Consent(
                    key=_bytes(row, _KEY),
                    purpose=self.purposes[row[_PURPOSE]],
                    refuses=bool(row[_REFUSES]),
                    at_ms=int(np.uint64(row[_AT]).astype(np.int64)),
                ),
                is_standing,
            )
            for row, is_standing in rows
        ]
        return sorted(found, key=lambda one: (one.consent.at_ms, one.stands, one.identity))

    def fingerprint(self) -> int:
        """Return a number that is equal for equal sets, 0 for none."""
        if not len(self):
            return 0
        total = keys_fingerprint("superseded", *_keys(self.gone, _MARK))
        if len(self.facts):
            names = hash_texts(buffers(large_strings(list(self.purposes))))[0]
            purpose = names[self.facts[:, _PURPOSE].astype(np.int64)]
            columns = [self.facts[:, at] for at in (0, 1, _REFUSES)]
            total += keys_fingerprint("consent", *hash_rows(*columns, purpose))
        return total

    # --- on disk -----------------------------------------------------------------------------------------------------

    def written(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that it is written down as."""
        names = _SEPARATOR.join(self.purposes).encode()
        return {
            "consents/facts": self.facts,
            "consents/gone": self.gone,
            "consents/purposes": np.frombuffer(names, np.uint8),
        }

    @classmethod
    def read(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "Consents":
        """Return what was written down; none where nothing was."""
        if "consents/facts" not in arrays:
            return cls.none()
        facts, gone = arrays["consents/facts"], arrays["consents/gone"]
        names = arrays["consents/purposes"].tobytes().decode()
        return cls(
            sealed(facts), sealed(gone), tuple(names.split(_SEPARATOR)) if len(facts) else ()
        )


@dataclass(frozen=True, slots=True)
class Withheld:
    """Who is kept, and in no answer.

    Parameters
    ----------
    keys : raw keys that are withheld because somebody refused, sorted
    only : where consent is needed, the raw keys of those who gave it, sorted; None where it is not
    epoch : of the change that said whether it is needed, 0 if none did
    """

    keys: Keys
    only: Keys | None = None
    epoch: int = 0

    def covers(self, key_hi: UInt64s, key_lo: UInt64s) -> Flags:
        """Return which raw keys are withheld: bool of the shape of both."""
        found = _among(self.keys, (key_hi, key_lo))
        return found if self.only is None else found | ~_among(self.only, (key_hi, key_lo))

    def __bool__(self) -> bool:
        """Return whether anybody may be withheld."""
        return self.only is not None or len(self.keys[0]) > 0

    def may_change(self, consents: Consents) -> bool:
        """Say whether anything is known, some consents among it, by which people are withheld, or may be."""
        return bool(len(consents) or self.epoch)

    def seen(self, batch: EventBatch) -> EventBatch:
        """Return those events of a batch, under raw keys, that are of nobody who is withheld."""
        if not self:
            return batch
        gone = self.covers(batch.key_hi, batch.key_lo)
        return chosen_events(batch, ~gone) if gone.any() else batch

    def veiled(self, segment: Segment, veil: Veil, keys: Keys | None = None) -> Veil:
        """Return a veil behind which the events of some keys, or of all, are withheld if they are to be."""
        if not self and not len(veil.withheld):
            return veil
        if keys is None:
            subjects = np.arange(len(segment.key_hi))
        else:
            found = find_sorted(segment.key_hi, segment.key_lo, *keys)
            subjects = np.unique(found[found >= 0])
        covered = self.covers(
            sealed(np.asarray(segment.key_hi[subjects])),
            sealed(np.asarray(segment.key_lo[subjects])),
        )
        withheld, shown = (
            places_of_subjects(segment, subjects[which]) for which in (covered, ~covered)
        )
        return withheld_now(segment, veil, withheld, shown)

    def judged(self, consents: Consents, identities: Identities, keys: Keys) -> "Withheld":
        """Return who is withheld when some raw keys, all accounts of their learners among them, are judged anew."""
        theirs = consents.about(keys)
        refusing = theirs.standing((EVERYTHING, ANALYTICS), 1)
        after = replace(self, keys=_exchanged(self.keys, keys, identities.groups(refusing)))
        if self.only is None:
            return after
        giving = theirs.standing((ANALYTICS,), 0)
        return replace(after, only=_exchanged(self.only, keys, identities.groups(giving)))

    @classmethod
    def begin(cls, need: Need, epoch: int) -> "Withheld":
        """Return nobody withheld yet, where analytics need this from an epoch on."""
        nobody = distinct_keys([])
        return cls(nobody, nobody if need is Need.CONSENT else None, epoch)


NOBODY = Withheld(distinct_keys([]))


def _facts_with(consents: Consents, purposes: tuple[str, ...]) -> _Rows:
    """Return facts with the places that purposes have in another list."""
    if purposes == consents.purposes or not len(consents.facts):
        return consents.facts
    places = np.array([purposes.index(one) for one in consents.purposes], np.uint64)
    facts = consents.facts.copy()
    facts[:, _PURPOSE] = places[facts[:, _PURPOSE].astype(np.int64)]
    return facts


def _halves(key: bytes) -> tuple[int, int]:
    return int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")


def _bytes(row: Sequence[int], at: int) -> bytes:
    return whole(row[at], row[at + 1]).to_bytes(16, "big")


def _marks(pairs: _Rows) -> _Rows:
    """Return the marks of raw keys and identities: uint64 (n, 2)."""
    if not len(pairs):
        return _no_rows(2)
    return np.column_stack(hash_rows(*(pairs[:, at] for at in range(_GONE_WIDTH))))


def _keys(rows: _Rows, at: int = _KEY) -> Keys:
    return sealed(np.ascontiguousarray(rows[:, at])), sealed(np.ascontiguousarray(rows[:, at + 1]))


def _among(keys: Keys, asked: Keys) -> Flags:
    """Return which of the asked are among sorted keys."""
    if not len(keys[0]):
        return np.zeros(len(asked[0]), np.bool_)
    return np.asarray(find_sorted(*keys, *asked) >= 0)


def _distinct(rows: _Rows) -> _Rows:
    """Return rows sorted by their marks, each once."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    is_first = np.ones(len(rows), np.bool_)
    is_first[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    return sealed(rows[is_first])


def _merged(rows: _Rows, more: _Rows) -> _Rows:
    """Return rows of both, sorted by their marks as both are, each once; the fewer are put among the others."""
    if len(rows) < len(more):
        rows, more = more, rows
    found = find_sorted(*_keys(rows, _MARK), *_keys(more, _MARK))
    new = found < 0
    return sealed(np.insert(rows, -1 - found[new], more[new], axis=0)) if new.any() else rows


def _exchanged(keys: Keys, judged: Keys, found: Keys) -> Keys:
    """Return keys, sorted, without those that were judged, but for those that were found, sorted."""
    there = find_sorted(*keys, *judged)
    hi, lo = (sealed(np.delete(half, there[there >= 0])) for half in keys)
    places = -1 - find_sorted(hi, lo, *found)
    return sealed(np.insert(hi, places, found[0])), sealed(np.insert(lo, places, found[1]))

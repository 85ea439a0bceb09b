"""The door: events as a source wrote them go in, events that name nobody come out.

Everything that must be settled once for an event is settled here, before anything is kept: is it whole, when was it,
who is it about (a pseudonym), which track does it count for, what does it say of a standing, and what makes it the same
event when it is met again.
Behind the door there are only numbers, and dictionaries for those that stand for text.

Columns are checked whole (`homeroom.events.screening`) and copied only if an event of the chunk is refused.

A Door is not for two threads at once: dictionaries grow in the order of the events. Its kernels release the
interpreter, so other threads may decode meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom import limits
from homeroom.events import digests, screening
from homeroom.events.dictionary import (
    ABSENT,
    DROPPED,
    INVALID,
    Dictionaries,
    Dictionary,
    TextCodes,
)
from homeroom.events.generations import Readmitted, key_at, readmitted_places
from homeroom.events.model import (
    STANDINGS,
    TRACKS,
    Decoded,
    EventBatch,
    Int32s,
    RawEvents,
    Reason,
    Reject,
    Strings,
    UInt8s,
    UInt64s,
)
from homeroom.events.personal import without_accounts
from homeroom.events.projection import Cut, Projection
from homeroom.events.pseudonyms import Pseudonyms
from homeroom.events.screening import Screened, Verdicts
from homeroom.events.texts import buffers, large_strings, sealed

__all__ = ["Admitted", "Door", "Names", "Verbs"]


class Verbs(Protocol):
    """The table that says which verb counts for which track, and which speaks of a standing."""

    def track_codes(self, verbs: list[str]) -> UInt8s:
        """Return the position in ``TRACKS`` of each verb."""

    def standing_codes(self, verbs: list[str]) -> UInt8s:
        """Return the position in ``STANDINGS`` of what each verb says by itself."""

    def course_standing_codes(self, verbs: list[str]) -> UInt8s:
        """Return the position in ``STANDINGS`` of what each verb says where its activity is the course run."""


class Names(Protocol):
    """Who keeps the names behind the pseudonyms, where a person asked for it."""

    def add(
        self, key_hi: UInt64s, key_lo: UInt64s, issuers: Sequence[str], accounts: pa.Array
    ) -> None:
        """Take the issuer and the account behind each pseudonym."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the door made of one chunk; batch and rejects together are all that was read, ``cuts`` what was left out."""

    batch: EventBatch
    rejects: list[Reject]
    cuts: Sequence[Cut] = ()


class _Places(TextCodes):
    """Positions of names in a fixed list; `INVALID` for a name that there is not."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__({name: place for place, name in enumerate(names)})
        self[None] = self[""] = ABSENT

    def __missing__(self, name: str | None) -> int:
        return INVALID


class _OfVerbs:
    """What the verb table says of the verbs of a dictionary, by code; each verb is asked for once."""

    def __init__(self, ask: Callable[[list[str]], UInt8s]) -> None:
        self._ask = ask
        self._codes: UInt8s = np.zeros(0, np.uint8)

    def by_code(self, verbs: list[str]) -> UInt8s:
        new = verbs[len(self._codes) :]
        if new:
            self._codes = np.append(self._codes, self._ask(new))
        return self._codes


SECONDS = ("position_s", "position_from_s", "length_s")
NUMBER_TYPES = {
    "score": np.float64,
    "progress": np.float64,
    "success": np.int8,
    "completion": np.int8,
    "duration_ms": np.int64,
    **dict.fromkeys(SECONDS, np.float64),
}
NUMBERS_ABSENT = {name: sealed(np.zeros(0, dtype)) for name, dtype in NUMBER_TYPES.items()}
TEXTS = ("section", "answer")
NO_CODES: Int32s = sealed(np.zeros(0, np.int32))
NO_STANDINGS: UInt8s = sealed(np.zeros(0, np.uint8))
NO_IDS: UInt64s = sealed(np.zeros(0, np.uint64))


class Door:
    """Takes decoded chunks and returns batches that name nobody.

    Parameters
    ----------
    key : the pseudonym key, 32 bytes
    verbs : says which track a verb counts for, and of which standing it speaks
    names : is told who is behind each pseudonym; None where nobody asked for names
    projection : what may be written down of events; None where all of them stays on this machine (the analyzer)

    Attributes
    ----------
    dictionaries : the texts behind the codes of all batches so far, hashes where there is a projection
    readmitted : raw keys whose accounts go under the next generation, from when on
    """

    def __init__(
        self,
        key: bytes,
        verbs: Verbs,
        names: Names | None = None,
        projection: Projection | None = None,
    ) -> None:
        self.dictionaries = (
            Dictionaries.under(key) if projection is None else projection.dictionaries
        )
        self.projection = projection
        self._row_key = digests.row_key(key)
        self._pseudonyms = Pseudonyms(key)
        self._id_key = digests.id_key(key)
        self._names = names
        self._tracks = _OfVerbs(verbs.track_codes)
        self._standings = _OfVerbs(verbs.standing_codes)
        self._course_standings = _OfVerbs(verbs.course_standing_codes)
        self._track_names = _Places(TRACKS)
        self._standing_names = _Places(STANDINGS)
        self._attributes_dropped: set[str] = set()
        self._key = key
        self.readmitted: Readmitted = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out without refusing an event, in words for the summary."""
        notes = [
            f"attribute {name} has more than {limits.ATTRIBUTE_VALUES_MAX:,} different values, could identify people, "
            f"and was left out; make it coarser"
            for name in sorted(self.dictionaries.identifying())
        ]
        if self._attributes_dropped:
            names = ", ".join(sorted(self._attributes_dropped))
            notes.append(f"attributes dropped, beyond the first {limits.ATTRIBUTES_MAX}: {names}")
        return tuple(notes)

    def admit(self, decoded: Decoded, source: str) -> Admitted:
        """Check the events of one chunk, and pseudonymise, code and digest those that are whole.

        Parameters
        ----------
        decoded : what a codec made of the chunk
        source : named in the rejects

        Returns
        -------
        Admitted
            Every event is in the batch, in the order of the chunk, or has a reject.
        """
        raw = decoded.events
        rejects = [one if one.source else replace(one, source=source) for one in decoded.rejects]
        verdicts = Verdicts(len(raw))
        columns = self._screen(raw, verdicts)
        if not verdicts.all_good:
            rejects += verdicts.rejects(raw.line, source)
            columns = columns.where(verdicts.kept)
        batch = self._batch(columns)
        if self.projection is None:
            return Admitted(batch, rejects)
        lines = raw.line if verdicts.all_good else raw.line[verdicts.kept]
        batch, cuts = self.projection.projected(batch, lines)
        return Admitted(batch, rejects, cuts)

    def id_hashes(self, ids: Sequence[str]) -> UInt64s:
        """Return what ``EventBatch.id_hash`` of the events with these ids is: uint64 of shape (n,), 0 for no id."""
        found = digests.hash_ids(buffers(large_strings(ids)), self._id_key)
        return sealed(digests.id_hashes(*found))

    def _screen(self, raw: RawEvents, verdicts: Verdicts) -> Screened:
        """Bring every column to its form behind the door, and refuse what breaks a rule."""
        count = len(raw)
        account = screening.text_column("account", raw.account, verdicts)
        verdicts.refuse(screening.empty(account), Reason.MISSING_FIELD, "account is missing")
        issuer = self._pseudonyms.issuer_codes(raw.issuer, count)
        screening.check_codes("issuer", issuer, verdicts)
        time_ms = screening.time_column(raw.time, verdicts)
        # Before any dictionary learns a text: what it has learned, it writes.
        verbs = without_accounts(raw.verb, account, self.dictionaries.mask)
        verb = self.dictionaries.verb.codes(verbs, count)
        verdicts.refuse(verb == ABSENT, Reason.MISSING_FIELD, "verb is missing")
        screening.check_codes("verb", verb, verdicts)
        activity = self._codes("activity", raw.activity, account, verdicts)
        courses = "" if raw.course is None else raw.course
        course = self._codes("course", courses, account, verdicts)
        given = {name: getattr(raw, name) for name in TEXTS}
        texts = {
            name: self._codes(name, values, account, verdicts)
            for name, values in given.items()
            if values is not None
        }
        event_id = None
        if raw.event_id is not None:
            event_id = screening.text_column("id", raw.event_id, verdicts)
        return Screened(
            account=account,
            issuer=issuer,
            time_ms=time_ms,
            verb=verb,
            activity=activity,
            course=course,
            track=_given("track", raw.track, self._track_names, verdicts),
            standing=_given("standing", raw.standing, self._standing_names, verdicts),
            event_id=event_id,
            numbers=_numbers(raw, verdicts),
            texts=texts,
            attributes=self._attribute_codes(raw, account, verdicts),
        )

    def _codes(
        self, field: str, values: Strings | str, account: pa.LargeStringArray, verdicts: Verdicts
    ) -> Int32s:
        """Return the codes of a column of texts in the dictionary of its name; refuse those that may not enter."""
        known: Dictionary = getattr(self.dictionaries, field)
        codes = known.codes(without_accounts(values, account), len(account))
        screening.check_codes(field, codes, verdicts)
        return codes

    def _attribute_codes(
        self, raw: RawEvents, account: pa.LargeStringArray, verdicts: Verdicts
    ) -> dict[str, Int32s]:
        known = self.dictionaries.attributes
        columns = {}
        for name, values in sorted(raw.attributes.items()):
            if name not in known and len(known) >= limits.ATTRIBUTES_MAX:
                self._attributes_dropped.add(name)
                continue
            texts = without_accounts(values, account)
            codes = self.dictionaries.attribute(name).codes(texts, len(raw))
            if codes.min(initial=ABSENT) < ABSENT:
                codes[codes == DROPPED] = ABSENT
                screening.check_codes(name, codes, verdicts)
            columns[name] = codes
        return columns

    def _batch(self, columns: Screened) -> EventBatch:
        """Pseudonymise and digest the events that are whole."""
        key_hi, key_lo = self._pseudonyms.keys(columns.issuer, columns.account)
        if self.readmitted:
            self._readmit(columns, key_hi, key_lo)
        if self._names is not None:
            issuers = self._pseudonyms.issuers(columns.issuer)
            self._names.add(key_hi, key_lo, issuers, columns.account)
        id_hi, id_lo = NO_IDS, NO_IDS
        id_hash = np.zeros(len(columns.time_ms), np.uint64)
        if columns.event_id is not None:
            id_hi, id_lo = digests.hash_ids(buffers(columns.event_id), self._id_key)
            id_hash = digests.id_hashes(id_hi, id_lo)
        numbers = {name: sealed(one) for name, one in columns.numbers.items() if _is_any(one)}
        texts = {name: sealed(one) for name, one in columns.texts.items() if _is_any(one)}
        standing = self._standing(columns)
        rows = digests.Rows(
            key_hi=sealed(key_hi),
            key_lo=sealed(key_lo),
            time_ms=sealed(columns.time_ms),
            verb=sealed(columns.verb),
            activity=sealed(columns.activity),
            course=sealed(columns.course),
            id_hi=sealed(id_hi),
            id_lo=sealed(id_lo),
            track=sealed(self._track(columns)),
            standing=standing,
            section=texts.get("section", NO_CODES),
            answer=texts.get("answer", NO_CODES),
            **{name: numbers.get(name, none) for name, none in NUMBERS_ABSENT.items()},
        )
        attributes = {name: sealed(codes) for name, codes in columns.attributes.items()}
        identity_hi, identity_lo = digests.row_identities(
            rows, self._vocabulary(), self._attributes(attributes), self._row_key
        )
        return EventBatch(
            key_hi=rows.key_hi,
            key_lo=rows.key_lo,
            time_ms=rows.time_ms,
            verb=rows.verb,
            activity=rows.activity,
            course=rows.course,
            track=rows.track,
            identity_hi=sealed(identity_hi),
            identity_lo=sealed(identity_lo),
            id_hash=sealed(id_hash),
            standing=standing if len(standing) else None,
            **numbers,
            **texts,
            attributes=attributes,
        )

    def _readmit(self, columns: Screened, key_hi: UInt64s, key_lo: UInt64s) -> None:
        """Put accounts under the generation that they go under at the time of each event."""
        for place in readmitted_places(self.readmitted, key_hi, key_lo).tolist():
            (issuer,) = self._pseudonyms.issuers(columns.issuer[place : place + 1])
            person = (issuer, columns.account[place].as_py())
            at_ms = int(columns.time_ms[place])
            found = key_at(self._key, person, self.readmitted, at_ms)
            key_hi[place] = int.from_bytes(found[:8], "big")
            key_lo[place] = int.from_bytes(found[8:], "big")

    def _track(self, columns: Screened) -> UInt8s:
        """Return the track that an event says it has, else that of its verb."""
        by_verb = self._tracks.by_code(self.dictionaries.verb.came)
        track = by_verb[columns.verb]
        if columns.track is not None:
            track = np.where(columns.track >= 0, columns.track.astype(np.uint8), track)
        return track

    def _standing(self, columns: Screened) -> UInt8s:
        """Return the standing that an event says it has, else that of its verb; empty if no event has one."""
        verbs = self.dictionaries.verb.came
        alone = self._standings.by_code(verbs)
        of_course = self._course_standings.by_code(verbs)
        standing = alone[columns.verb]
        # Most verbs say the same whatever they are about, and ids of activities need not be looked at.
        rows = np.flatnonzero((of_course != alone)[columns.verb])
        rows = rows[self._is_course(columns.activity[rows], columns.course[rows])]
        standing[rows] = of_course[columns.verb[rows]]
        standing[columns.course == ABSENT] = 0  # of no course run
        if columns.standing is not None:
            standing = np.where(columns.standing >= 0, columns.standing, standing).astype(np.uint8)
        return sealed(standing) if standing.any() else NO_STANDINGS

    def _is_course(self, activity: Int32s, course: Int32s) -> npt.NDArray[np.bool_]:
        """Return which activities have the id of their course run."""
        both = (activity >= 0) & (course >= 0)
        one, other = self.dictionaries.activity.hashes, self.dictionaries.course.hashes
        activity, course = activity[both], course[both]
        both[both] = (one.hi[activity] == other.hi[course]) & (one.lo[activity] == other.lo[course])
        return both

    def _vocabulary(self) -> digests.Vocabulary:
        texts = self.dictionaries
        return digests.Vocabulary(
            *texts.verb.hashes,
            *texts.activity.hashes,
            *texts.course.hashes,
            *texts.section.hashes,
            *texts.answer.hashes,
        )

    def _attributes(self, columns: dict[str, Int32s]) -> digests.Attributes:
        if not columns:
            return NO_ATTRIBUTES
        names = sorted(columns)
        hashes = [self.dictionaries.attributes[name].hashes for name in names]
        sizes = [0, *(len(one.hi) for one in hashes)]
        name_hi, name_lo = digests.hash_texts(buffers(large_strings(names)))
        return digests.Attributes(
            codes=sealed(np.stack([columns[name] for name in names])),
            name_hi=sealed(name_hi),
            name_lo=sealed(name_lo),
            first=sealed(np.cumsum(sizes[:-1])),
            value_hi=sealed(np.concatenate([one.hi for one in hashes])),
            value_lo=sealed(np.concatenate([one.lo for one in hashes])),
        )


NO_ATTRIBUTES = digests.Attributes(
    codes=sealed(np.zeros((0, 0), np.int32)),
    name_hi=NO_IDS,
    name_lo=NO_IDS,
    first=sealed(np.zeros(0, np.int64)),
    value_hi=NO_IDS,
    value_lo=NO_IDS,
)


def _given(
    field: str, values: Strings | None, places: _Places, verdicts: Verdicts
) -> Int32s | None:
    """Return the places of the names that a source gives, -1 where it does not; refuse those that there are not."""
    if values is None:
        return None
    codes = places.codes(values, len(values))
    names = ", ".join(name for name in places if name)
    verdicts.refuse(codes == INVALID, Reason.WRONG_TYPE, f"{field} is none of {names}")
    return codes


def _is_any(column: npt.NDArray[Any]) -> bool:
    """Say whether any value of a column of numbers or codes is not absent."""
    if column.dtype == np.float64:
        return not np.isnan(column).all()
    return bool((column >= 0).any())


def _numbers(raw: RawEvents, verdicts: Verdicts) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of numbers that the source has."""
    numbers = {}
    for name, dtype in NUMBER_TYPES.items():
        column = getattr(raw, name)
        if column is not None:
            numbers[name] = np.asarray(column, dtype)
    for name in ("score", "progress", *SECONDS):
        if name in numbers:
            screening.finite(name, numbers[name], verdicts)
    for name in SECONDS:
        if name in numbers:
            screening.not_negative(name, numbers[name], verdicts)
    return numbers

"""The door: events as a source wrote them go in, events that name nobody come out.

Everything that must be settled once for an event is settled here, before anything is kept: is it whole, when was it,
who is it about (a pseudonym), which track does it count for, and what makes it the same event when it is met again.
Behind the door there are only numbers, and dictionaries for those that stand for text.

Columns are checked whole (`homeroom.events.screening`) and copied only if an event of the chunk is refused.

A Door is not for two threads at once: dictionaries grow in the order of the events. Its kernels release the
interpreter, so other threads may decode meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom import limits
from homeroom.events import digests, screening
from homeroom.events.dictionary import ABSENT, DROPPED, INVALID, Dictionaries, TextCodes
from homeroom.events.model import (
    TRACKS,
    Decoded,
    EventBatch,
    Int32s,
    RawEvents,
    Reason,
    Reject,
    UInt8s,
    UInt64s,
)
from homeroom.events.personal import without_accounts
from homeroom.events.pseudonyms import Pseudonyms
from homeroom.events.screening import Screened, Verdicts
from homeroom.events.texts import buffers, large_strings, sealed

__all__ = ["Admitted", "Door", "Names", "Verbs"]


class Verbs(Protocol):
    """The table that says which verb counts for which track."""

    def track_codes(self, verbs: list[str]) -> UInt8s:
        """Return the position in ``TRACKS`` of each verb."""


class Names(Protocol):
    """Who keeps the names behind the pseudonyms, where a person asked for it."""

    def add(
        self, key_hi: UInt64s, key_lo: UInt64s, issuers: Sequence[str], accounts: pa.Array
    ) -> None:
        """Take the issuer and the account behind each pseudonym."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the door made of one chunk; batch and rejects together are all that was read."""

    batch: EventBatch
    rejects: list[Reject]


class _TrackNames(TextCodes):
    """Positions of track names; `INVALID` for a name that there is not."""

    def __init__(self) -> None:
        super().__init__({name: place for place, name in enumerate(TRACKS)})
        self[None] = self[""] = ABSENT

    def __missing__(self, name: str) -> int:
        return INVALID


NUMBER_TYPES = {
    "score": np.float64,
    "progress": np.float64,
    "success": np.int8,
    "completion": np.int8,
    "duration_ms": np.int64,
}
ABSENT_NUMBERS = {name: sealed(np.zeros(0, dtype)) for name, dtype in NUMBER_TYPES.items()}
NO_IDS: UInt64s = sealed(np.zeros(0, np.uint64))


class Door:
    """Takes decoded chunks and returns batches that name nobody.

    Parameters
    ----------
    key : the pseudonym key, 32 bytes
    verbs : says which track a verb counts for
    names : is told who is behind each pseudonym; None where nobody asked for names

    Attributes
    ----------
    dictionaries : the texts behind the codes of all batches so far
    """

    def __init__(self, key: bytes, verbs: Verbs, names: Names | None = None) -> None:
        self.dictionaries = Dictionaries.under(key)
        self._pseudonyms = Pseudonyms(key)
        self._id_key = digests.id_key(key)
        self._verbs = verbs
        self._names = names
        self._track_names = _TrackNames()
        self._track_by_verb: UInt8s = np.zeros(0, np.uint8)
        self._attributes_dropped: set[str] = set()

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
        return Admitted(self._batch(columns), rejects)

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
        activity = self.dictionaries.activity.codes(without_accounts(raw.activity, account), count)
        screening.check_codes("activity", activity, verdicts)
        courses = "" if raw.course is None else without_accounts(raw.course, account)
        course = self.dictionaries.course.codes(courses, count)
        screening.check_codes("course", course, verdicts)
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
            track=self._given_tracks(raw, verdicts),
            event_id=event_id,
            numbers=_numbers(raw, verdicts),
            attributes=self._attribute_codes(raw, account, verdicts),
        )

    def _given_tracks(self, raw: RawEvents, verdicts: Verdicts) -> Int32s | None:
        if raw.track is None:
            return None
        track = self._track_names.codes(raw.track, len(raw))
        unknown = f"track is none of {', '.join(TRACKS)}"
        verdicts.refuse(track == INVALID, Reason.WRONG_TYPE, unknown)
        return track

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
        if self._names is not None:
            issuers = self._pseudonyms.issuers(columns.issuer)
            self._names.add(key_hi, key_lo, issuers, columns.account)
        id_hi, id_lo = NO_IDS, NO_IDS
        id_hash = np.zeros(len(columns.time_ms), np.uint64)
        if columns.event_id is not None:
            id_hi, id_lo = digests.hash_ids(buffers(columns.event_id), self._id_key)
            id_hash = digests.id_hashes(id_hi, id_lo)
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
            **{
                name: sealed(columns.numbers.get(name, none))
                for name, none in ABSENT_NUMBERS.items()
            },
        )
        attributes = {name: sealed(codes) for name, codes in columns.attributes.items()}
        identity_hi, identity_lo = digests.row_identities(
            rows, self._vocabulary(), self._attributes(attributes)
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
            **{name: getattr(rows, name) for name in columns.numbers},
            attributes=attributes,
        )

    def _track(self, columns: Screened) -> UInt8s:
        """Return the track that an event says it has, else that of its verb."""
        new = self.dictionaries.verb.values[len(self._track_by_verb) :]
        if new:
            self._track_by_verb = np.append(self._track_by_verb, self._verbs.track_codes(new))
        if not len(columns.verb):
            return np.zeros(0, np.uint8)
        track = self._track_by_verb[columns.verb]
        if columns.track is not None:
            track = np.where(columns.track >= 0, columns.track.astype(np.uint8), track)
        return track

    def _vocabulary(self) -> digests.Vocabulary:
        texts = self.dictionaries
        return digests.Vocabulary(*texts.verb.hashes, *texts.activity.hashes, *texts.course.hashes)

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


def _numbers(raw: RawEvents, verdicts: Verdicts) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of numbers that the source has."""
    numbers = {}
    for name, dtype in NUMBER_TYPES.items():
        column = getattr(raw, name)
        if column is not None:
            numbers[name] = np.asarray(column, dtype)
    for name in ("score", "progress"):
        if name in numbers:
            screening.finite(name, numbers[name], verdicts)
    return numbers

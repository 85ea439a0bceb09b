"""The plain twin of state: facts in Python objects, folded with sets and dictionaries.

A fact is an event by its texts, so the same facts can be written under any order of dictionary codes and in any
split into batches. What a state holds is read back as texts too; then two states are the same if they are equal.
"""

import datetime as dt
import hashlib
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS, TRACKS, EventBatch
from homeroom.events.texts import sealed
from homeroom.limits import PARTITIONS
from homeroom.state.standing import COMPLETED, COMPLETIONS, OUTCOME, STATUS
from homeroom.state.state import COURSE, State, enrolment_keys
from homeroom.state.table import NO_DAY, Partition, SubjectTable
from homeroom.state.zones import DAY_ZERO, load_zone

__all__ = [
    "Fact",
    "batch_of",
    "content",
    "draw_facts",
    "fresh_state",
    "hash_of_id",
    "history_of",
    "key_of",
    "plain_content",
]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NUMBERS = {
    "score": (np.float64, np.nan),
    "progress": (np.float64, np.nan),
    "success": (np.int8, -1),
    "completion": (np.int8, -1),
    "duration_ms": (np.int64, -1),
    "standing": (np.uint8, 0),
    "position_s": (np.float64, np.nan),
    "position_from_s": (np.float64, np.nan),
    "length_s": (np.float64, np.nan),
}
Content = dict[str, dict[tuple[int, int], dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """An event by its texts. Learners are numbers; see `key_of` for what is nasty about their keys."""

    learner: int
    time_ms: int
    verb: str = "played"
    activity: str | None = None
    course: str | None = None
    track: int = 0
    id: str | None = None
    score: float | None = None
    progress: float | None = None
    success: int | None = None
    completion: int | None = None
    duration_ms: int | None = None
    standing: int | None = None
    section: str | None = None
    answer: str | None = None
    position_s: float | None = None
    position_from_s: float | None = None
    length_s: float | None = None
    attributes: tuple[tuple[str, str], ...] = ()


def key_of(learner: int) -> tuple[int, int]:
    """Return a learner's key. Every third shares its upper half with the one before, every sixth its lower half."""
    same_hi, same_lo = learner - (learner % 3 == 1), learner - (learner % 6 == 5)
    hi = int.from_bytes(hashlib.sha256(b"hi%d" % same_hi).digest()[:8], "little")
    lo = int.from_bytes(hashlib.sha256(b"lo%d" % same_lo).digest()[:8], "little")
    return hi, lo


def draw_facts(
    rng: np.random.Generator, count: int, learners: int = 12, days: int = 200
) -> list[Fact]:
    """Draw facts that collide: few learners, times on few instants, repeated ids, attributes set twice at one time."""
    start_ms = 1_710_000_000_000
    picks = rng.integers(0, 1 << 30, (count, 15))
    facts = []
    for row in picks:
        p = [int(x) for x in row]
        time_ms = start_ms + (p[1] % days) * 86_400_000 + (p[2] % 48) * 1_800_000
        countries = (("country", ("DE", "FR", "Österreich", "AT")[p[3] % 4]),) * (p[3] % 3 == 0)
        platforms = (("platform", ("web", "app")[p[4] % 2]),) * (p[4] % 4 == 0)
        facts.append(
            Fact(
                learner=p[0] % learners,
                time_ms=time_ms,
                verb=("played", "posted", "enrolled")[p[5] % 3],
                activity=(None, "a", "b", "quiz")[p[6] % 4],
                course=(None, "c1", "c2")[p[7] % 3],
                track=p[8] % len(TRACKS),
                id=(None, f"id {p[9] % count}")[p[9] % 2],
                score=(None, -0.0, 0.0, 0.5, 1.0)[p[10] % 5],
                duration_ms=(None, 0, 90_000)[p[11] % 3],
                section=(None, "week 1", "https://example.org/weeks/2")[p[11] // 9 % 3],
                answer=(None, "blue", "4.2")[p[11] // 27 % 3],
                position_s=(None, 0.0, 12.5)[p[11] // 81 % 3],
                length_s=(None, 60.0)[p[11] // 243 % 2],
                standing=(None, None, *range(len(STANDINGS)))[p[12] % (len(STANDINGS) + 2)],
                progress=(None, -0.0, 0.0, 0.25, 1.0)[p[13] % 5],
                completion=(None, 0, 1)[p[14] % 3],
                attributes=(*countries, *platforms),
            )
        )
    return facts


def batch_of(facts: Sequence[Fact], dictionaries: Dictionaries) -> EventBatch:
    """Write facts as a batch; a column that no fact has is left out."""
    count = len(facts)
    keys = np.array([key_of(f.learner) for f in facts], np.uint64).reshape(count, 2)
    digests = [hashlib.sha256(repr(f).encode()).digest() for f in facts]
    identity = np.frombuffer(b"".join(d[:16] for d in digests), np.uint64).reshape(count, 2)
    numbers = {}
    for name, (dtype, absent) in NUMBERS.items():
        values = [getattr(f, name) for f in facts]
        if any(value is not None for value in values):
            numbers[name] = sealed(np.array([absent if v is None else v for v in values], dtype))
    for name in ("section", "answer"):
        texts = [getattr(f, name) for f in facts]
        if any(text is not None for text in texts):
            numbers[name] = sealed(getattr(dictionaries, name).codes(texts, count))
    names = sorted({name for f in facts for name, _ in f.attributes})
    return EventBatch(
        key_hi=sealed(keys[:, 0]),
        key_lo=sealed(keys[:, 1]),
        time_ms=sealed(np.array([f.time_ms for f in facts], np.int64)),
        verb=sealed(dictionaries.verb.codes([f.verb for f in facts], count)),
        activity=sealed(dictionaries.activity.codes([f.activity for f in facts], count)),
        course=sealed(dictionaries.course.codes([f.course for f in facts], count)),
        track=sealed(np.array([f.track for f in facts], np.uint8)),
        identity_hi=sealed(identity[:, 0]),
        identity_lo=sealed(identity[:, 1]),
        id_hash=sealed(np.array([_id_hash(f) for f in facts], np.uint64)),
        **numbers,
        attributes={
            name: sealed(
                dictionaries.attribute(name).codes(
                    [dict(f.attributes).get(name) for f in facts], count
                )
            )
            for name in names
        },
    )


def _id_hash(fact: Fact) -> int:
    return 0 if fact.id is None else hash_of_id(fact.id)


def hash_of_id(text: str) -> int:
    """Return the hash of an event's id."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") | 1


def fresh_state(zone: str = "UTC", order: Iterable[str] = ()) -> State:
    """Return an empty state. ``order`` gives texts their codes before any event does."""
    dictionaries = Dictionaries.under(bytes(32))
    for text in order:
        for one in (dictionaries.verb, dictionaries.activity, dictionaries.course):
            one.codes([text], 1)
        dictionaries.section.codes([text], 1)
        dictionaries.answer.codes([text], 1)
        dictionaries.attribute("country").codes([text], 1)
        dictionaries.attribute("platform").codes([text], 1)
    return State(load_zone(zone), dictionaries)


# --- what must be in the columns -------------------------------------------------------------------------------


def plain_content(facts: Iterable[Fact], zone: str) -> Content:
    """Fold facts with sets: for every row its days by track, and the greatest (time, text) of each attribute."""
    info = zoneinfo.ZoneInfo(zone)
    rows: Content = {"learner": {}, "enrolment": {}}
    for fact in facts:
        date = (EPOCH + dt.timedelta(milliseconds=fact.time_ms)).astimezone(info).date()
        day = (date - DAY_ZERO).days
        _join(rows["learner"], key_of(fact.learner), fact, day, dict(fact.attributes))
        if fact.course is not None:
            key = _enrolment_key(fact.learner, fact.course)
            _join(rows["enrolment"], key, fact, day, {COURSE: fact.course})
            row = rows["enrolment"][key]
            row["owner"] = key_of(fact.learner)
            _join_standing(row, fact)
    for row in rows["enrolment"].values():
        if "standings" in row:
            row["standings"] = {
                name: (rank[0] if isinstance(rank, tuple) else None, value)
                for name, (rank, value) in row["standings"].items()
            }
    return rows


def _join_standing(row: Any, fact: Fact) -> None:
    """Join what an event says of the whole course run, read from the table at the head of ``state.standing``."""
    said = STANDINGS[fact.standing or 0]
    if said == "none":
        return

    def join(name: str, rank: Any, value: Any) -> None:
        standings = row.setdefault("standings", {})
        standings[name] = max(standings.get(name, (rank, value)), (rank, value))

    revoked = fact.completion == 0
    is_of = {
        "status": (said in ("enrolled", "left"), said == "left", said),
        "outcome": (said in ("passed", "failed"), said == "failed", said),
        "completed": (said == "completed", revoked, "revoked" if revoked else "reached"),
        "grade": (
            said in ("graded", "completed", "passed", "failed") and fact.score is not None,
            fact.score,
            fact.score,
        ),
    }
    for name, (is_said, rank, value) in is_of.items():
        if is_said:
            join(name, (fact.time_ms, rank), value)
    if fact.progress is not None:
        join("progress", fact.progress, fact.progress)


def _join(
    rows: Any, key: tuple[int, int], fact: Fact, day: int, attributes: dict[str, str]
) -> None:
    row = rows.setdefault(key, {"days": {}, "attributes": {}})
    for track in ("any", TRACKS[fact.track]):
        row["days"].setdefault(track, set()).add(day)
    for name, value in attributes.items():
        held = row["attributes"].get(name, (fact.time_ms, value))
        row["attributes"][name] = max(held, (fact.time_ms, value))
    row["first"] = min(row["days"]["any"])
    row["last"] = max(row["days"]["any"])


def _enrolment_key(learner: int, course: str) -> tuple[int, int]:
    dictionaries = Dictionaries.under(bytes(32))
    code = dictionaries.course.codes([course], 1)
    hi, lo = key_of(learner)
    keys = enrolment_keys(
        np.array([hi], np.uint64), np.array([lo], np.uint64), dictionaries.course.hashes.hi[code]
    )
    return int(keys[0][0]), int(keys[1][0])


def content(state: State) -> Content:
    """Read what the columns of a state hold, in the form of `plain_content`."""
    texts = {name: one.values for name, one in state.dictionaries.attributes.items()}
    return {
        "learner": _rows(state.learners, texts),
        "enrolment": _rows(state.enrolments, {COURSE: state.dictionaries.course.values}),
    }


CODES = {STATUS: STANDINGS, OUTCOME: STANDINGS, COMPLETED: COMPLETIONS}


def _standings(partition: Partition, row: int) -> dict[str, Any]:
    """Return of each column of how an enrolment stands its time (None: it has none) and value."""
    found: dict[str, Any] = {}
    for name, texts in CODES.items():
        if name in partition.codes and partition.codes[name][row] >= 0:
            value = texts[partition.codes[name][row]]
            found[name] = (int(partition.set_ms[name][row]), value)
    for name, numbers in partition.numbers.items():
        if not np.isnan(numbers[row]):
            timed = name in partition.set_ms
            at = int(partition.set_ms[name][row]) if timed else None
            found[name] = (at, float(numbers[row]))
    return found


def _rows(table: SubjectTable, texts: dict[str, list[str]]) -> dict[tuple[int, int], Any]:
    rows = {}
    for number, partition in enumerate(table.partitions):
        for row in np.flatnonzero(partition.start_day[: partition.rows] != NO_DAY).tolist():
            key = (int(partition.key_hi[row]), int(partition.key_lo[row]))
            assert key not in rows, "a key has one row"
            assert key[0] * PARTITIONS >> 64 == number, "a row lies in the partition of its key"
            rows[key] = _row(partition, row, texts)
    return rows


def _row(partition: Partition, row: int, texts: dict[str, list[str]]) -> dict[str, Any]:
    days = {}
    for track, words in partition.words.items():
        held = {
            (partition.first_word + word) * 63 + bit
            for word, bits in enumerate(words[:, row].tolist())
            for bit, digit in enumerate(reversed(f"{bits:b}"))
            if digit == "1"
        }
        if held:
            days[track] = held
    attributes = {
        name: (int(partition.set_ms[name][row]), texts[name][codes[row]])
        for name, codes in partition.codes.items()
        if name in texts and codes[row] >= 0
    }
    first, last = int(partition.start_day[row]), int(partition.last_day[row])
    found = {"days": days, "attributes": attributes, "first": first, "last": last}
    if partition.owners:
        found["owner"] = (int(partition.owners["hi"][row]), int(partition.owners["lo"][row]))
        if standings := _standings(partition, row):
            found["standings"] = standings
    return found


# --- what must be in history -----------------------------------------------------------------------------------


def history_of(state: State) -> list[tuple[int, int, int, int, int]]:
    """Return (key, time, identity) of every event in history that is seen, segment by segment."""
    found = []
    for segment in state.segments:
        widths = np.diff(segment.offsets)
        seen = np.ones(len(segment), np.bool_)
        seen[segment.hidden] = False
        columns = [np.repeat(segment.key_hi, widths), np.repeat(segment.key_lo, widths)]
        columns += [segment.columns[name] for name in ("time_ms", "identity_hi", "identity_lo")]
        found += list(zip(*(column[seen].tolist() for column in columns), strict=True))
    return found

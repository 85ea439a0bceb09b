"""xAPI statements become events: the codec that has to be quick.

A statement is about a kilobyte of JSON of which an event keeps a dozen fields. The budget for the whole way into
history is four microseconds a statement on one core, and building one Python object with the values of one event
already takes a quarter of that. So nothing here runs once a statement but the decoder (in C, into types that hold
only what is used: `homeroom.events.statements`) and list comprehensions, one a column. Rules that could refuse a
statement are first asked of whole columns in the quickest form that never lets a faulty one through; only the
suspects are then looked at one by one.

The way not taken: ``pyarrow.json`` builds columns at once, but of 1 MB with one broken line it returns nothing, and
it is slower than this.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Final, NamedTuple, TypedDict, TypeVar

import numpy as np
import pyarrow as pa

from homeroom.events.interactions import answers_of, places_in_videos
from homeroom.events.jsonlines import Items, JsonReader
from homeroom.events.model import (
    STANDINGS,
    TRACKS,
    Decoded,
    Float64s,
    Int8s,
    Int32s,
    Int64s,
    RawEvents,
    Reject,
    Strings,
)
from homeroom.events.statements import (
    ACTIVITIES,
    COURSE_TYPE,
    COURSE_TYPES,
    NO_REF,
    VOIDED,
    Actor,
    Context,
    Result,
    ResultExtensions,
    Statement,
    Target,
    course_of,
    duration_ms,
    fault,
    score_share,
    section_of,
    verb_fault,
)
from homeroom.events.vocabulary import VerbTable
from homeroom.limits import TEXT_BYTES_MAX

__all__ = ["XapiCodec", "looks_like"]

K = TypeVar("K", bound=Hashable)


def _uuid_classes() -> bytes:
    """Map each byte: a hexadecimal digit to x, a dash to itself, anything else to ?."""
    classes = bytearray(b"?" * 256)
    for digit in b"0123456789abcdefABCDEF":
        classes[digit] = ord("x")
    classes[ord("-")] = ord("-")
    return bytes(classes)


_PAIRS_MAX: Final = 256
"""Pairs of verb and type of a chunk of which all are looked up; of more, only those that are met."""
_PAIRS_CACHED: Final = 4_096
_UUID_CLASSES: Final = _uuid_classes()
_UUID_FORM: Final = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


def looks_like(sample: Mapping[str, object]) -> bool:
    """Say whether one decoded JSON object is an xAPI statement: it has an actor, a verb and an object."""
    return all(isinstance(sample.get(part), Mapping) for part in ("actor", "verb", "object"))


class XapiCodec:
    """Decodes xAPI 1.0.3 and 2.0 statements.

    Parameters
    ----------
    verbs : the table that says which verb, on which type of activity, counts for which track and speaks of which
        standing
    """

    name: Final = "xapi"

    def __init__(self, verbs: VerbTable) -> None:
        self._by_type = lru_cache(_PAIRS_CACHED)(verbs.by_type)
        self._of_course = lru_cache(_PAIRS_CACHED)(
            lambda verb: int(verbs.course_standing_codes([verb])[0])
        )
        self._reader = JsonReader(Statement, members=("statements",))

    def decode(self, chunk: bytes, first_line: int) -> Decoded:
        """Decode whole lines, one statement a line."""
        return self._decoded(self._reader.lines(chunk, first_line))

    def decode_document(self, data: bytes) -> Decoded:
        """Decode one document: an array of statements, a statement result, or one statement.

        In an array, the number of the statement (from 1) stands where else the line's number does.
        """
        return self._decoded(self._reader.document(data))

    def _decoded(self, items: Items[Statement]) -> Decoded:
        parts = _parts(items.values)
        suspects = _suspects(parts)
        bad = {p: found for p in suspects if (found := fault(items.values[p])) is not None}
        voiding = [p for p in suspects if parts.verbs[p] == VOIDED and p not in bad]
        if not bad and not voiding:
            return Decoded(self._events(parts, items.line), items.rejects)
        keep = np.ones(len(items.values), np.bool_)
        keep[[*bad, *voiding]] = False
        refused = [Reject("", int(items.line[place]), *found) for place, found in bad.items()]
        rejects = sorted([*items.rejects, *refused], key=lambda reject: reject.line)
        voided = [parts.targets[place].id for place in voiding]
        parts = _parts(list(compress(items.values, keep)))
        return Decoded(self._events(parts, items.line[keep]), rejects, voided)

    def _events(self, parts: "_Parts", line: Int64s) -> RawEvents:
        accounts, issuer = _subjects(parts.actors)
        account = pa.array(accounts, pa.string())
        verb = _coded(parts.verbs)
        activity = [target.id for target in parts.targets]
        types = [target.object_type for target in parts.targets]
        if types.count("Activity") != len(types):
            # A person, a statement or a reference to one is no activity, and may name somebody.
            activity = [a if t in ACTIVITIES else "" for a, t in zip(activity, types, strict=True)]
        places = _places(parts)
        kinds = _Kinds(verb, [target.definition.type for target in parts.targets])
        return RawEvents(
            line=line,
            account=account,
            issuer=_one_or_coded(issuer),
            time=pa.array(_times(parts), pa.string()),
            verb=verb,
            activity=pa.array(activity, pa.string()),
            course=_coded(places.courses),
            section=None if places.sections is None else _coded(places.sections),
            event_id=pa.array(parts.ids, pa.string()),
            track=kinds.names(self._decided, TRACKS),
            standing=kinds.names(self._standing, STANDINGS),
            attributes=_attributes(parts.contexts),
            **_results(parts),
            **places_in_videos(parts.extensions, parts.contexts),
        )

    def _standing(self, verb: str, kind: str) -> int:
        """Return the standing of a statement about a course, -1 where it is about anything else."""
        if kind not in COURSE_TYPES or len(verb) > TEXT_BYTES_MAX:
            return -1
        return self._of_course(verb) or -1

    def _decided(self, verb: str, kind: str) -> int:
        # What is too long for an event is too long to be remembered here.
        long = len(verb) > TEXT_BYTES_MAX or len(kind) > TEXT_BYTES_MAX
        return -1 if long else self._by_type(verb, kind)


class _Kinds:
    """The pairs of verb and type of activity of many statements, of which there are few."""

    def __init__(self, verb: pa.DictionaryArray, kind: list[str]) -> None:
        self._verbs: list[str] = verb.dictionary.to_pylist()
        codes, self._kinds = _codes(kind)
        pairs = verb.indices.to_numpy() * len(self._kinds) + codes
        if len(self._verbs) * len(self._kinds) <= _PAIRS_MAX:
            self._places, self._met = pairs, list(range(len(self._verbs) * len(self._kinds)))
        else:
            self._places, self._met = _codes(pairs.tolist())

    def names(self, decide: Callable[[str, str], int], names: Sequence[str]) -> Strings | None:
        """Return the name of the place that each pair decides for, null where none (-1); None if no pair does."""
        count = len(self._kinds)
        found = [decide(self._verbs[p // count], self._kinds[p % count]) for p in self._met]
        decided = np.array(found, np.int8)
        if decided.max(initial=-1) < 0:
            return None
        places = decided[self._places]
        return pa.DictionaryArray.from_arrays(pa.array(places, mask=places < 0), pa.array(names))


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of many statements, part by part."""

    statements: list[Statement]
    ids: list[str | None]
    times: list[str | None]
    actors: list[Actor]
    verbs: list[str]
    targets: list[Target]
    results: list[Result]
    extensions: list[ResultExtensions]
    contexts: list[Context]
    ended: list[int]
    """Places of the statements whose result says more than extensions do."""


class _Places(NamedTuple):
    """Where statements belong: course run and, if any of them names one, part of it."""

    courses: list[str | None]
    sections: list[str | None] | None


def _parts(statements: list[Statement]) -> _Parts:
    results = [s.result for s in statements]
    return _Parts(
        statements=statements,
        ids=[s.id for s in statements],
        times=[s.timestamp for s in statements],
        actors=[s.actor for s in statements],
        verbs=[s.verb.id for s in statements],
        targets=[s.object for s in statements],
        results=results,
        extensions=[r.extensions for r in results],
        contexts=[s.context for s in statements],
        ended=[
            place
            for place, r in enumerate(results)
            if r.score is not None
            or r.duration is not None
            or r.success is not None
            or r.completion is not None
            or r.response is not None
        ],
    )


def _suspects(parts: _Parts) -> list[int]:
    """Return the places of all statements that `fault` could refuse, and of some that it would not."""
    places = set(_without_uuid(parts.ids))
    places.update(parts.ended)
    places.update(
        [
            place
            for place, actor in enumerate(parts.actors)
            if actor.account is None
            or actor.mbox is not None
            or actor.mbox_sha1sum is not None
            or actor.openid is not None
        ]
    )
    odd_verbs = {
        verb for verb in set(parts.verbs) if verb == VOIDED or verb_fault(verb) is not None
    }
    if odd_verbs:
        places.update(place for place, verb in enumerate(parts.verbs) if verb in odd_verbs)
    places.update([place for place, target in enumerate(parts.targets) if ":" not in target.id])
    if None in parts.times:
        places.update(place for place, value in enumerate(parts.times) if value is None)
    return sorted(places)


def _without_uuid(ids: Sequence[str | None]) -> Sequence[int]:
    """Return the places of ids that are no UUID, or not surely one."""
    try:
        joined = "".join(ids).encode()  # type: ignore[arg-type]
    except TypeError:
        joined = b"?"
    if joined.translate(_UUID_CLASSES) == _UUID_FORM * len(ids):
        return ()
    return [place for place, identifier in enumerate(ids) if identifier is not None]


def _subjects(actors: list[Actor]) -> tuple[list[str], list[str]]:
    """Return who did it: the name and who issued it, for whichever identifier an actor has."""
    try:
        return (
            [actor.account.name for actor in actors],  # type: ignore[union-attr]
            [actor.account.home_page for actor in actors],  # type: ignore[union-attr]
        )
    except AttributeError:
        pairs = [_subject(actor) for actor in actors]
        return [name for name, _ in pairs], [issuer for _, issuer in pairs]


def _subject(actor: Actor) -> tuple[str, str]:
    if actor.account is not None:
        return actor.account.name, actor.account.home_page
    if actor.mbox is not None:
        return actor.mbox[len("mailto:") :], "mailto"
    if actor.mbox_sha1sum is not None:
        return actor.mbox_sha1sum.lower(), "mbox_sha1sum"
    return actor.openid or "", "openid"


def _times(parts: _Parts) -> list[str | None]:
    """Return when it happened, or where that is not said, when it was stored."""
    if None in parts.times:
        return [s.stored if s.timestamp is None else s.timestamp for s in parts.statements]
    return parts.times


def _places(parts: _Parts) -> _Places:
    around = [context.activities for context in parts.contexts]
    parents = [activities.parent for activities in around]
    groupings = [activities.grouping for activities in around]
    try:
        first = [parent[0] if len(parent) == 1 else NO_REF for parent in parents]  # type: ignore[index,arg-type]
    except TypeError:
        first = [NO_REF] * len(around)
    courses: list[str | None] = [
        ref.id if ref.definition.type == COURSE_TYPE else None for ref in first
    ]
    if None not in courses and groupings.count(()) == len(groupings):
        return _Places(courses, None)
    sections: list[str | None] = [None] * len(around)
    for place, course in enumerate(courses):
        activities, target = around[place], parts.targets[place]
        if course is None:
            courses[place] = course_of(activities.parent, activities.grouping, target)
        if course is None or activities.grouping:
            sections[place] = section_of(activities.parent, activities.grouping, target)
    return _Places(courses, None if sections.count(None) == len(sections) else sections)


def _attributes(contexts: list[Context]) -> dict[str, Strings]:
    if not [c for c in contexts if c.platform is not None or c.language is not None]:
        return {}
    return {
        "platform": _coded([context.platform for context in contexts]),
        "language": _coded([context.language for context in contexts]),
    }


class _ResultColumns(TypedDict, total=False):
    score: Float64s
    progress: Float64s
    success: Int8s
    completion: Int8s
    duration_ms: Int64s
    answer: Strings


def _results(parts: _Parts) -> _ResultColumns:
    """Return the columns that any result fills."""
    columns: _ResultColumns = {}
    progress = [one.progress for one in parts.extensions]
    if progress.count(None) != len(progress):
        columns["progress"] = _numbers(progress)
    if parts.ended:
        results = parts.results
        answers = answers_of(parts.targets, results, parts.ended)
        if answers is not None:
            columns["answer"] = _coded(answers)
        durations = [-1 if r.duration is None else duration_ms(r.duration) for r in results]
        columns["score"] = _numbers([score_share(r.score) for r in results])
        columns["success"] = _flags([r.success for r in results])
        columns["completion"] = _flags([r.completion for r in results])
        columns["duration_ms"] = np.array(durations, np.int64)
    return columns


def _numbers(values: list[float | None]) -> Float64s:
    """Write numbers as an array; absent is NaN."""
    column: Float64s = pa.array(values, pa.float64()).to_numpy(zero_copy_only=False)
    return column


def _flags(values: list[bool | None]) -> Int8s:
    return np.array([-1 if value is None else value for value in values], np.int8)


class _Numbering(dict[K, int]):
    """Gives each new key the next number."""

    def __missing__(self, key: K) -> int:
        number = self[key] = len(self)
        return number


def _codes(values: Sequence[K]) -> tuple[Int32s, list[K]]:
    """Return for each value its number, in the order met, and the distinct values by number."""
    numbering = _Numbering[K]()
    codes = np.fromiter(map(numbering.__getitem__, values), np.int32, len(values))
    return codes, list(numbering)


def _coded(values: Sequence[str | None]) -> pa.Array:
    """Write a column of few distinct texts as a dictionary; absent ones are null in the codes."""
    codes, texts = _codes(values)
    absent = None
    if None in texts:
        absent = codes == texts.index(None)
        texts[texts.index(None)] = ""
    return pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=absent), pa.array(texts, pa.string())
    )


def _one_or_coded(values: list[str]) -> Strings | str:
    """Write a column as one text where all values are the same."""
    if values and values.count(values[0]) == len(values):
        return values[0]
    return _coded(values)

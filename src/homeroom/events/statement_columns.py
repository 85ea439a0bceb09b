"""From statements to columns of plain values, a block at a time.

A decoded statement is a dozen small objects. A megabyte of them does not fit into the processor's second-level cache,
and then every column's walk over them waits for memory. So statements are taken in blocks that do fit: decoded,
checked, walked column by column while they are near, and let go; only the values stay. Arrays are built once for all
blocks, because building one costs as much for ten values as for three hundred.

Rules that could refuse a statement are asked of whole columns, in the quickest form that never lets a faulty one
through; only the suspects are looked at one by one (`homeroom.events.statements.fault`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final

from homeroom.events.jsonlines import Items
from homeroom.events.model import Int64s, Reject
from homeroom.events.statements import (
    ACTIVITY,
    COURSE_TYPE,
    NO_REF,
    Actor,
    Context,
    Result,
    Statement,
    Target,
    course_of,
    duration_ms,
    fault,
    score_share,
    verb_fault,
)

__all__ = ["StatementColumns"]


def _uuid_classes() -> bytes:
    """Map each byte: a hexadecimal digit to x, a dash to itself, anything else to ?."""
    classes = bytearray(b"?" * 256)
    for digit in b"0123456789abcdefABCDEF":
        classes[digit] = ord("x")
    classes[ord("-")] = ord("-")
    return bytes(classes)


_UUID_CLASSES: Final = _uuid_classes()
_UUID_FORM: Final = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


@dataclass(slots=True)
class StatementColumns:
    """Values of statements, column by column; all lists have one length, but ``line`` and ``rejects``.

    ``kind`` is the type of the activity. ``line`` holds an array a block.
    """

    line: list[Int64s] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    account: list[str] = field(default_factory=list)
    issuer: list[str] = field(default_factory=list)
    time: list[str | None] = field(default_factory=list)
    verb: list[str] = field(default_factory=list)
    activity: list[str] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    course: list[str | None] = field(default_factory=list)
    event_id: list[str | None] = field(default_factory=list)
    platform: list[str | None] = field(default_factory=list)
    language: list[str | None] = field(default_factory=list)
    progress: list[float | None] = field(default_factory=list)
    score: list[float | None] = field(default_factory=list)
    success: list[bool | None] = field(default_factory=list)
    completion: list[bool | None] = field(default_factory=list)
    duration_ms: list[int] = field(default_factory=list)

    def add(self, items: Items[Statement]) -> None:
        """Take the values of a block of statements; those that the standard refuses become rejects."""
        statements, line = items.values, items.line
        results = [s.result for s in statements]
        ended = _ended(results)
        bad = {p: found for p in _suspects(statements, ended) if (found := fault(statements[p]))}
        refused = items.rejects
        if bad:
            refused = [*refused, *(Reject("", int(line[p]), *found) for p, found in bad.items())]
            keep = [place not in bad for place in range(len(statements))]
            statements, line = list(compress(statements, keep)), line[keep]
            results = [s.result for s in statements]
            ended = _ended(results)
        self.rejects += sorted(refused, key=lambda reject: reject.line)
        self.line.append(line)
        self._add_who_and_what(statements)
        self._add_where(statements)
        self._add_results(results, ended)

    def _add_who_and_what(self, statements: list[Statement]) -> None:
        account, issuer = _subjects([s.actor for s in statements])
        self.account += account
        self.issuer += issuer
        times = [s.timestamp for s in statements]
        if None in times:
            times = [s.stored if s.timestamp is None else s.timestamp for s in statements]
        self.time += times
        self.event_id += [s.id for s in statements]
        self.verb += [s.verb.id for s in statements]
        targets = [s.object for s in statements]
        activity = [target.id for target in targets]
        types = [target.object_type for target in targets]
        if types.count(ACTIVITY) != len(types):
            # A person, a statement or a reference to one is no activity, and may name somebody.
            activity = [a if t == ACTIVITY else "" for a, t in zip(activity, types, strict=True)]
        self.activity += activity
        self.kind += [target.definition.type for target in targets]

    def _add_where(self, statements: list[Statement]) -> None:
        contexts = [s.context for s in statements]
        self.course += _courses(contexts, statements)
        if [c for c in contexts if c.platform is not None or c.language is not None]:
            self.platform += [context.platform for context in contexts]
            self.language += [context.language for context in contexts]
        else:
            absent: list[str | None] = [None] * len(contexts)
            self.platform += absent
            self.language += absent

    def _add_results(self, results: list[Result], ended: list[int]) -> None:
        self.progress += [result.extensions.progress for result in results]
        if ended:
            self.score += [score_share(r.score) for r in results]
            self.success += [r.success for r in results]
            self.completion += [r.completion for r in results]
            self.duration_ms += [
                -1 if r.duration is None else duration_ms(r.duration) for r in results
            ]
        else:
            count = len(results)
            self.score += [None] * count
            self.success += [None] * count
            self.completion += [None] * count
            self.duration_ms += [-1] * count


def _ended(results: list[Result]) -> list[int]:
    """Return the places of the results that say more than extensions do."""
    return [
        place
        for place, r in enumerate(results)
        if r.score is not None
        or r.duration is not None
        or r.success is not None
        or r.completion is not None
    ]


def _suspects(statements: list[Statement], ended: list[int]) -> list[int]:
    """Return the places of all statements that `fault` could refuse, and of some that it would not."""
    places = set(ended)
    places.update(_without_uuid([s.id for s in statements]))
    actors = [s.actor for s in statements]
    places.update([
        place
        for place, actor in enumerate(actors)
        if actor.account is None
        or actor.mbox is not None
        or actor.mbox_sha1sum is not None
        or actor.openid is not None
    ])
    verbs = [s.verb.id for s in statements]
    odd_verbs = {verb for verb in set(verbs) if verb_fault(verb) is not None}
    if odd_verbs:
        places.update([place for place, verb in enumerate(verbs) if verb in odd_verbs])
    targets = [s.object for s in statements]
    places.update([place for place, target in enumerate(targets) if ":" not in target.id])
    places.update([place for place, s in enumerate(statements) if s.timestamp is None])
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


def _courses(contexts: list[Context], statements: list[Statement]) -> list[str | None]:
    around = [context.activities for context in contexts]
    parents = [activities.parent for activities in around]
    try:
        first = [parent[0] if parent else NO_REF for parent in parents]  # type: ignore[index]
    except TypeError:
        first = [NO_REF] * len(around)
    courses = [ref.id if ref.definition.type == COURSE_TYPE else None for ref in first]
    if None in courses:
        for place, course in enumerate(courses):
            if course is None:
                target: Target = statements[place].object
                activities = around[place]
                courses[place] = course_of(activities.parent, activities.grouping, target)
    return courses

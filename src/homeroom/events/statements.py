"""The parts of an xAPI statement that homeroom uses, and what the standard demands of them.

The types say to the decoder what to build and what to step over: only the fields that become part of an event are
here, everything else is checked for being JSON and then forgotten. Names are those of the standard (IEEE 9274.1.1,
which is xAPI 2.0; the text of 1.0.3 agrees for these fields). Optional parts have empty defaults, so that a column
is one attribute path for all statements and no statement needs the question "is it there?".

What a type cannot say (exactly one identifier, an IRI, a UUID, a score between its bounds) is in `fault`. It is
asked only of statements that a quick look over whole columns found suspicious: a quarter of a million statements a
second leave no time for a Python call on each.
"""

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from homeroom.events.model import Reason

__all__ = [
    "ACTIVITIES",
    "COURSE_TYPE",
    "COURSE_TYPES",
    "NO_REF",
    "SECTION_TYPES",
    "VOIDED",
    "Actor",
    "Context",
    "Fault",
    "Ref",
    "Refs",
    "Result",
    "ResultExtensions",
    "Statement",
    "Target",
    "course_of",
    "duration_ms",
    "fault",
    "score_share",
    "section_of",
    "verb_fault",
]

Fault: TypeAlias = tuple[Reason, str]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Scaled: TypeAlias = Annotated[float, Meta(ge=-1, le=1)]
NotEmpty: TypeAlias = Annotated[str, Meta(min_length=1)]

ACTIVITIES: Final = frozenset({"Activity", "GroupActivity"})
"""Types of an object that is an activity. Open edX calls a problem of several questions a GroupActivity."""
VOIDED: Final = "http://adlnet.gov/expapi/verbs/voided"
"""The verb of a statement that takes another back (xAPI 1.0.3, Data, 2.3.2)."""
COURSE_TYPE: Final = "http://adlnet.gov/expapi/activities/course"
COURSE_TYPES: Final = frozenset(
    {
        COURSE_TYPE,
        "http://id.tincanapi.com/activitytype/lms/course",
        "https://w3id.org/xapi/cmi5/activitytype/course",
    }
)
SECTION_TYPES: Final = frozenset(
    {
        "http://adlnet.gov/expapi/activities/module",
        "http://adlnet.gov/expapi/activities/lesson",
        "http://id.tincanapi.com/activitytype/chapter",
        "http://id.tincanapi.com/activitytype/section",
        "http://vocab.xapi.fr/activities/course-section",
        "https://w3id.org/xapi/cmi5/activitytype/block",
    }
)
"""Types of activities that are parts of a course with others in them."""
_COURSE_ID: Final = re.compile(r"(?:^|/)course-v\d+:|/courses?/|/course/view\.php\?id=\d+$")
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SHA1: Final = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_DURATION: Final = re.compile(
    r"P(?!$)(?:(?P<years>\d+(?:\.\d+)?)Y)?(?:(?P<months>\d+(?:\.\d+)?)M)?(?:(?P<weeks>\d+(?:\.\d+)?)W)?"
    r"(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?!$)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_UNIT_MS: Final = {
    "years": 365.25 * 86_400_000,
    "months": 365.25 * 7_200_000,
    "weeks": 7 * 86_400_000,
    "days": 86_400_000,
    "hours": 3_600_000,
    "minutes": 60_000,
    "seconds": 1_000,
}
_DURATION_TEXT_MAX: Final = 64
_DURATION_MS_MAX: Final = 2**53


class Account(Struct, gc=False, frozen=True, rename={"home_page": "homePage"}):
    """Who somebody is to one system."""

    name: NotEmpty
    home_page: NotEmpty


class Actor(Struct, gc=False, frozen=True, rename={"object_type": "objectType"}):
    """Who did it: an Agent or a Group, with one inverse functional identifier."""

    account: Account | None = None
    mbox: str | None = None
    mbox_sha1sum: str | None = None
    openid: str | None = None
    object_type: Literal["Agent", "Group"] = "Agent"


class Verb(Struct, gc=False, frozen=True):
    """What was done."""

    id: str


class Definition(Struct, gc=False, frozen=True):
    """What kind of activity it is."""

    type: str = ""


class Ref(Struct, gc=False, frozen=True):
    """An activity of the context."""

    id: str
    definition: Definition = Definition()


class TargetDefinition(Struct, gc=False, frozen=True, rename={"interaction": "interactionType"}):
    """What kind of activity the object is; ``interaction`` is how a question is answered."""

    type: str = ""
    interaction: Any = None


class Target(Struct, gc=False, frozen=True, rename={"object_type": "objectType"}):
    """The object: an activity, or what the standard also allows (a person, a statement, a reference to one)."""

    id: str = ""
    definition: TargetDefinition = TargetDefinition()
    object_type: Literal[
        "Activity", "GroupActivity", "Agent", "Group", "SubStatement", "StatementRef"
    ] = "Activity"


Refs: TypeAlias = tuple[Ref, ...] | Ref
"""Context activities are a list; 1.0.x also allows one alone."""


class ContextActivities(Struct, gc=False, frozen=True):
    """Where it belongs."""

    parent: Refs = ()
    grouping: Refs = ()


class ContextExtensions(
    Struct,
    gc=False,
    frozen=True,
    rename={"length": "https://w3id.org/xapi/video/extensions/length"},
):
    """How long the video is (video profile, 5.1); whatever stands there, since nothing depends on it."""

    length: Any = None


class Context(
    Struct,
    gc=False,
    frozen=True,
    rename={"activities": "contextActivities"},
):
    """The surroundings. Extensions that are no object, as some programs write empty ones, say nothing."""

    activities: ContextActivities = ContextActivities()
    extensions: ContextExtensions | list[Any] | str | float | bool | None = ContextExtensions()
    platform: str | None = None
    language: str | None = None


class Score(Struct, gc=False, frozen=True):
    """How well it went."""

    scaled: Scaled | None = None
    raw: float | None = None
    min: float | None = None
    max: float | None = None


class ResultExtensions(
    Struct,
    gc=False,
    frozen=True,
    rename={
        "progress": "https://w3id.org/xapi/video/extensions/progress",
        "time": "https://w3id.org/xapi/video/extensions/time",
        "time_from": "https://w3id.org/xapi/video/extensions/time-from",
        "time_to": "https://w3id.org/xapi/video/extensions/time-to",
        "length": "https://w3id.org/xapi/video/extensions/length",
    },
):
    """How much of a video was seen, and where in it this was (video profile, 5.2). Players write times in many ways."""

    progress: Share | None = None
    time: Any = None
    time_from: Any = None
    time_to: Any = None
    length: Any = None


class Result(Struct, gc=False, frozen=True):
    """How it ended; most results hold extensions alone."""

    extensions: ResultExtensions = ResultExtensions()
    score: Score | None = None
    success: bool | None = None
    completion: bool | None = None
    duration: str | None = None
    response: Any = None


NO_REF: Final = Ref("")


class Statement(Struct, gc=False, frozen=True):
    """One statement, as far as it is used."""

    actor: Actor
    verb: Verb
    object: Target
    id: str | None = None
    timestamp: str | None = None
    stored: str | None = None
    result: Result = Result()
    context: Context = Context()


def fault(statement: Statement) -> Fault | None:
    """Say what the standard refuses in a statement whose types are right; None if nothing."""
    return (
        _actor_fault(statement.actor)
        or verb_fault(statement.verb.id)
        or _object_fault(statement)
        or _id_fault(statement.id)
        or _time_fault(statement)
        or _result_fault(statement.result)
    )


def _actor_fault(actor: Actor) -> Fault | None:
    named = [actor.account, actor.mbox, actor.mbox_sha1sum, actor.openid]
    count = len(named) - named.count(None)
    if count == 0:
        return Reason.MISSING_FIELD, "actor has no identifier (account, mbox, mbox_sha1sum, openid)"
    if count > 1:
        return Reason.WRONG_TYPE, "actor has more than one identifier"
    if actor.mbox is not None and not re.match(r"mailto:[^@\s]+@", actor.mbox):
        return Reason.WRONG_TYPE, "actor.mbox must be a mailto: IRI"
    if actor.mbox_sha1sum is not None and not _SHA1.fullmatch(actor.mbox_sha1sum):
        return Reason.WRONG_TYPE, "actor.mbox_sha1sum must be 40 hexadecimal digits"
    if actor.openid is not None and ":" not in actor.openid:
        return Reason.WRONG_TYPE, "actor.openid must be a URI"
    return None


def verb_fault(verb: str) -> Fault | None:
    """Say what is wrong with the id of a verb; None if nothing."""
    if not verb:
        return Reason.MISSING_FIELD, "verb.id is empty"
    if ":" not in verb:
        return Reason.WRONG_TYPE, "verb.id must be an IRI"
    return None


def _object_fault(statement: Statement) -> Fault | None:
    target = statement.object
    if statement.verb.id == VOIDED:
        if target.object_type != "StatementRef" or not _UUID.fullmatch(target.id):
            return (
                Reason.WRONG_TYPE,
                "object of a voiding statement must be a StatementRef to a UUID",
            )
        return None
    if target.object_type not in ACTIVITIES:
        return None
    if not target.id:
        return Reason.MISSING_FIELD, "object.id is missing"
    if ":" not in target.id:
        return Reason.WRONG_TYPE, "object.id must be an IRI"
    return None


def _id_fault(identifier: str | None) -> Fault | None:
    if identifier is not None and not _UUID.fullmatch(identifier):
        return Reason.WRONG_TYPE, "id must be a UUID"
    return None


def _time_fault(statement: Statement) -> Fault | None:
    if statement.timestamp is None and statement.stored is None:
        return Reason.MISSING_FIELD, "timestamp and stored are missing"
    return None


def _result_fault(result: Result) -> Fault | None:
    if result.duration is not None and duration_ms(result.duration) < 0:
        return Reason.NUMBER_FORMAT, "result.duration must be an ISO 8601 duration"
    score = result.score
    if score is None:
        return None
    if score.min is not None and score.max is not None and score.min > score.max:
        return Reason.SCORE_OUT_OF_RANGE, "result.score.min must not be over max"
    if score.raw is not None and (
        (score.min is not None and score.raw < score.min)
        or (score.max is not None and score.raw > score.max)
    ):
        return Reason.SCORE_OUT_OF_RANGE, "result.score.raw must be between min and max"
    return None


def score_share(score: Score | None) -> float | None:
    """Return the share of the best possible score: scaled, or raw between min (else 0) and max; None if unknown."""
    if score is None or score.scaled is not None:
        return None if score is None else score.scaled
    least = score.min or 0.0
    if score.raw is None or score.max is None or score.max <= least:
        return None
    return (score.raw - least) / (score.max - least)


def duration_ms(text: str) -> int:
    """Read an ISO 8601 duration as milliseconds, -1 if it is none.

    A year counts as 365.25 days and a month as a twelfth of it: a duration alone does not say which year it was.
    """
    match = _DURATION.fullmatch(text) if len(text) <= _DURATION_TEXT_MAX else None
    if match is None:
        return -1
    total = sum(float(value) * _UNIT_MS[unit] for unit, value in match.groupdict().items() if value)
    return round(total) if total <= _DURATION_MS_MAX else -1


def course_of(parents: Refs, groupings: Refs, target: Target) -> str | None:
    """Find the course run of a statement.

    In this order: a parent or grouping whose type is a course; one whose id looks like that of a course; the object
    itself when it is a course; the first grouping (where cmi5 puts the course); else there is none.
    """
    around = _around(parents, groupings)
    for ref in around:
        if ref.definition.type in COURSE_TYPES:
            return ref.id
    for ref in around:
        if _COURSE_ID.search(ref.id):
            return ref.id
    if target.object_type in ACTIVITIES and target.definition.type in COURSE_TYPES:
        return target.id
    if isinstance(groupings, Ref):
        return groupings.id
    return groupings[0].id if groupings else None


def section_of(parents: Refs, groupings: Refs, target: Target) -> str | None:
    """Find the part of the course that a statement's activity lies in.

    It is the first parent, else the first grouping, whose type is that of a part and which is not the object itself.
    """
    for ref in _around(parents, groupings):
        if ref.definition.type in SECTION_TYPES and ref.id != target.id:
            return ref.id
    return None


def _around(parents: Refs, groupings: Refs) -> tuple[Ref, ...]:
    return (
        *(parents if isinstance(parents, tuple) else (parents,)),
        *(groupings if isinstance(groupings, tuple) else (groupings,)),
    )

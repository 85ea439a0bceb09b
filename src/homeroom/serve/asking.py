"""Questions over HTTP: from a body to the question that its caller may ask, and from the answer to JSON.

The objects are those of files and of the command line (``docs/reference/definitions.md``). The cohorts that a question
names are those that the node keeps, unless it brings definitions of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.cohorts.answers import Answer
from homeroom.cohorts.live import Shows, ToldAnswer, Wanted, freshness_in_words
from homeroom.cohorts.questions import (
    QUESTIONS,
    AtRisk,
    CohortSize,
    Learner,
    Question,
    parse_question,
)
from homeroom.cohorts.questions.belonging import MemberList
from homeroom.errors import InputError, QuestionError
from homeroom.events.jsontext import nests_too_deep
from homeroom.log.control import Control, Scope
from homeroom.log.origins import Token
from homeroom.serve.access import Caller
from homeroom.serve.framing import answer_as_json, frame_as_json
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError, scrubbed
from homeroom.serve.remembering import Asking, parts_of, reach_of
from homeroom.serve.scoping import scoped
from homeroom.traffic.caching.keys import Reach

__all__ = ["QUESTION_FIELDS", "Form", "answered", "read_object", "token_of", "told"]

QUESTION_FIELDS: Final = frozenset(
    field.encode_name for kind in QUESTIONS for field in msgspec.structs.fields(kind)
) | {"question", *(kind.name for kind in QUESTIONS)}
"""What may be told again of a question: names that are ours."""


def read_object(body: bytes) -> dict[str, Any]:
    """Return a body that is one JSON object. Raises `ProblemError`."""
    if nests_too_deep(body):
        raise ProblemError(
            "bad-request",
            f"the body nests deeper than {limits.JSON_DEPTH_MAX}",
            {"bound": "JSON_DEPTH_MAX"},
        )
    try:
        written = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ProblemError("bad-request", "the body is no JSON") from None
    if not isinstance(written, dict):
        raise ProblemError("bad-request", "the body must be one JSON object")
    return written


def token_of(text: str | None) -> Token | None:
    """Return the token that a client gave. Raises `ProblemError` for what is none."""
    if text is None:
        return None
    try:
        return Token.parse(text)
    except InputError:
        raise ProblemError(
            "bad-token",
            "after is no token; it must be one that an acknowledgement gave (Homeroom-Token)",
            {"field": "after"},
        ) from None


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is told where it is not told as JSON.

    Parameters
    ----------
    name : what makes it another form, such as its language
    tell : writes the answer, as this caller may see it; called where it is answered, with whom the answer is for
    """

    name: bytes
    tell: Callable[[Caller, Mapping[str, Any], Answer], bytes]


_AS_JSON: Final = Form(b"", answer_as_json)


async def answered(
    interface: Interface, caller: Caller, written: dict[str, Any], wanted: Wanted
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Return the answer to a question as a caller may see it, JSON-ready, and its headers.

    It is from a state that holds what is wanted, from the engine or from a cache. Raises like `told`.
    """
    live = await told(interface, caller, written, wanted)
    said: dict[str, Any] = {
        "answer": msgspec.Raw(live.told),
        "vector": live.applied.to_json(),
        "age_ms": live.age_ms,
        "complete": live.is_complete,
        "epoch": live.epoch,
    }
    if live.is_stale:
        said["stale"] = True
    if live.freshness is not None:
        said["freshness"] = dict(live.freshness)
        said["freshness_in_words"] = freshness_in_words(live.freshness)
    return said, live.found


async def told(
    interface: Interface,
    caller: Caller,
    written: dict[str, Any],
    wanted: Wanted,
    form: Form = _AS_JSON,
) -> ToldAnswer:
    """Return what a caller is told of the answer to a question, in a form that ends as JSON does, and what it knows.

    Raises
    ------
    ProblemError
        The question makes no sense, or the caller may not ask it.
    AuditError
        It looks at persons, and that cannot be written down.
    NotYetError, NotFreshError
        What is wanted has not come to the node in time.
    """
    question = _asked(interface, caller, written)
    control = interface.serving.control()
    about = _persons(question, caller)
    if about is not None and _has_own(written):
        # What the caller calls a cohort of its own may be anything, such as the name of a person.
        about = {**about, "cohort": "of its own"} if "cohort" in about else about
    if about is not None:
        await interface.write_down(caller, question.name, about)
    parts = parts_of(caller, written, control, interface.defined.of(control, caller.tenant))
    try:
        return await interface.ask(
            Asking(
                tenant=caller.tenant,
                question=question,
                wanted=wanted,
                shows=_shows(caller),
                tell=partial(form.tell, caller, written),
                frame=partial(frame_as_json, caller),
                parts=(*parts, form.name) if form.name else parts,
                reach=_reach(caller, written, control),
            )
        )
    except QuestionError as error:
        raise _bad(error, written, caller) from None


def _shows(caller: Caller) -> Shows:
    """Return which texts of ids a caller may see."""
    may_see = caller.scopes & {Scope.PERSONS, Scope.LABELS}
    return Shows.LABELS if may_see else Shows.REGISTERED


def _reach(caller: Caller, written: Mapping[str, Any], control: Control) -> Reach:
    """Return how far the answer may be kept; lists that a question brings name learners, and are told again in it."""
    return Reach.JURISDICTION if _has_own(written) else reach_of(caller, control)


def _has_own(written: Mapping[str, Any]) -> bool:
    """Say whether a question brings definitions of its own."""
    return "definitions" in written or isinstance(written.get("cohort"), Mapping)


def _asked(interface: Interface, caller: Caller, written: dict[str, Any]) -> Question:
    """Return the question that the caller may ask in place of the one that is written."""
    control = interface.serving.control()
    if _has_own(written) and caller.scopes.isdisjoint({Scope.READ, Scope.PERSONS}):
        raise ProblemError(
            "not-allowed",
            "a key that sees only numbers without small counts asks about cohorts that are kept here",
            {"field": "definitions"},
        )
    given = dict(written)
    names: list[str] = []
    if "definitions" not in given:
        kept = interface.kept.of(control, caller.tenant)
        given |= {"definitions": kept} if kept.cohorts else {}
        names = [*(cohort.name for cohort in kept.cohorts), *kept.lists]
    try:
        question = parse_question(given)
    except QuestionError as error:
        # Which cohorts there are is not told to a key that may not list them.
        unsaid = [written, names if caller.is_limited else []]
        raise ProblemError("bad-question", scrubbed(str(error), unsaid, QUESTION_FIELDS)) from None
    tenant = control.tenants.get(caller.tenant)
    return scoped(
        question, caller, limits.SUPPRESS_BELOW if tenant is None else tenant.suppress_below
    )


def _bad(error: QuestionError, written: dict[str, Any], caller: Caller) -> ProblemError:
    if caller.is_limited:
        # The message may name what there is besides, such as other course runs.
        return ProblemError(
            "bad-question", "the question cannot be answered from what this key sees"
        )
    return ProblemError("bad-question", scrubbed(str(error), written, QUESTION_FIELDS))


def _persons(question: Question, caller: Caller) -> dict[str, Any] | None:
    """Return what the audit log says of a question that tells who; None for one that does not."""
    if isinstance(question, Learner):
        return {"learner": question.learner.lower()}
    if isinstance(question, MemberList):
        return {"cohort": question.cohort}
    if isinstance(question, CohortSize) and question.changed and Scope.PERSONS in caller.scopes:
        return {"cohort": question.cohort, "changed": [str(day) for day in question.changed]}
    if isinstance(question, AtRisk) and question.limit and Scope.PERSONS in caller.scopes:
        return {"limit": question.limit}
    return None

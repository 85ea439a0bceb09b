"""From plain data (a decoded TOML or JSON file, collected flags, arguments of Python) to a typed question."""

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from homeroom.cohorts.questions.attendance import ATTENDANCE
from homeroom.cohorts.questions.behaviour import BEHAVIOUR
from homeroom.cohorts.questions.belonging import CohortSize, Learner, MemberList, Overlap
from homeroom.cohorts.questions.course_report import CourseReport
from homeroom.cohorts.questions.question import Question
from homeroom.cohorts.questions.risk import AtRisk
from homeroom.errors import QuestionError

__all__ = ["QUESTIONS", "parse_question"]

QUESTIONS: tuple[type[Question], ...] = (
    *ATTENDANCE,
    MemberList,
    CohortSize,
    Overlap,
    Learner,
    *BEHAVIOUR,
    CourseReport,
    AtRisk,
)
_BY_NAME: dict[str, type[Question]] = {kind.name: kind for kind in QUESTIONS}
_AT = re.compile(r" - at `\$\.(\w+)[^`]*`")
_FORMS = {
    "from": "which is no date; write it as 2024-01-31",
    "to": "which is no date; write it as 2024-01-31",
    "as_of": "which is no instant; write it with its zone, such as 2024-01-31T00:00:00Z",
}


def parse_question(written: Mapping[str, Any]) -> Question:
    """Build a question from plain data and check it.

    ``written["question"]`` names the kind. Conditions may be text (``"verb=played"``) or mappings, brackets text
    (``"2-7"``) or pairs. Raises `QuestionError`, naming the field.
    """
    kind = _BY_NAME.get(str(written.get("question")))
    if kind is None:
        raise QuestionError(
            f"question is {written.get('question')!r}; it must be one of {', '.join(_BY_NAME)}"
        )
    data = dict(written)
    known = {f.encode_name for f in msgspec.structs.fields(kind)} | {"question"}
    for field in data:
        if field not in known:
            near = difflib.get_close_matches(field, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else "."
            raise QuestionError(
                f"{kind.name} has no field {field!r}{hint} Fields: {', '.join(sorted(known))}"
            )
    data = kind.plain(data)
    try:
        question = msgspec.convert(data, kind, strict=False)
    except msgspec.ValidationError as error:
        raise QuestionError(f"{kind.name}: {_why_not(kind, data, str(error))}") from None
    question.check()
    return question


def _why_not(kind: type[Question], data: Mapping[str, Any], message: str) -> str:
    """Say which field is wrong, what it holds, and what it may: the decoder's message knows only the first."""
    at = _AT.search(message)
    field = at[1] if at else ""
    allowed = {f.encode_name: get_args(f.type) for f in msgspec.structs.fields(kind)}
    choices = [value for value in allowed.get(field, ()) if isinstance(value, str)]
    if choices:
        return f"{field} is {data[field]!r}; it must be one of {', '.join(choices)}"
    if field in _FORMS:
        return f"{field} is {data[field]!r}, {_FORMS[field]}"
    return _AT.sub(f" in {field}", message) if field else message

"""Why a cell became other, over HTTP: which entries of which regions did it.

It names entries and counts the learners whom each concerned, down to one. So it is for those who may see persons, and
each look is written down; what it says names nobody all the same.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from homeroom.cohorts.cells import Cell
from homeroom.cohorts.live import Shows
from homeroom.cohorts.questions import parse_question
from homeroom.errors import EntryError, InputError, QuestionError
from homeroom.log.control import Scope
from homeroom.log.origins import Token, Vector
from homeroom.node.explained import CellAsked
from homeroom.serve.access import Caller
from homeroom.serve.asking import QUESTION_FIELDS
from homeroom.serve.interface import Interface
from homeroom.serve.problems import ProblemError, scrubbed
from homeroom.serve.requests import Asked, caller_of, json_answer, object_of

__all__ = ["explaining_routes"]

_FIELDS: Final = frozenset({"question", "cell", "since", "until"})
_LABEL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{5}[+-][0-9:]{5})?")
_COLUMN: Final = re.compile(
    r"[0-9]{1,6}(-[0-9]{1,6})?|day|week|month|new|returning|resurrecting|dormant"
)


def explaining_routes(interface: Interface) -> list[HTTPRouteHandler]:
    """Return the route of explanations."""

    @post("/v1/explain", status_code=200)
    async def explain(request: Asked) -> Response[bytes]:
        caller = _may(await caller_of(interface, request))
        written = await object_of(interface, request)
        asked = _asked(written)
        await interface.write_down(caller, "explanation", _written_down(asked))
        try:
            found = await interface.serving.explain(caller.tenant, asked, Shows.LABELS)
        except QuestionError as error:
            raise ProblemError(
                "bad-question", scrubbed(str(error), written, _ours(asked))
            ) from None
        except EntryError:
            raise ProblemError(
                "unavailable", "an entry of the log is damaged; the node's health page says which"
            ) from None
        return json_answer(found.to_json())

    return [explain]


def _ours(asked: CellAsked) -> list[str]:
    """Return what a request holds that is ours, and may be told again: origins."""
    ends = [one for one in (asked.since, asked.until) if one is not None]
    origins = [[one.origin] if isinstance(one, Token) else list(one) for one in ends]
    return [str(origin) for some in origins for origin in some]


def _written_down(asked: CellAsked) -> dict[str, str]:
    """Return what the audit log says of an explanation. What is no label may be anything, such as a name."""
    cell = {"row": asked.cell.row, "column": asked.cell.column}
    are_labels = _LABEL.fullmatch(cell["row"]) and _COLUMN.fullmatch(cell["column"])
    return {"kind": asked.question.name, **(cell if are_labels else {})}


def _may(caller: Caller) -> Caller:
    caller.need(Scope.PERSONS)
    caller.need_all_courses("entries hold events of")
    return caller


def _asked(written: Mapping[str, Any]) -> CellAsked:
    """Return what a request asks. Raises `ProblemError`, which repeats nothing of it."""
    question, cell = written.get("question"), written.get("cell")
    if not set(written) <= _FIELDS or not isinstance(question, dict):
        raise _bad(
            "question", "the body must have question, cell and since, may have until, and no more"
        )
    if not isinstance(cell, dict) or set(cell) != {"row", "column"}:
        raise _bad("cell", "cell must be an object with row and column, as the answer labels them")
    row, column = cell["row"], cell["column"]
    if not isinstance(row, str) or not isinstance(column, str):
        raise _bad("cell", "row and column must be texts, as the answer labels them")
    try:
        parsed = parse_question(question)
    except QuestionError as error:
        raise ProblemError(
            "bad-question", scrubbed(str(error), question, QUESTION_FIELDS)
        ) from None
    since, since_epoch = _end("since", written.get("since"))
    given = written.get("until")
    until, until_epoch = (None, None) if given is None else _end("until", given)
    return CellAsked(
        question=parsed,
        cell=Cell(row, column),
        since=since,
        until=until,
        since_epoch=since_epoch,
        until_epoch=until_epoch,
    )


def _end(field: str, written: object) -> tuple[Vector | Token, int | None]:
    """Return a vector and its epoch, as an answer tells them, or a token. Raises `ProblemError`."""
    try:
        if isinstance(written, str):
            return Token.parse(written), None
        if isinstance(written, dict) and set(written) <= {"vector", "epoch"}:
            vector, epoch = written.get("vector"), written.get("epoch")
            are_whole = isinstance(vector, dict) and all(map(_is_whole, vector.values()))
            if isinstance(vector, dict) and are_whole and (epoch is None or _is_whole(epoch)):
                return Vector.from_json(vector), epoch
    except (InputError, ValueError):
        pass
    raise _bad(
        field,
        f"{field} must have the vector and the epoch of an answer, or be the token of an entry",
    )


def _is_whole(number: object) -> bool:
    return type(number) is int and 0 <= number < 1 << 63


def _bad(field: str, detail: str) -> ProblemError:
    return ProblemError("bad-request", detail, {"field": field})

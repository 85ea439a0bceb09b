"""The pages that ask one question: a form, the answer with its picture and its numbers, and the question to take along.

The form is a GET: what is asked stands in the address, so a page can be marked, sent and gone back to, and works
without script. A second question may stand ``beside`` the first, in the same address.
"""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from litestar import Response

from homeroom.errors import NotFreshError, NotYetError
from homeroom.log.control import DefinitionKind, Scope
from homeroom.serve.interface import problem_of
from homeroom.serve.pages.drawing import Drawn, asked, placed, section
from homeroom.serve.pages.exports import TYPES
from homeroom.serve.pages.frame import drawn
from homeroom.serve.pages.noticing import notices
from homeroom.serve.pages.questions import FIRST, KINDS, address_of, command_of, toml_of, written_of
from homeroom.serve.pages.visits import Visit
from homeroom.serve.problems import ProblemError

__all__ = ["page_of"]

_BESIDE: Final = "beside"
_NEEDED: Final = {"funnel": "steps"}
"""What must be given before there is a question at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """One question of a page and what came of it: what was drawn, or in words why nothing."""

    anchor: str
    place: str = ""
    html: str = ""
    drawn: Drawn | None = None
    notices: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    known: str = ""
    address: str = ""
    toml: str = ""
    command: str = ""
    files: tuple[tuple[str, str], ...] = ()


async def page_of(visit: Visit, kind: str) -> Response[bytes]:
    """Return the page of a kind of question."""
    visit.caller.need(Scope.READ, Scope.PERSONS)
    pairs = visit.query
    written = written_of(kind, pairs)
    beside = next((text for name, text in pairs if name == _BESIDE and text), "")
    panels = []
    status = 200
    if _NEEDED.get(kind) is None or _NEEDED[kind] in written:
        questions = [written]
        if beside:
            questions.append(written_of(kind, _pairs(beside)))
        for number, one in enumerate(questions, 1):
            place = f"{number}. " if beside else ""
            panel, status_here = await _panel(visit, kind, one, (f"answer-{number}", place))
            panels.append(panel)
            status = max(status, status_here)
    query = address_of(kind, written).partition("?")[2]
    values = {
        "kind": kind,
        "controls": _controls(visit, kind, pairs),
        "panels": panels,
        "beside": beside,
        "keep": f"/{kind}?{urlencode([*_pairs(query), (_BESIDE, query or 'interval=')])}",
    }
    return drawn(visit, "question.html", values, status)


async def _panel(
    visit: Visit, kind: str, written: dict[str, Any], at: tuple[str, str]
) -> tuple[_Panel, int]:
    """Return a question with what came of it, and the status that goes with that."""
    panel = _Panel(
        anchor=at[0],
        place=at[1],
        address=address_of(kind, written),
        toml=toml_of(written),
        command=command_of(kind, written),
        files=tuple((one, address_of(kind, written, f".{one}")) for one in TYPES),
    )
    try:
        found = await asked(visit, written, section)
    except (ProblemError, NotYetError, NotFreshError) as error:
        problem = problem_of(error)
        return replace(panel, problem=problem.detail), problem.status
    known = ""
    if found.as_of:
        at_ms = round(dt.datetime.fromisoformat(found.as_of).timestamp() * 1_000)
        known = visit.locale.instant(at_ms, found.parts["timezone"])
    notes = notices(visit, found.live)
    html = placed(found.parts["html"], at[1])
    return replace(panel, drawn=found, html=html, notices=notes, known=known), 200


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, max_num_fields=200, errors="replace")


def _controls(
    visit: Visit, kind: str, pairs: tuple[tuple[str, str], ...]
) -> dict[str, list[dict[str, Any]]]:
    """Return the controls of a form with what is in them: those that are seen at once, and the others."""
    control = visit.interface.serving.control()
    caller = visit.caller
    # Which cohorts there are is not told to those who see only some course runs.
    cohorts = control.definitions(caller.tenant, DefinitionKind.COHORT)
    names = () if caller.is_limited else tuple(cohorts)
    given: dict[str, list[str]] = {}
    for name, text in pairs:
        given.setdefault(name, []).append(text)
    found: dict[str, list[dict[str, Any]]] = {"first": [], "others": []}
    for one in KINDS[kind]:
        held = [text for text in given.get(one.name, ()) if text.strip()]
        if one.name in ("cohort", "compare") and not names and not held:
            continue
        sign = "\n" if one.kind == "lines" else ","
        value = sign.join(held) if one.kind in ("lines", "names") else (held or [""])[0]
        choices = ("", *names) if one.kind == "cohort" else one.choices
        options = caller.courses if one.name == "course" else ()
        place = "first" if one.name in FIRST else "others"
        found[place].append(
            {"name": one.name, "kind": one.kind, "value": value, "choices": choices,
             "options": options, "is_used": bool(held)}
        )  # fmt: skip
    return found

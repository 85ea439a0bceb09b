"""An answer as a part of a page, drawn where it is answered and kept in that form.

What is kept ends with how far all data are known (`homeroom.serve.framing`), as every answer that is told does; so what
is drawn before that says nothing of all data, and the page adds it. What is drawn depends on the question, on what its
reader may see and on the language, and on nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from homeroom.cohorts.answers import Answer, LifecycleAnswer, RetentionAnswer, StickinessAnswer
from homeroom.cohorts.live import ToldAnswer, Wanted
from homeroom.serve.access import Caller
from homeroom.serve.asking import Form, told
from homeroom.serve.framing import frame_as_json
from homeroom.serve.looks.showing import shown
from homeroom.serve.looks.texts import Texts
from homeroom.serve.pages.frame import templates
from homeroom.serve.pages.visits import Visit
from homeroom.serve.scoping import tells_source

__all__ = ["Drawn", "asked", "ended", "placed", "section"]

_PLACE: Final = "\x01"
"""Stands in what is drawn where the name of its place on the page belongs; no text that is shown holds it."""
Parts = Mapping[str, Any]
"""What is drawn of an answer, as plain data."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn of an answer, and what the answer knows.

    Parameters
    ----------
    parts : what was drawn
    as_of : ISO instant up to which the data are known, None where there are none
    live : how fresh and how whole it is
    """

    parts: Parts
    as_of: str | None
    live: ToldAnswer


async def asked(
    visit: Visit, written: dict[str, Any], draw: Callable[[Caller, Answer, Texts], Parts]
) -> Drawn:
    """Return what is drawn of the answer to a question; ``draw`` is called where it is answered.

    Raises as `homeroom.serve.asking.told` does.
    """
    form = Form(
        f"page {draw.__module__} {draw.__qualname__} {visit.texts.language}".encode(),
        partial(_told, draw, visit.texts),
    )
    live = await told(visit.interface, visit.caller, written, Wanted(), form)
    found = msgspec.json.decode(live.told)
    return Drawn(found["parts"], found["as_of"], live)


def _told(
    draw: Callable[[Caller, Answer, Texts], Parts],
    texts: Texts,
    caller: Caller,
    _written: Mapping[str, Any],
    answer: Answer,
) -> bytes:
    return ended({"parts": draw(caller, answer, texts)}, caller, answer)


def ended(said: Mapping[str, Any], caller: Caller, answer: Answer) -> bytes:
    """Return something that is said of an answer with the end that every answer has."""
    return msgspec.json.encode(said)[:-1] + frame_as_json(caller, answer.as_of, answer.source)


def placed(html: str, place: str = "") -> str:
    """Return what was drawn, for a page where ``place`` tells it from its like; that is a text of ours."""
    return html.replace(_PLACE, place)


def section(caller: Caller, answer: Answer, texts: Texts) -> Parts:
    """Draw a whole answer: its words, its picture, its numbers."""
    one = shown(answer)
    module: Any = templates().get_template("shown.html").module
    return {
        "title": one.title,
        "summary": one.summary,
        # Notes may be about all that there is, as what was read is.
        "notes": one.notes if tells_source(caller) else (),
        "html": str(module.answer(one, texts, _PLACE)),
        "is_empty": _is_empty(answer),
        "timezone": answer.timezone,
        "from": answer.answered_from,
    }


def _is_empty(answer: Answer) -> bool:
    """Say whether nobody is in an answer; of other kinds the picture says so itself."""
    match answer:
        case RetentionAnswer():
            return not answer.sizes.any()
        case StickinessAnswer():
            return not answer.learners.any()
        case LifecycleAnswer():
            return not (answer.new.any() or answer.returning.any() or answer.resurrecting.any())
        case _:
            return False

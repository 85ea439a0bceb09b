"""What each shard does with a question: the same as all others, and as the one who puts together what they find.

First they say to each other what they answer from. If that is one vector and the same texts have the same codes, counts
by code can be added place by place. What all events tell of (first and last, how many were read) is put together there
too, since the range of an answer is that of all learners.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from homeroom.cohorts.answers import Answer, Source
from homeroom.cohorts.answers.risk import AtRiskAnswer
from homeroom.cohorts.ask import ask
from homeroom.errors import ShardsApartError
from homeroom.events.dictionary import Dictionaries, Dictionary
from homeroom.log.origins import Vector
from homeroom.scaling.asked import Asked, Then
from homeroom.state.running import Run
from homeroom.state.state import State
from homeroom.state.taking import spanned

__all__ = ["Opening", "ask_together", "codes_of"]

_KINDS: Final = ("verb", "activity", "course", "section", "answer")
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a shard answers from: up to which entries, the codes of texts, from when to when, and what was read."""

    applied: Vector
    codes: tuple[tuple[str, int, int], ...]
    reach_ms: tuple[int, int] | None
    source: Source


def ask_together(
    state: State,
    asked: Asked,
    run: Run,
    source: Source,
    opened: Callable[[], None] = lambda: None,
) -> Answer:
    """Answer a question from one's own learners and those of all who gather with ``run``.

    ``source`` is what was read into the state; ``opened`` is called when all have said what they answer from. The state
    shows of ids what whoever asks may see, the same in all. Raises `QuestionError`, and `ShardsApartError` where they
    answer from different states.
    """
    codes = codes_of(state.dictionaries)
    opening = run.gathered(Opening(asked.after, codes, state.time_range_ms, source), _joined)
    opened()
    view = state.showing(state.dictionaries)
    view.run, view.reach_ms = run, opening.reach_ms
    answer = ask(view, asked.question, opening.source)
    if asked.then is Then.EVERYONE and isinstance(answer, AtRiskAnswer):
        answer = replace(answer, shown=answer.everyone())
    return answer


def codes_of(dictionaries: Dictionaries) -> tuple[tuple[str, int, int], ...]:
    """Return by field how many texts have a code, and a number that differs where other texts have them."""
    named = [(kind, getattr(dictionaries, kind)) for kind in _KINDS]
    named += sorted(dictionaries.shown_attributes.items())
    return tuple((name, len(one), _sum(one)) for name, one in named)


def _sum(dictionary: Dictionary) -> int:
    hashes = dictionary.hashes.hi
    places = np.arange(len(hashes), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return int((hashes * (places * _ODD)).sum(dtype=np.uint64))


def _joined(parts: Sequence[Opening]) -> Opening:
    first = parts[0]
    _check("have folded other entries", [one.applied for one in parts])
    _check("have other codes for the same texts", [one.codes for one in parts])
    reach_ms = spanned([one.reach_ms for one in parts])
    return Opening(first.applied, first.codes, reach_ms, _sources([one.source for one in parts]))


def _check(difference: str, of_parts: Sequence[object]) -> None:
    places = [place for place, one in enumerate(of_parts) if one != of_parts[0]]
    if places:
        raise ShardsApartError(f"{len(places)} shards {difference}", places)


def _sources(parts: Sequence[Source]) -> Source:
    """Add up what was read."""
    rejected: Counter[str] = Counter()
    for one in parts:
        rejected.update(one.rejected_by_reason)
    firsts = [one.first_event for one in parts if one.first_event is not None]
    lasts = [one.last_event for one in parts if one.last_event is not None]
    return replace(
        parts[0],
        events_read=sum(one.events_read for one in parts),
        events_accepted=sum(one.events_accepted for one in parts),
        events_duplicate=sum(one.events_duplicate or 0 for one in parts),
        events_rejected=sum(one.events_rejected for one in parts),
        rejected_by_reason=dict(rejected.most_common()),
        conflicts=sum(one.conflicts or 0 for one in parts),
        events_voided=sum(one.events_voided for one in parts),
        learners=sum(one.learners for one in parts),
        first_event=min(firsts, default=None),
        last_event=max(lasts, default=None),
    )

"""Funnels: how far learners come along steps, and how long it takes them.

Every step, and every kind of event that ends a chain, is a bit of an event; the kernels follow the bits along each
learner's timeline. What comes out of a block of learners is small, a few bytes for each who has begun, so medians of
times are exact: they are taken over all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from homeroom.cohorts.answers.behaviour import SPAN_EDGES_MS, FunnelAnswer, Times
from homeroom.cohorts.context import Context
from homeroom.cohorts.kernels import funnels as kernels
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.questions import Question
from homeroom.cohorts.questions.behaviour import Funnel
from homeroom.cohorts.questions.rule_words import span_words
from homeroom.cohorts.timelines import Timeline, Timelines
from homeroom.events.model import Int64s, UInt8s
from homeroom.events.texts import sealed
from homeroom.state.running import Run
from homeroom.state.zones import day_of_date, day_start_ms

__all__ = ["answer_funnel", "shown_span"]

_FIRST_MS: Final = -(1 << 62)
_LAST_MS: Final = 1 << 62
"""Before and after everything, with room to add a window to."""
_EDGES_MS: Final = sealed(np.array(SPAN_EDGES_MS, np.int64))


@dataclass(frozen=True, slots=True)
class _Found:
    """Attempts: steps taken, whether each could go on, and ms from the first step to each other one, -1 if not taken.

    Attempts that took one step alone have no row of times. ``bins``, int64 of shape (2, steps - 1, edges), counts the
    times from the first step, and from the one before.
    """

    levels: UInt8s
    is_open: UInt8s
    took_ms: Int64s
    bins: Int64s


def answer_funnel(context: Context, question: Funnel, selection: Selection) -> FunnelAnswer:
    """Answer a funnel for what the filters select."""
    wanted = (*(step.where for step in question.steps), *(one.where for one in question.exclude))
    kinds = [context.behaviour(selection, where) for where in wanted]
    timelines = Timelines(context.state, kinds)
    blocks = timelines.blocks()
    found: list[_Found | None] = [None] * len(blocks)

    def work(number: int) -> None:
        found[number] = _follow(context, question, timelines.block(*blocks[number]))

    context.state.run([partial(work, number) for number in range(len(blocks))])
    steps = len(question.steps)
    ours = _joined([one for one in found if one is not None], steps)
    all_found = context.state.run.gathered(ours, partial(_joined, steps=steps))
    from_first, from_previous = _times(all_found, context.state.run)
    levels = np.bincount(all_found.levels, minlength=len(question.steps) + 1)[1:]
    is_open = int(all_found.is_open.sum())
    said = context.said(question, context.periods(question, "month"), "history", *kinds)
    return FunnelAnswer(
        **{**said, "periods": (), "notes": said["notes"] + _open_note(question, is_open)},
        labels=_labels(question),
        counts=np.cumsum(levels[::-1])[::-1].astype(np.int64),
        open=is_open,
        from_first=from_first,
        from_previous=from_previous,
    )


def shown_span(context: Context, question: Question) -> tuple[int, int, int]:
    """Return the first instant of a question's range, the one after its last, and that up to which data are known."""
    from_ms, to_ms = _FIRST_MS, _LAST_MS
    if question.from_ is not None:
        from_ms = day_start_ms(day_of_date(question.from_), context.zone)
    if question.to is not None:
        to_ms = day_start_ms(day_of_date(question.to) + 1, context.zone)
    return from_ms, to_ms, max(context.as_of_ms, _FIRST_MS)


def _follow(context: Context, question: Funnel, timeline: Timeline) -> _Found:
    """Follow the chains of a block of learners."""
    steps, every = len(question.steps), question.count == "every"
    rooms = len(timeline.time_ms) if every else len(timeline.offsets) - 1
    room = (
        np.zeros(rooms, np.uint8),
        np.zeros(rooms, np.uint8),
        np.zeros((rooms, steps - 1), np.int64),
    )
    line = (timeline.offsets, timeline.time_ms, timeline.what)
    span = shown_span(context, question)
    attempts_max = len(timeline.time_ms) if every else 1
    if question.order == "any":
        rules: tuple[Any, ...] = (steps, question.within_ms)
        if question.count == "best":
            used = kernels.best_any(line, rules, span, room)
        else:
            used = kernels.any_attempts(line, rules, span, room, attempts_max)
    else:
        rules = (steps, question.within_ms, _ends(question))
        way = (int(question.order == "strict"), int(question.increasing))
        if question.count == "best":
            used = kernels.best_chains(line, rules, way, span, room)
        else:
            used = kernels.chains_by_attempt(line, rules, way, span, room, attempts_max)
    levels, is_open = room[0][:used].copy(), room[1][:used].copy()
    took_ms = room[2][:used][levels > 1]
    bins = np.zeros((2, steps - 1, len(_EDGES_MS)), np.int64)
    kernels.count_spans(sealed(took_ms), _EDGES_MS, bins)
    return _Found(levels, is_open, took_ms, bins)


def _ends(question: Funnel) -> Any:  # noqa: ANN401 - uint32, as the kernel takes it
    """Return the kinds of events that end a chain of k steps, uint32 by k; empty if none ever does."""
    steps = len(question.steps)
    ends = np.zeros(steps if question.exclude else 0, np.uint32)
    for bit, one in enumerate(question.exclude, steps):
        first, last = one.between or (1, steps)
        ends[first:last] |= np.uint32(1 << bit)
    return sealed(ends)


def _joined(found: Sequence[_Found], steps: int) -> _Found:
    no_times = np.empty((0, steps - 1), np.int64)
    return _Found(
        np.concatenate([np.empty(0, np.uint8), *(one.levels for one in found)]),
        np.concatenate([np.empty(0, np.uint8), *(one.is_open for one in found)]),
        np.concatenate([no_times, *(one.took_ms for one in found)]),
        np.add.reduce(
            [np.zeros((2, steps - 1, len(_EDGES_MS)), np.int64), *(one.bins for one in found)]
        ),
    )


def _times(found: _Found, run: Run) -> tuple[Times, Times]:
    """Sum up the times from the first step, and from the one before."""
    steps = found.took_ms.shape[1]
    medians = np.full((2, steps + 1), np.nan)

    def work(step: int) -> None:
        took = found.took_ms[:, step]
        there = took >= 0
        took = took[there]
        if len(took):
            before = found.took_ms[there, step - 1] if step else 0
            medians[:, step + 1] = np.median(took), np.median(took - before)

    run([partial(work, step) for step in range(steps)])
    first_step = np.zeros((1, len(_EDGES_MS)), np.int64)
    times = (
        Times(median / 1_000, np.concatenate([first_step, bins]))
        for median, bins in zip(medians, found.bins, strict=True)
    )
    return next(times), next(times)


def _labels(question: Funnel) -> tuple[str, ...]:
    if question.order == "any":
        count = len(question.steps)
        return tuple(f"{i} of the {count} steps" for i in range(1, count + 1))
    return tuple(step.label for step in question.steps)


def _open_note(question: Funnel, is_open: int) -> tuple[str, ...]:
    """Say how many could still come further."""
    if not is_open:
        return ()
    one = "attempt" if question.count == "every" else "learner"
    who = f"1 {one}" if is_open == 1 else f"{is_open:,} {one}s"
    return (
        f"{who} could still go further: the time of {span_words(question.within_ms)} is not over",
    )

"""What funnels and paths say in words: one sentence on what is counted, names short enough to read, spans of time."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from homeroom.cohorts.answers.behaviour import BEGIN, END, SPAN_EDGES_MS
from homeroom.cohorts.questions.behaviour import Exclusion, Funnel, Paths, conditions_text
from homeroom.cohorts.questions.rule_words import span_words

__all__ = [
    "bin_labels",
    "describe_funnel",
    "describe_paths",
    "end_words",
    "root_label",
    "short_names",
    "took",
]

_COUNTED: Final = {
    "best": "Of each learner the attempt that came furthest counts.",
    "first": "Of each learner the first attempt counts.",
    "every": "Every attempt counts, one after the other; a learner can make several.",
}
_ENDS: Final = {BEGIN: "beginning", END: "end"}
_UNITS: Final = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))


def describe_funnel(question: Funnel) -> str:
    """Say what a funnel counts."""
    within = span_words(question.within_ms)
    many = "attempts" if question.count == "every" else "learners"
    if question.order == "any":
        steps = ", ".join(step.label for step in question.steps)
        said = f"How many of these {len(question.steps)} steps {many} took within {within}, in any order: {steps}."
    else:
        between = {
            "ordered": "other events may lie between",
            "strict": "no other step may lie between",
        }[question.order]
        said = (
            f"How far {many} came along the steps, in this order and within {within} of the first; {between}."
            + (" Each step is later than the one before." if question.increasing else "")
        )
    ends = "".join(f" {_ending(one)}" for one in question.exclude)
    return f"{said}{ends} {_COUNTED[question.count]}"


def _ending(one: Exclusion) -> str:
    place = (
        f" between steps {one.between[0]} and {one.between[1]}" if one.between is not None else ""
    )
    return f"{conditions_text(one.where)}{place} ends an attempt."


def describe_paths(question: Paths) -> str:
    """Say what paths show."""
    if question.after:
        said = f"What learners did next after {conditions_text(question.after)}, at its first time in a visit."
    elif question.before:
        said = (
            f"What learners did just before {conditions_text(question.before)}, at its last time in a visit; step 1 is "
            f"what came right before it."
        )
    else:
        said = "What learners did from the beginning of a visit on."
    gap_ms = question.within_ms
    visit = (
        " All events of a learner are one visit."
        if gap_ms is None
        else f" A pause of more than {span_words(gap_ms)} ends a visit."
    )
    same = f" The same {question.by} several times in a row is one step."
    return said + visit + (same if question.fold == "loops" else "")


def root_label(question: Paths) -> str:
    """Return what paths begin at, or lead to."""
    return conditions_text(question.anchor) if question.anchor else "visit begins"


def short_names(values: Iterable[str]) -> Mapping[str, str]:
    """Return addresses by so many of their last parts as tell them apart, everything else whole."""
    found = {value: value for value in values}
    found |= {value: name for value, name in _ENDS.items() if value in found}
    parts = {value: value.rstrip("/#").replace("#", "/").split("/") for value in found}
    for size in range(1, max(map(len, parts.values()), default=0)):
        last = {value: "/".join(split[-size:]) for value, split in parts.items()}
        times = Counter(last.values())
        for value, name in last.items():
            tells = times[name] == 1 and not name.isdecimal()
            if found[value] == value and "://" in value and tells:
                found[value] = name
    return found


def end_words(question: Paths) -> str:
    """Say what it is when a path goes no further."""
    return "nothing before" if question.before else "ended here"


def took(seconds: float) -> str:
    """Write a span of time in two or three digits: ``0.4 s``, ``88 s``, ``14 min``, ``26 h``, ``4.2 days``."""
    if math.isnan(seconds):
        return "\u2013"
    for size, name in _UNITS:
        if seconds >= 2 * size or size == 1:
            value = seconds / size
            return f"{value:.0f} {name}" if value >= 10 else f"{value:.1f} {name}"
    raise AssertionError("the last unit takes all")


def bin_labels() -> tuple[str, ...]:
    """Name the bins of times."""
    ends = [span_words(edge) for edge in SPAN_EDGES_MS[1:]]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(ends)]
    return (f"under {ends[0]}", *between, f"{ends[-1]} and more")

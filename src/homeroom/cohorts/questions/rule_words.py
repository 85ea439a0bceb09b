"""Rules in plain words: what a definition says, for those who do not read TOML."""

from typing import Final

from homeroom.cohorts.questions.rules import (
    AllOf,
    AnyOf,
    Attribute,
    Conditions,
    Did,
    DidThenNot,
    First,
    InCohort,
    Listed,
    Not,
    Result,
    Rule,
    Sequence,
    Stopped,
    Window,
)

__all__ = ["in_words", "span_words"]

_SPANS: Final = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second"))
_OF: Final = {"latest": "the latest", "best": "the best", "any": "any"}


def in_words(rule: Rule) -> str:
    """Return a rule as part of a sentence that begins with "who"."""
    match rule:
        case AllOf():
            return _joined(rule.rules, " and ")
        case AnyOf():
            return _joined(rule.rules, " or ")
        case Not():
            return f"not ({in_words(rule.rule)})"
        case InCohort() | Listed():
            return f"are {'in the cohort' if isinstance(rule, InCohort) else 'on the list'} {rule.name}"
        case Attribute():
            return f"have {rule.condition}"
        case _:
            return _of_events(rule)


def _joined(rules: tuple[Rule, ...], word: str) -> str:
    parts = [
        f"({in_words(one)})" if isinstance(one, AllOf | AnyOf) else in_words(one) for one in rules
    ]
    return word.join(parts)


def _of_events(rule: Rule) -> str:
    match rule:
        case Did():
            return f"{_did(rule.where)}{_times(rule)}{_when(rule.window)}"
        case First():
            return f"{_did(rule.where)} for the first time{_when(rule.window)}"
        case DidThenNot():
            during = (
                f" in the {_count(rule.during_days, 'day')} after" if rule.during_days else " since"
            )
            nothing = f"no {_what(rule.then_not)}" if rule.then_not else "nothing"
            return f"{_did(rule.where)}{_when(rule.window)}, and then {nothing}{during}"
        case Stopped():
            return (
                f"{_did(rule.where)} before, and not in the last {_count(rule.quiet_days, 'day')}"
            )
        case Sequence():
            steps = ", then ".join(_what(step) for step in rule.steps)
            return f"did {steps}, all within {span_words(rule.within_ms)}{_when(rule.window)}"
        case Result():
            where = f" of {_what(rule.where)}" if rule.where else ""
            return f"have {rule.condition} as {_OF[rule.of]} result{where}{_when(rule.window)}"
    raise TypeError(f"{type(rule).__name__} has no words")


def _times(rule: Did) -> str:
    low, high = rule.low, rule.high
    one = "day" if rule.unit == "days" else "time"
    if (low, high) == (1, None):
        return ""
    if (low, high) == (0, 0):
        return " at no time"
    if low == high:
        said = f"exactly {_count(low, one)}"
    elif high is None:
        said = f"at least {_count(low, one)}"
    elif low == 0:
        said = f"at most {_count(high, one)}"
    else:
        said = f"{low:,} to {_count(high, one)}"
    return f" on {said}" if one == "day" else f" {said}"


def _did(where: Conditions) -> str:
    return f"did {_what(where)}" if where else "were active"


def _what(where: Conditions) -> str:
    return " and ".join(map(str, where)) if where else "any activity"


def _when(window: Window) -> str:
    if window.last_days is not None:
        ago = f" that ended {_count(window.ago_days, 'day')} before" if window.ago_days else ""
        return f" in the last {_count(window.last_days, 'day')}{ago}"
    after, before = window.after or window.from_, window.before
    said = f" from {after} on" if after else ""
    if before:
        said += f" before {before}"
    return said + (f" up to {window.to}" if window.to else "")


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def span_words(span_ms: int) -> str:
    """Return a stretch of time in the largest unit that it is whole in."""
    for unit_ms, name in _SPANS:
        if span_ms % unit_ms == 0:
            return _count(span_ms // unit_ms, name)
    return f"{span_ms} milliseconds"

"""From plain data (TOML, JSON, Python) to rules, and the refusal of those that make no sense.

A rule is a table with one word that says which it is (``did``, ``all``, ``not``, …) and the fields of that kind. Every
error names the place in the definition, what stands there, and what could.
"""

import datetime as dt
import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from homeroom import limits
from homeroom.cohorts.questions.conditions import (
    FLAG_FIELDS,
    Condition,
    plain_conditions,
)
from homeroom.cohorts.questions.rules import (
    ALWAYS,
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
    Of,
    Result,
    Rule,
    Sequence,
    Stopped,
    Unit,
    Window,
)
from homeroom.errors import QuestionError

__all__ = ["days_of", "milliseconds_of", "parse_rule"]

_DURATION = re.compile(r"\s*(\d{1,6})\s*([smhdw]?)\s*")
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_WINDOW_FIELDS: Final = ("last", "ago", "from", "to", "after", "before")
_RESULT_FIELDS: Final = ("score", "progress", "duration_ms", *FLAG_FIELDS)


def parse_rule(written: object, place: str, depth: int = 0) -> Rule:
    """Build a rule from plain data.

    Parameters
    ----------
    written : a mapping such as ``{"did": "track=video", "at_least": 3, "unit": "days", "within": {"last": "28d"}}``
    place : where it stands, for the message of an error
    depth : how many rules it stands in

    Raises
    ------
    QuestionError
        It is no rule, or one that makes no sense: an empty window, bounds that exclude each other.
    """
    if depth > limits.RULE_DEPTH_MAX:
        raise QuestionError(
            f"{place}: rules nest deeper than {limits.RULE_DEPTH_MAX}; name a part as a cohort of its own"
        )
    if not isinstance(written, Mapping):
        raise QuestionError(
            f"{place} is {written!r}; a rule is a table such as {{did = 'track=video', at_least = 3}}"
        )
    kinds = [word for word in _PARSERS if word in written]
    if len(kinds) != 1:
        found = " and ".join(kinds) if kinds else ", ".join(map(str, written)) or "nothing"
        hint = _near(next(iter(map(str, written)), ""), _PARSERS)
        raise QuestionError(
            f"{place} has {found}; a rule has just one of {', '.join(_PARSERS)}{hint}"
        )
    parse, fields = _PARSERS[kinds[0]]
    for name in written:
        if name not in (kinds[0], *fields):
            hint = _near(str(name), fields)
            allowed = (
                f"beside {kinds[0]} may stand {', '.join(fields)}"
                if fields
                else f"nothing may stand beside {kinds[0]}"
            )
            raise QuestionError(f"{place}.{name} is no field here; {allowed}{hint}")
    return parse(dict(written), place, depth)


def days_of(value: object, place: str) -> int:
    """Read a number of whole days: ``28d``, ``4w``, ``28``. Raises `QuestionError`."""
    found = (
        _DURATION.fullmatch(str(value))
        if isinstance(value, str | int) and not isinstance(value, bool)
        else None
    )
    if found is None or found[2] not in ("", "d", "w"):
        raise QuestionError(f"{place} is {value!r}; write whole days or weeks, such as 28d or 4w")
    days = int(found[1]) * (7 if found[2] == "w" else 1)
    if not 1 <= days <= limits.WINDOW_DAYS_MAX:
        raise QuestionError(
            f"{place} is {value!r}, must be from 1 day to {limits.WINDOW_DAYS_MAX:,} days"
        )
    return days


def milliseconds_of(value: object, place: str) -> int:
    """Read a stretch of time: ``30m``, ``36h``, ``7d``. Raises `QuestionError`."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or not found[2]:
        raise QuestionError(f"{place} is {value!r}; write a time such as 30m, 36h or 7d")
    span_ms = int(found[1]) * _UNIT_MS[found[2]]
    if not 1 <= span_ms <= limits.WINDOW_DAYS_MAX * _UNIT_MS["d"]:
        raise QuestionError(f"{place} is {value!r}, must be from 1s to {limits.WINDOW_DAYS_MAX:,}d")
    return span_ms


def _near(word: str, known: "Mapping[str, object] | tuple[str, ...]") -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _conditions(value: object, place: str) -> Conditions:
    """Read the conditions on an event: one as text, several as a list; ``any`` is any activity."""
    if value == "any":
        return ()
    items = [value] if isinstance(value, str | Mapping) else value
    try:
        found = tuple(Condition(**_typed(item)) for item in plain_conditions(place, items))
        for condition in found:
            condition.check(place)
    except TypeError:
        raise QuestionError(
            f"{place} is {value!r}; write a condition such as 'verb=played', or 'any'"
        ) from None
    except QuestionError as error:
        said = str(error)
        raise QuestionError(said if said.startswith(place) else f"{place}: {said}") from None
    if not found:
        raise QuestionError(
            f"{place} is empty; write a condition such as 'verb=played', or 'any' for any activity"
        )
    return found


def _typed(item: Mapping[str, Any]) -> dict[str, Any]:
    values = item.get("values", ())
    if isinstance(values, str) or not all(isinstance(one, str) for one in values):
        raise TypeError
    if item.get("op", "=") not in ("=", "!=", "<", "<=", ">", ">=") or not isinstance(
        item.get("field"), str
    ):
        raise TypeError
    return {**item, "values": tuple(values)}


def _window(written: dict[str, Any], place: str) -> Window:
    value = written.get("within")
    if value is None:
        return ALWAYS
    place = f"{place}.within"
    if isinstance(value, str):
        value = {"last": value}
    if not isinstance(value, Mapping):
        raise QuestionError(
            f"{place} is {value!r}; write {{last = '28d'}} or {{from = 2024-01-08, to = 2024-02-04}}"
        )
    for name in value:
        if name not in _WINDOW_FIELDS:
            raise QuestionError(
                f"{place}.{name} is no field of a window{_near(str(name), _WINDOW_FIELDS)}; "
                f"it has {', '.join(_WINDOW_FIELDS)}"
            )
    kinds = {
        "rolling": {"last", "ago"},
        "fixed": {"from", "to"},
        "of a course's calendar": {"after", "before"},
    }
    used = [kind for kind, names in kinds.items() if names & set(value)]
    if len(used) != 1:
        raise QuestionError(
            f"{place} is {' and '.join(used) or 'empty'}; a window is rolling (last), fixed (from, to) "
            f"or of a calendar (after, before)"
        )
    return _READ_WINDOW[used[0]](value, place)


def _rolling(value: Mapping[str, Any], place: str) -> Window:
    if "last" not in value:
        raise QuestionError(f"{place}.last is missing: how many days has the window?")
    ago = value.get("ago", 0)
    return Window(
        last_days=days_of(value["last"], f"{place}.last"),
        ago_days=0 if ago in (0, "0d") else days_of(ago, f"{place}.ago"),
    )


def _fixed(value: Mapping[str, Any], place: str) -> Window:
    first, last = (_date(value.get(name), f"{place}.{name}") for name in ("from", "to"))
    if first and last and last < first:
        raise QuestionError(
            f"{place} is empty: it ends on {last}, before it begins on {first}; exchange from and to"
        )
    return Window(from_=first, to=last)


def _date(value: object, place: str) -> dt.date | None:
    if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise QuestionError(
            f"{place} is {value!r}, which is no date; write it as 2024-01-31"
        ) from None


def _of_calendar(value: Mapping[str, Any], place: str) -> Window:
    for name in ("after", "before"):
        if name in value and not (isinstance(value[name], str) and value[name]):
            raise QuestionError(
                f"{place}.{name} is {value[name]!r}; name a mark of the course's calendar, such as 'deadline 2'"
            )
    if value.get("after") == value.get("before"):
        raise QuestionError(f"{place} is empty: it begins and ends at {value['after']!r}")
    return Window(after=value.get("after"), before=value.get("before"))


_READ_WINDOW: Final[Mapping[str, Callable[[Mapping[str, Any], str], Window]]] = {
    "rolling": _rolling,
    "fixed": _fixed,
    "of a course's calendar": _of_calendar,
}


def _did(written: dict[str, Any], place: str, _depth: int) -> Rule:
    where = _conditions(written["did"], f"{place}.did")
    if "then_not" in written:
        return _did_then_not(written, where, place)
    if "during" in written:
        raise QuestionError(f"{place}.during belongs to then_not, which is missing")
    low, high = _bounds(written, place)
    unit = _choice(written.get("unit", "events"), get_args(Unit), f"{place}.unit")
    return Did(where=where, low=low, high=high, unit=unit, window=_window(written, place))


def _did_then_not(written: dict[str, Any], where: Conditions, place: str) -> Rule:
    stray = [name for name in ("at_least", "at_most", "exactly", "unit") if name in written]
    if stray:
        raise QuestionError(
            f"{place}.{stray[0]} counts, and then_not does not; write two rules under all"
        )
    during = written.get("during")
    return DidThenNot(
        where=where,
        then_not=_conditions(written["then_not"], f"{place}.then_not"),
        during_days=None if during is None else days_of(during, f"{place}.during"),
        window=_window(written, place),
    )


def _bounds(written: dict[str, Any], place: str) -> tuple[int, int | None]:
    """Return the least and the greatest count; at least one if nothing is said."""
    counts = {name: written[name] for name in ("at_least", "at_most", "exactly") if name in written}
    for name, count in counts.items():
        if (
            not isinstance(count, int)
            or isinstance(count, bool)
            or not 0 <= count <= limits.COUNT_MAX
        ):
            raise QuestionError(
                f"{place}.{name} is {count!r}, must be a whole number from 0 to {limits.COUNT_MAX:,}"
            )
    if "exactly" in counts:
        if len(counts) > 1:
            raise QuestionError(f"{place} has exactly and another bound; leave the other out")
        return counts["exactly"], counts["exactly"]
    low, high = counts.get("at_least", 1 if "at_most" not in counts else 0), counts.get("at_most")
    if high is not None and low > high:
        raise QuestionError(f"{place} is a contradiction: at least {low} and at most {high}")
    if low == 0 and high is None:
        raise QuestionError(f"{place}.at_least is 0, which everybody meets; write 1, or at_most")
    return low, high


def _choice(value: object, choices: tuple[str, ...], place: str) -> Any:  # noqa: ANN401 - one of the choices
    if value not in choices:
        raise QuestionError(f"{place} is {value!r}; it must be one of {', '.join(choices)}")
    return value


def _first(written: dict[str, Any], place: str, _depth: int) -> Rule:
    return First(
        where=_conditions(written["first"], f"{place}.first"), window=_window(written, place)
    )


def _stopped(written: dict[str, Any], place: str, _depth: int) -> Rule:
    if "quiet" not in written:
        raise QuestionError(f"{place}.quiet is missing: for how long, such as quiet = '14d'?")
    return Stopped(
        where=_conditions(written["stopped"], f"{place}.stopped"),
        quiet_days=days_of(written["quiet"], f"{place}.quiet"),
    )


def _sequence(written: dict[str, Any], place: str, _depth: int) -> Rule:
    steps = written["sequence"]
    if not isinstance(steps, list | tuple) or not 2 <= len(steps) <= limits.STEPS_MAX:
        raise QuestionError(
            f"{place}.sequence must be a list of 2 to {limits.STEPS_MAX} steps, "
            f"such as ['verb=played', 'verb=answered']"
        )
    if "in" not in written:
        raise QuestionError(f"{place}.in is missing: within which time, such as in = '7d'?")
    return Sequence(
        steps=tuple(_conditions(step, f"{place}.sequence[{i}]") for i, step in enumerate(steps, 1)),
        within_ms=milliseconds_of(written["in"], f"{place}.in"),
        window=_window(written, place),
    )


def _result(written: dict[str, Any], place: str, _depth: int) -> Rule:
    condition = _one_condition(written["result"], f"{place}.result")
    if condition.field not in _RESULT_FIELDS:
        raise QuestionError(
            f"{place}.result is about {condition.field}; a result "
            f"is one of {', '.join(_RESULT_FIELDS)}{_near(condition.field, _RESULT_FIELDS)}"
        )
    where = written.get("where")
    return Result(
        condition=condition,
        of=_choice(written.get("of", "latest"), get_args(Of), f"{place}.of"),
        where=() if where is None else _conditions(where, f"{place}.where"),
        window=_window(written, place),
    )


def _one_condition(value: object, place: str) -> Condition:
    found = _conditions(value, place)
    if len(found) != 1:
        raise QuestionError(f"{place} takes one condition, not {len(found)}")
    return found[0]


def _attribute(written: dict[str, Any], place: str, _depth: int) -> Rule:
    return Attribute(_one_condition(written["attribute"], f"{place}.attribute"))


def _named(
    kind: type[Listed] | type[InCohort], word: str
) -> Callable[[dict[str, Any], str, int], Rule]:
    def parse(written: dict[str, Any], place: str, _depth: int) -> Rule:
        name = written[word]
        if not isinstance(name, str) or not name:
            raise QuestionError(f"{place}.{word} is {name!r}; it must be a name")
        return kind(name)

    return parse


def _not(written: dict[str, Any], place: str, depth: int) -> Rule:
    return Not(parse_rule(written["not"], f"{place}.not", depth + 1))


def _group(
    kind: type[AllOf] | type[AnyOf], word: str
) -> Callable[[dict[str, Any], str, int], Rule]:
    def parse(written: dict[str, Any], place: str, depth: int) -> Rule:
        rules = written[word]
        if not isinstance(rules, list | tuple) or not rules:
            raise QuestionError(f"{place}.{word} is {rules!r}; it must be a list of rules")
        parsed = tuple(
            parse_rule(rule, f"{place}.{word}[{i}]", depth + 1) for i, rule in enumerate(rules, 1)
        )
        if kind is AllOf:
            _refuse_contradiction(parsed, f"{place}.{word}")
        return kind(parsed)

    return parse


def _refuse_contradiction(rules: tuple[Rule, ...], place: str) -> None:
    """Refuse rules that nobody can meet together."""
    seen: dict[str, tuple[int, Condition]] = {}
    for number, rule in enumerate(rules, 1):
        if isinstance(rule, Not) and rule.rule in rules:
            other = rules.index(rule.rule) + 1
            raise QuestionError(
                f"{place} is a contradiction: rule {number} is the opposite of rule {other}"
            )
        if not isinstance(rule, Attribute) or rule.condition.op != "=":
            continue
        before = seen.setdefault(rule.condition.field, (number, rule.condition))
        if not set(before[1].values) & set(rule.condition.values):
            raise QuestionError(
                f"{place} is a contradiction: rule {before[0]} wants {before[1]}, "
                f"rule {number} wants {rule.condition}; use any, or one rule with both values"
            )


_Parser = Callable[[dict[str, Any], str, int], Rule]
_PARSERS: Final[Mapping[str, tuple[_Parser, tuple[str, ...]]]] = {
    "attribute": (_attribute, ()),
    "did": (_did, ("at_least", "at_most", "exactly", "unit", "then_not", "during", "within")),
    "first": (_first, ("within",)),
    "stopped": (_stopped, ("quiet",)),
    "sequence": (_sequence, ("in", "within")),
    "result": (_result, ("of", "where", "within")),
    "list": (_named(Listed, "list"), ()),
    "cohort": (_named(InCohort, "cohort"), ()),
    "not": (_not, ()),
    "all": (_group(AllOf, "all"), ()),
    "any": (_group(AnyOf, "any"), ()),
}
"""The word that says which rule it is: how it is read, and which fields may stand beside it."""

"""A file of definitions: cohorts by name, the static lists and course calendars that they name, one time zone.

Checked as a whole when it is read: a name that is not there, a cohort that holds itself, a mark that no calendar has
are refused before anything is asked.
"""

import datetime as dt
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from homeroom import limits
from homeroom.cohorts.questions.rule_parsing import parse_rule
from homeroom.cohorts.questions.rules import AllOf, AnyOf, InCohort, Listed, Not, Rule, leaves
from homeroom.cohorts.questions.zones import zone
from homeroom.errors import QuestionError

__all__ = ["Calendar", "Cohort", "Definitions", "checked", "parse_definitions"]

FORMAT: Final = 1
_TOP: Final = ("format", "timezone", "cohort", "list", "calendar")
_OWN: Final = ("about", "version")


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """A set of learners that a rule describes. ``version`` is counted up by whoever changes the rule."""

    name: str
    rule: Rule
    about: str = ""
    version: int = 1


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """The dates of one course run, by mark: ``start``, ``end``, ``deadline 1``, … and names of your own."""

    course: str
    marks: Mapping[str, dt.date]


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """Cohorts, static lists (pseudonyms, 32 hexadecimal digits each) and calendars.

    ``timezone`` is the zone in which the dates of all rules are cut; None is that of the data.
    """

    cohorts: tuple[Cohort, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = {}
    calendars: tuple[Calendar, ...] = ()
    timezone: str | None = None

    def cohort(self, name: str) -> Cohort:
        """Return a cohort by its name. Raises `QuestionError` with near names."""
        for cohort in self.cohorts:
            if cohort.name == name:
                return cohort
        names = [cohort.name for cohort in self.cohorts]
        raise QuestionError(f"there is no cohort {name!r}{_instead(name, names, 'cohorts')}")

    def only(self, names: Iterable[str]) -> "Definitions":
        """Return what these cohorts need: themselves, the cohorts and lists in their rules, all calendars."""
        needed: dict[str, Cohort] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = self.cohort(name)
                waiting += _named(needed[name].rule)
        listed = {
            leaf.name
            for cohort in needed.values()
            for leaf in leaves(cohort.rule)
            if isinstance(leaf, Listed)
        }
        return msgspec.structs.replace(
            self,
            cohorts=tuple(cohort for cohort in self.cohorts if cohort.name in needed),
            lists={name: members for name, members in self.lists.items() if name in listed},
        )

    def with_rule(self, name: str, written: object) -> "Definitions":
        """Return these definitions with one more cohort, of a rule as plain data."""
        cohort = Cohort(name=name, rule=parse_rule(written, name))
        return checked(msgspec.structs.replace(self, cohorts=(*self.cohorts, cohort)))


def parse_definitions(written: Mapping[str, Any]) -> Definitions:
    """Build definitions from plain data and check them. Raises `QuestionError`, naming the place.

    ``list.NAME`` must hold ``members`` by now; whoever reads the file has put them in the place of its ``file``.
    """
    for name in written:
        if name not in _TOP:
            raise QuestionError(
                f"{name} is no part of a file of definitions{_instead(str(name), _TOP, 'parts')}"
            )
    if written.get("format", FORMAT) != FORMAT:
        raise QuestionError(f"format is {written['format']!r}, this version reads {FORMAT}")
    timezone = written.get("timezone")
    if timezone is not None:
        zone(str(timezone))
    cohorts = tuple(_cohort(name, table) for name, table in _tables(written, "cohort"))
    return checked(
        Definitions(
            cohorts=cohorts,
            lists={name: _members(name, table) for name, table in _tables(written, "list")},
            calendars=tuple(
                _calendar(course, table) for course, table in _tables(written, "calendar")
            ),
            timezone=timezone,
        )
    )


def _tables(written: Mapping[str, Any], kind: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    tables = written.get(kind, {})
    if not isinstance(tables, Mapping):
        raise QuestionError(f"{kind} is {tables!r}; write [{kind}.NAME] tables")
    if len(tables) > limits.COHORTS_MAX:
        raise QuestionError(
            f"{kind}: {len(tables):,} tables, must be at most {limits.COHORTS_MAX:,}"
        )
    for name, table in tables.items():
        if not isinstance(table, Mapping) or not name:
            raise QuestionError(f"{kind}.{name} is {table!r}; it must be a table")
    return tables.items()


def _cohort(name: str, table: Mapping[str, Any]) -> Cohort:
    place = f"cohort.{name}"
    version, about = table.get("version", 1), table.get("about", "")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise QuestionError(f"{place}.version is {version!r}, must be a whole number from 1 on")
    if not isinstance(about, str):
        raise QuestionError(f"{place}.about is {about!r}; it must be a text")
    rule = {key: value for key, value in table.items() if key not in _OWN}
    return Cohort(name=name, rule=parse_rule(rule, place), about=about, version=version)


def _members(name: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    members = table.get("members")
    if set(table) != {"members"} or not isinstance(members, list | tuple):
        raise QuestionError(
            f"list.{name} must have members (pseudonyms), or file in a file of definitions"
        )
    if len(members) > limits.LIST_MEMBERS_MAX:
        raise QuestionError(
            f"list.{name} has {len(members):,} members, must be at most {limits.LIST_MEMBERS_MAX:,}"
        )
    for number, member in enumerate(members, 1):
        if not _is_pseudonym(member):
            raise QuestionError(
                f"list.{name}: member {number} is no pseudonym; one has 32 hexadecimal digits"
            )
    return tuple(member.lower() for member in members)


def _is_pseudonym(text: object) -> bool:
    return (
        isinstance(text, str) and len(text) == 32 and set(text.lower()) <= set("0123456789abcdef")
    )


def _calendar(course: str, table: Mapping[str, Any]) -> Calendar:
    marks: dict[str, dt.date] = {}
    for name, value in table.items():
        place = f"calendar.{course}.{name}"
        if name == "deadlines":
            if not isinstance(value, list | tuple):
                raise QuestionError(f"{place} is {value!r}; it must be a list of dates")
            marks |= {
                f"deadline {i}": _date(one, f"{place}[{i}]") for i, one in enumerate(value, 1)
            }
        else:
            marks[name] = _date(value, place)
    if not marks:
        raise QuestionError(f"calendar.{course} is empty; give it start, end or deadlines")
    return Calendar(course=course, marks=marks)


def _date(value: object, place: str) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise QuestionError(
            f"{place} is {value!r}, which is no date; write it as 2024-01-31"
        ) from None


def checked(definitions: Definitions) -> Definitions:
    """Return definitions of which every name is known and no cohort holds itself. Raises `QuestionError`."""
    names = [cohort.name for cohort in definitions.cohorts]
    marks = sorted({mark for calendar in definitions.calendars for mark in calendar.marks})
    for cohort in definitions.cohorts:
        place = f"cohort.{cohort.name}"
        for leaf in leaves(cohort.rule):
            if isinstance(leaf, InCohort) and leaf.name not in names:
                raise QuestionError(
                    f"{place} names the cohort {leaf.name!r}, which is not there{_instead(leaf.name, names, 'cohorts')}"
                )
            if isinstance(leaf, Listed) and leaf.name not in definitions.lists:
                raise QuestionError(
                    f"{place} names the list {leaf.name!r}, which is not there"
                    f"{_instead(leaf.name, definitions.lists, 'lists')}"
                )
            window = getattr(leaf, "window", None)
            for mark in (window.after, window.before) if window else ():
                if mark is not None and mark not in marks:
                    raise QuestionError(
                        f"{place} names the mark {mark!r}, which no calendar has{_instead(mark, marks, 'marks')}"
                    )
    _refuse_cycles({cohort.name: cohort.rule for cohort in definitions.cohorts})
    return definitions


def _refuse_cycles(rules: Mapping[str, Rule]) -> None:
    """Raise `QuestionError` with the path if a cohort holds itself."""
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise QuestionError(
                f"cohort.{name} holds itself: {circle}; take one of these rules out"
            )
        if name in done:
            return
        if len(path) > limits.RULE_DEPTH_MAX:
            raise QuestionError(
                f"cohort.{path[0]}: cohorts nest deeper than {limits.RULE_DEPTH_MAX}"
            )
        for inner in _named(rules[name]):
            walk(inner, (*path, name))
        done.add(name)

    for name in rules:
        walk(name, ())


def _named(rule: Rule) -> list[str]:
    if isinstance(rule, AllOf | AnyOf):
        return [name for inner in rule.rules for name in _named(inner)]
    if isinstance(rule, Not):
        return _named(rule.rule)
    return [rule.name] if isinstance(rule, InCohort) else []


def _instead(word: str, known: Iterable[str], what: str) -> str:
    """Say what else there is."""
    near = difflib.get_close_matches(word, list(known), n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    names = sorted(known)
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return f"; {what}: {shown}" if names else f"; there are no {what}"

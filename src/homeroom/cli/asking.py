"""From flags and question files to typed questions, through the one door `parse_question`.

A flag that was not given is absent, never a default: so a flag on the command line can override the same field of a
question file, and the defaults stand in one place, the question's own type.
"""

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import click

from homeroom.adapters.written_files import read_written
from homeroom.cli.behaviour_options import BEHAVIOUR_FLAGS, with_options
from homeroom.cli.risk_options import RISK_FLAGS, with_courses
from homeroom.cohorts.questions import (
    Align,
    Definitions,
    Interval,
    Match,
    Mode,
    Question,
    WeekStart,
    parse_question,
)
from homeroom.errors import QuestionError

__all__ = [
    "QUESTION_FLAGS",
    "build_questions",
    "cohort_options",
    "course_option",
    "given_fields",
    "interval_option",
    "learner_options",
    "named_cohort_option",
    "overlap_options",
    "range_options",
    "retention_options",
    "size_options",
    "suppress_option",
    "view_options",
]

Command = TypeVar("Command", bound=Callable[..., Any])

QUESTION_FLAGS: Final = (
    "interval",
    "mode",
    "match",
    "entry_verb",
    "returning_verb",
    "entry",
    "returning",
    "brackets",
    "align",
    "from_",
    "to",
    "timezone",
    "week_start",
    "filters",
    "breakdown",
    "as_of",
    *BEHAVIOUR_FLAGS,
    "definitions",
    "cohort",
    "compare",
    "cohorts",
    "learner",
    "changed",
    "suppress_below",
    "course",
    *RISK_FLAGS,
)
"""Every flag that is part of a question; the rest say what to read and where to write."""

interval_option = click.option(
    "--interval",
    type=click.Choice(get_args(Interval)),
    help="The period (a week; days for stickiness).",
)


_AS_OF: Final = click.option(
    "--as-of",
    metavar="INSTANT",
    help="The data are known up to here, such as 2024-03-01T00:00:00Z; periods that end later are marked as "
    "incomplete (the newest event if not given).",
)
_WEEK_START: Final = click.option(
    "--week-start",
    type=click.Choice(get_args(WeekStart)),
    help="First day of the week (Monday).",
)
_FROM: Final = click.option(
    "--from", "from_", metavar="DATE", help="First date shown, YYYY-MM-DD, included."
)
_TO: Final = click.option("--to", metavar="DATE", help="Last date shown, included.")
_QUESTION: Final = click.option(
    "--question",
    "question_file",
    metavar="FILE",
    help="Take the question, or several under [[question]], from a TOML or JSON file; flags override its fields.",
)
_DEFINITIONS: Final = click.option(
    "--definitions", metavar="FILE", help="A TOML or JSON file that defines cohorts."
)
suppress_option: Final = click.option(
    "--suppress-below",
    metavar="NUMBER",
    type=int,
    help="Do not tell counts from 1 up to this, excluded, nor those whose rest is so small.",
)


def range_options(command: Command) -> Command:
    """Add the flags that say which part of the data is asked about."""
    return with_options(
        command,
        _FROM,
        _TO,
        click.option(
            "--timezone", metavar="ZONE", help="Reporting zone, such as Europe/Berlin (UTC)."
        ),
        _WEEK_START,
        click.option(
            "--filter",
            "filters",
            metavar="COND",
            multiple=True,
            help="See only events that meet COND, such as course=math-1 or 'score>=0.5'. May be repeated: "
            "all must hold.",
        ),
        _AS_OF,
        _DEFINITIONS,
        click.option(
            "--cohort",
            metavar="NAME",
            help="See only the members of a cohort that --definitions defines.",
        ),
    )


def view_options(command: Command) -> Command:
    """Add the flags that all questions have on top of the range."""
    return with_options(
        range_options(command),
        click.option(
            "--breakdown",
            metavar="FIELD",
            help="One answer for each course, track, verb, activity, section, answer, standing or value of a "
            "learner's attribute.",
        ),
        click.option(
            "--compare",
            metavar="NAMES",
            help="One answer for each of these cohorts, such as 'early,late'.",
        ),
        _QUESTION,
    )


def cohort_options(command: Command) -> Command:
    """Add the flags that questions about cohorts themselves have."""
    return with_options(command, _DEFINITIONS, _AS_OF, suppress_option, _QUESTION)


def course_option(command: Command) -> Command:
    """Add the flag that names the course runs of a report."""
    return with_options(
        command,
        click.option(
            "--course",
            metavar="NAME",
            multiple=True,
            help="The course run, by its whole name (the only one of the data). Repeated: several side by side.",
        ),
    )


def named_cohort_option(command: Command) -> Command:
    """Add the flag that names the cohort which a question is about."""
    return with_options(command, click.option("--cohort", metavar="NAME", help="The cohort."))


def size_options(command: Command) -> Command:
    """Add the flags that only the size of a cohort has."""
    return with_options(
        command,
        _FROM,
        _TO,
        interval_option,
        _WEEK_START,
        click.option(
            "--changed",
            metavar="DATE,DATE",
            help="Also say who entered and left between the ends of these two dates, and why.",
        ),
    )


def overlap_options(command: Command) -> Command:
    """Add the flags that only overlap has."""
    return with_options(
        command,
        click.option(
            "--cohorts",
            metavar="NAMES",
            help="The cohorts, such as 'early,late' (all that are defined).",
        ),
    )


def learner_options(command: Command) -> Command:
    """Add the flags that only the question about one learner has."""
    return with_options(
        command,
        click.option("--learner", metavar="PSEUDONYM", help="The learner: 32 hexadecimal digits."),
    )


def retention_options(command: Command) -> Command:
    """Add the flags that only retention has."""
    return with_options(
        command,
        click.option(
            "--mode",
            type=click.Choice(get_args(Mode)),
            help="A learner is in the group of its first period (so by default), or of every one.",
        ),
        click.option(
            "--match",
            type=click.Choice(get_args(Match)),
            help="Count who returned in just that period (so by default), or in it or later.",
        ),
        click.option(
            "--entry-verb",
            metavar="VERB",
            multiple=True,
            help="The entry behaviour is this verb (repeated: any of them).",
        ),
        click.option(
            "--returning-verb",
            metavar="VERB",
            multiple=True,
            help="The returning behaviour is this verb (repeated: any of them).",
        ),
        click.option(
            "--entry",
            metavar="COND",
            multiple=True,
            help="The entry behaviour meets COND (repeated: all of them).",
        ),
        click.option(
            "--returning",
            metavar="COND",
            multiple=True,
            help="The returning behaviour meets COND (repeated: all of them).",
        ),
        click.option(
            "--brackets", metavar="LIST", help="Columns of several periods, such as 1,2-7,8-30."
        ),
        click.option(
            "--align",
            type=click.Choice(get_args(Align)),
            help="Count periods by calendar (so by default), since enrolment, or since the run began.",
        ),
    )


def given_fields(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a question that the flags give, under the names that `parse_question` takes."""
    fields: dict[str, Any] = {
        {"from_": "from"}.get(name, name): list(value) if isinstance(value, tuple) else value
        for name, value in flags.items()
        if name in QUESTION_FLAGS and value not in (None, ())
    }
    for behaviour in ("entry", "returning"):
        verbs = fields.pop(f"{behaviour}_verb", None)
        if verbs:
            fields.setdefault(behaviour, []).append({"field": "verb", "op": "=", "values": verbs})
    if "brackets" in fields:
        fields["brackets"] = fields["brackets"].split(",")
    for end in ("from", "to"):
        if end in fields:
            fields[end] = _date(end, fields[end])
    return with_courses(fields)


def _date(name: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise QuestionError(
            f"--{name} is {text!r}, which is no date; write it as 2024-01-31"
        ) from None


def build_questions(
    kind: str | None,
    fields: Mapping[str, Any],
    file: str | None,
    define: Callable[[Path], Definitions],
) -> list[Question]:
    """Build the questions of one command.

    Parameters
    ----------
    kind : the kind that the command names, or None for the kinds that the file names
    fields : what the flags give; it overrides the file
    file : a question file, or None
    define : reads a file of definitions; one that a question file names lies beside it

    Raises
    ------
    QuestionError
        The file cannot be read, holds no question or one of another kind, or a question makes no sense.
    """
    define = functools.cache(define)
    if isinstance(fields.get("definitions"), str):
        fields = {**fields, "definitions": define(Path(fields["definitions"]))}
    if file is None:
        return [parse_question({"question": kind, **fields})]
    questions = []
    for number, table in enumerate(_tables(file), start=1):
        named = table.get("question", kind)
        if kind is not None and named != kind:
            raise QuestionError(
                f"{file}: question {number} is {named!r}, but the command is query {kind}; use query {named}, or "
                f"query all for a file of several kinds"
            )
        try:
            if isinstance(table.get("definitions"), str) and "definitions" not in fields:
                table["definitions"] = define(Path(file).parent / table["definitions"])
            questions.append(parse_question({**table, "question": named, **fields}))
        except QuestionError as error:
            raise QuestionError(f"{file}: question {number}: {error}") from None
    return questions


def _tables(file: str) -> list[dict[str, Any]]:
    """Read the tables of a question file: the file itself, or those under ``[[question]]``."""
    written = read_written(Path(file))
    several = written.get("question") if isinstance(written, dict) else written
    tables = (
        several
        if isinstance(several, list)
        else [several]
        if isinstance(several, dict)
        else [written]
    )
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise QuestionError(
            f'{file} holds no question; write its fields, such as interval = "day", or several [[question]] tables'
        )
    if isinstance(written, dict) and not isinstance(several, str | None) and len(written) > 1:
        stray = ", ".join(sorted(set(written) - {"question"}))
        raise QuestionError(
            f"{file}: {stray} stands outside of the [[question]] tables; move it into each of them"
        )
    return tables

"""``homeroom query``: one question, or several of a file, and its answer for a person or for a machine."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from homeroom.cli.asking import (
    build_questions,
    cohort_options,
    course_option,
    given_fields,
    interval_option,
    learner_options,
    named_cohort_option,
    overlap_options,
    retention_options,
    size_options,
    suppress_option,
    view_options,
)
from homeroom.cli.behaviour_options import funnel_options, paths_options
from homeroom.cli.output import Outputs, table_options
from homeroom.cli.reading import (
    Reading,
    data_option,
    read_options,
    scan_option,
)
from homeroom.cli.risk_options import risk_options

if TYPE_CHECKING:
    from homeroom.cohorts.answers import Answer
    from homeroom.cohorts.questions import Question
    from homeroom.dataset import Dataset

Option: TypeAlias = Callable[[Callable[..., int]], Callable[..., int]]

__all__ = ["add_kinds", "asked", "command"]

_ABOUT: Final = {
    "retention": "Of those who did something in one period, how many came back in later ones.",
    "lifecycle": "New, returning, resurrecting and dormant learners, period by period.",
    "stickiness": "Learners by the number of different periods in which they were active.",
    "active": "Active learners by day, week and month, and how these relate.",
    "funnel": "How many learners take steps one after the other, and how long it takes them.",
    "paths": "Which ways learners take, step by step: after something, before something, or through a visit.",
    "members": "The members of a cohort, as pseudonyms; with their accounts if --names says where these are.",
    "cohort": "The size of a cohort over time, and who entered and left between two dates, and why.",
    "overlap": "How many learners cohorts share: two by two, and by the exact set of cohorts.",
    "learner": "Which cohorts one learner is in, and the reason for each.",
    "report": "How a course run is doing: enrolments, engagement, videos, problems, discussion, grades.",
    "at-risk": "Who is enrolled, was active, has gone quiet and has not passed, with the reason for each.",
    "all": "Every question of a --question file, of whatever kinds.",
}
_SHORT: Final = {
    "retention": "Who came back, and when.",
    "lifecycle": "New, returning, resurrecting and dormant learners.",
    "stickiness": "In how many periods learners were active.",
    "active": "Active learners by day, week and month.",
    "funnel": "How far learners come along steps.",
    "paths": "Which ways learners take.",
    "members": "The members of a cohort.",
    "cohort": "The size of a cohort, and who entered and left.",
    "overlap": "How many learners cohorts share.",
    "learner": "The cohorts of one learner, with reasons.",
    "report": "How a course run is doing, part by part.",
    "at-risk": "Enrolments at risk, by course run and one by one.",
    "all": "Every question of a --question file.",
}


@click.group(epilog="homeroom query retention --help shows the flags of retention.")
def command() -> None:
    """Ask one question of event files, or of a loaded directory.

    The answer is drawn for a person, unless --json - or --csv - asks for a machine form on standard output.
    """


_OPTIONS: Final[Mapping[str, tuple[Option, ...]]] = {
    "retention": (interval_option, retention_options, view_options),
    "lifecycle": (interval_option, view_options),
    "stickiness": (interval_option, view_options),
    "active": (view_options,),
    "funnel": (funnel_options, view_options),
    "paths": (paths_options, view_options),
    "members": (named_cohort_option, cohort_options),
    "cohort": (named_cohort_option, size_options, cohort_options),
    "overlap": (overlap_options, cohort_options),
    "learner": (learner_options, cohort_options),
    "report": (course_option, view_options),
    "at-risk": (risk_options, suppress_option, view_options),
    "all": (view_options,),
}
"""The flags of each kind, beside those that say what to read and where to write."""


def add_kinds(group: click.Group, answer: Callable[[str, dict[str, Any]], int]) -> None:
    """Add a command for each kind of question to a group; ``answer`` is given the kind and its flags."""
    for kind, own_options in _OPTIONS.items():
        run: Callable[..., int] = _command(kind, answer)
        shared: tuple[Option, ...] = (table_options, read_options, scan_option, data_option)
        for option in (*shared, *reversed(own_options)):
            run = option(run)
        group.command(kind, help=_ABOUT[kind], short_help=_SHORT[kind])(run)


def _command(kind: str, answer: Callable[[str, dict[str, Any]], int]) -> Callable[..., int]:
    def run(**flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
        return answer(kind, flags)

    return run


def asked(
    kind: str, flags: dict[str, Any]
) -> "tuple[Reading, list[Question], Dataset, float | None]":
    """Return what the flags ask, and the data of which; with the seconds of reading."""
    reading = Reading.from_flags(flags)
    if kind == "all" and flags["question_file"] is None:
        raise click.UsageError("all answers the questions of a file; name it with --question FILE")
    named = None if kind == "all" else kind
    questions = build_questions(
        named, given_fields(flags), flags["question_file"], reading.definitions
    )
    # Columns answer a question in the zone that the days were cut in; several zones can only be served by one.
    data, seconds = reading.dataset(next((q.timezone for q in questions if q.timezone), None))
    return reading, questions, data, seconds


def _answer(kind: str, flags: dict[str, Any]) -> int:
    outputs = Outputs(flags["json_target"], flags["csv_target"], flags["parquet_target"])
    names = flags["names"]
    if kind in ("members", "at-risk") and flags["data"] is not None:
        flags = {**flags, "names": None}  # a load has written them; here they are read
    reading, questions, data, seconds = asked(kind, flags)
    answers = [_named(data.ask(question), names) for question in questions]
    outputs.write(answers)
    if outputs.takes_stdout:
        reading.note_rejects(data.source)
    else:
        _show(answers, seconds)
    return reading.status(data.source)


def _named(answer: "Answer", names: str | None) -> "Answer":
    """Put accounts beside pseudonyms, where a file of names was given."""
    from homeroom.adapters.names import read_names
    from homeroom.cohorts.answers import AtRiskAnswer, MembersAnswer

    if names is None or not isinstance(answer, MembersAnswer | AtRiskAnswer):
        return answer
    return answer.named(read_names(Path(names)))


def _show(answers: "Sequence[Answer]", seconds: float | None) -> None:
    from homeroom.cli.terminal import SourceSummary, answers_view, stdout_console

    console = stdout_console()
    console.print(SourceSummary(answers[0].source, seconds))
    console.print()
    console.print(answers_view(answers, console.width))


add_kinds(command, _answer)

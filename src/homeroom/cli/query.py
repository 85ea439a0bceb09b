"""``homeroom query``: one question, or several of a file, and its answer for a person or for a machine."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    from homeroom.cohorts.answers import Answer

__all__ = ["command"]

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
    "all": "Every question of a --question file.",
}


@click.group(epilog="homeroom query retention --help shows the flags of retention.")
def command() -> None:
    """Ask one question of event files, or of a loaded directory.

    The answer is drawn for a person, unless --json - or --csv - asks for a machine form on standard output.
    """


def _add(kind: str, *own_options: Callable[[Callable[..., int]], Callable[..., int]]) -> None:
    def answer(**flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
        return _answer(None if kind == "all" else kind, flags)

    run: Callable[..., int] = answer
    for option in (table_options, read_options, scan_option, data_option, *reversed(own_options)):
        run = option(run)
    command.command(kind, help=_ABOUT[kind], short_help=_SHORT[kind])(run)


_add("retention", interval_option, retention_options, view_options)
_add("lifecycle", interval_option, view_options)
_add("stickiness", interval_option, view_options)
_add("active", view_options)
_add("funnel", funnel_options, view_options)
_add("paths", paths_options, view_options)
_add("members", named_cohort_option, cohort_options)
_add("cohort", named_cohort_option, size_options, cohort_options)
_add("overlap", overlap_options, cohort_options)
_add("learner", learner_options, cohort_options)
_add("report", course_option, view_options)
_add("all", view_options)


def _answer(kind: str | None, flags: dict[str, Any]) -> int:
    outputs = Outputs(flags["json_target"], flags["csv_target"], flags["parquet_target"])
    names = flags["names"]
    if kind == "members" and flags["data"] is not None:
        flags = {**flags, "names": None}  # a load has written them; here they are read
    reading = Reading.from_flags(flags)
    if kind is None and flags["question_file"] is None:
        raise click.UsageError(
            "query all answers the questions of a file; name it with --question FILE"
        )
    questions = build_questions(
        kind, given_fields(flags), flags["question_file"], reading.definitions
    )
    # Columns answer a question in the zone that the days were cut in; several zones can only be served by one.
    data, seconds = reading.dataset(next((q.timezone for q in questions if q.timezone), None))
    answers = [_named(data.ask(question), names) for question in questions]
    outputs.write(answers)
    if outputs.takes_stdout:
        reading.note_rejects(data.source)
    else:
        _show(answers, seconds)
    return reading.status(data.source)


def _named(answer: "Answer", names: str | None) -> "Answer":
    """Put accounts beside the members of a cohort, where a file of names was given."""
    from homeroom.adapters.names import read_names
    from homeroom.cohorts.answers import MembersAnswer

    if names is None or not isinstance(answer, MembersAnswer):
        return answer
    return answer.named(read_names(Path(names)))


def _show(answers: "Sequence[Answer]", seconds: float | None) -> None:
    from homeroom.cli.terminal import SourceSummary, answers_view, stdout_console

    console = stdout_console()
    console.print(SourceSummary(answers[0].source, seconds))
    console.print()
    console.print(answers_view(answers, console.width))

"""``homeroom query``: one question, or several of a file, and its answer for a person or for a machine."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.cli.asking import (
    build_questions,
    given_fields,
    interval_option,
    retention_options,
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
    "all": "Every question of a --question file, of whatever kinds.",
}
_SHORT: Final = {
    "retention": "Who came back, and when.",
    "lifecycle": "New, returning, resurrecting and dormant learners.",
    "stickiness": "In how many periods learners were active.",
    "active": "Active learners by day, week and month.",
    "funnel": "How far learners come along steps.",
    "paths": "Which ways learners take.",
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
    for option in (
        table_options,
        read_options,
        scan_option,
        data_option,
        view_options,
        *reversed(own_options),
    ):
        run = option(run)
    command.command(kind, help=_ABOUT[kind], short_help=_SHORT[kind])(run)


_add("retention", interval_option, retention_options)
_add("lifecycle", interval_option)
_add("stickiness", interval_option)
_add("active")
_add("funnel", funnel_options)
_add("paths", paths_options)
_add("all")


def _answer(kind: str | None, flags: dict[str, Any]) -> int:
    outputs = Outputs(flags["json_target"], flags["csv_target"], flags["parquet_target"])
    reading = Reading.from_flags(flags)
    if kind is None and flags["question_file"] is None:
        raise click.UsageError(
            "query all answers the questions of a file; name it with --question FILE"
        )
    questions = build_questions(kind, given_fields(flags), flags["question_file"])
    # Columns answer a question in the zone that the days were cut in; several zones can only be served by one.
    data, seconds = reading.dataset(next((q.timezone for q in questions if q.timezone), None))
    answers = [data.ask(question) for question in questions]
    outputs.write(answers)
    if outputs.takes_stdout:
        reading.note_rejects(data.source)
    else:
        _show(answers, seconds)
    return reading.status(data.source)


def _show(answers: "Sequence[Answer]", seconds: float | None) -> None:
    from homeroom.cli.terminal import SourceSummary, answers_view, stdout_console

    console = stdout_console()
    console.print(SourceSummary(answers[0].source, seconds))
    console.print()
    console.print(answers_view(answers, console.width))

"""``homeroom analyze``: read files and show, without being asked anything further, who came back."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.cli.asking import build_questions, given_fields, interval_option, range_options
from homeroom.cli.output import STDOUT, json_option, write_file, write_json
from homeroom.cli.reading import Reading, data_option, read_options
from homeroom.cli.written_back import as_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homeroom.cohorts.answers import Answer, Source
    from homeroom.cohorts.questions import Interval
    from homeroom.dataset import Dataset

__all__ = ["choose_interval", "command"]

KINDS: Final = ("retention", "lifecycle", "stickiness", "active")
DAYS_BY_DAY_MAX: Final = 21
DAYS_BY_WEEK_MAX: Final = 366


@click.command()
@read_options
@data_option
@range_options
@interval_option
@click.option(
    "--html",
    "html_target",
    metavar="FILE",
    help="Write the report as one self-contained page to FILE.",
)
@json_option
def command(**flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Read event files and show who came back: retention, lifecycle, stickiness, activity.

    Without --interval, periods are days for data of up to three weeks, weeks up to a year, and else months.
    """
    reading = Reading.from_flags(flags)
    fields = given_fields(flags)
    if "definitions" in fields:
        fields["definitions"] = reading.definitions(Path(fields["definitions"]))
    # A flag that makes no sense is refused before minutes are spent on reading.
    build_questions(
        "active",
        {name: value for name, value in fields.items() if name != "interval"},
        None,
        reading.definitions,
    )
    data, seconds = reading.dataset(fields.get("timezone"))
    interval = fields.pop("interval", None) or choose_interval(data.source, fields)
    answers = {}
    for kind in KINDS:
        own = {} if kind == "active" else {"interval": interval}
        question = build_questions(kind, {**fields, **own}, None, reading.definitions)[0]
        answers[kind] = data.ask(question)
    if flags["html_target"]:
        more = _more(data, fields, reading)
        _write_page([*answers.values(), *more], data.source, flags)
    if flags["json_target"]:
        document = {kind: answer.to_json() for kind, answer in answers.items()}
        write_json({**document, "source": data.source.to_json()}, flags["json_target"])
    if flags["json_target"] == STDOUT:
        reading.note_rejects(data.source)
    else:
        _show(answers, data.source, seconds, flags)
    return reading.status(data.source)


def choose_interval(source: "Source", fields: "Mapping[str, Any]") -> "Interval":
    """Return the period that suits the range of the data, or the part of it that is asked about."""
    ends = [fields.get("from") or source.first_event, fields.get("to") or source.last_event]
    if None in ends:
        return "day"
    first, last = (dt.date.fromisoformat(str(end)[:10]) for end in ends)
    days = (last - first).days + 1
    if days <= DAYS_BY_DAY_MAX:
        return "day"
    return "week" if days <= DAYS_BY_WEEK_MAX else "month"


def _more(data: "Dataset", fields: "Mapping[str, Any]", reading: Reading) -> "list[Answer]":
    """Answer what a page holds beside who came back."""
    from homeroom.adapters.definition_files import STANDARD

    definitions = fields.get("definitions") or reading.definitions(STANDARD)
    return [data.ask(one) for one in data.standard_questions(fields, definitions)]


def _write_page(answers: "Sequence[Answer]", source: "Source", flags: "Mapping[str, Any]") -> None:
    from homeroom.adapters.definition_files import STANDARD
    from homeroom.serve.report import Section, render_report

    named = {**flags, "definitions": flags["definitions"] or str(STANDARD)}
    sections = [Section(answer, as_command(answer.question, named)) for answer in answers]
    page = render_report(sections, source)
    write_file(flags["html_target"], lambda sink: sink.write(page.encode()))


def _show(
    answers: "Mapping[str, Answer]",
    source: "Source",
    seconds: float | None,
    flags: "Mapping[str, Any]",
) -> None:
    from homeroom.cli.terminal import AnswerView, SourceSummary, stdout_console

    console = stdout_console()
    console.print(SourceSummary(source, seconds))
    for answer in answers.values() if source.events_accepted else ():
        console.print()
        console.print(AnswerView(answer, "brief"))
    if flags["html_target"]:
        console.print()
        console.print(f"The page is {flags['html_target']}", soft_wrap=True)

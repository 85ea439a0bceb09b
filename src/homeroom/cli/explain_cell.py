"""``homeroom explain cell``: which entries, of which regions, changed a cell of an answer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.cli import status
from homeroom.cli.access import tenant_option
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.reaching import opened_client, reaching_options
from homeroom.errors import InputError, QuestionError

if TYPE_CHECKING:
    from typing import TypeAlias

    from homeroom.client import LiveAnswer
    from homeroom.log.origins import Token, Vector

    _Ends: TypeAlias = tuple[LiveAnswer | str, LiveAnswer | str | None]

__all__ = ["cell"]

_SCHEMES: Final = ("http://", "https://")


@click.command(name="cell")
@click.argument("place", metavar="DIRECTORY|URL")
@click.option(
    "--question",
    "question_file",
    metavar="FILE",
    help="The question, a TOML or JSON file. [default: that of --since]",
)
@click.option(
    "--cell",
    "cell_text",
    metavar="ROW,COLUMN",
    required=True,
    help="The cell, as the answer labels it: 2024-03-04,1 or 2024-03-04,returning.",
)
@click.option(
    "--since",
    metavar="FILE|TOKEN",
    required=True,
    help="Before: an answer of a node that --json has written, or the token of an entry; then its origin alone is "
    "looked at.",
)
@click.option(
    "--until", metavar="FILE|TOKEN", help="After, likewise. [default: all that is folded there]"
)
@tenant_option
@reaching_options
@json_option
def cell(place: str, json_target: str | None, **flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Say which entries changed a cell between two answers: of which region, when written, how late their events.

    Asked of a data directory on which no node runs, or of the node at an address; then the key needs the scope persons.
    An entry is named if there is any order of all in which the learners in the cell become others when it comes.
    """
    since = _end(flags["since"])
    until = None if flags["until"] is None else _end(flags["until"])
    question = _question(flags["question_file"], since)
    ask = _of_node if place.startswith(_SCHEMES) else _of_directory
    found = ask(place, flags, question, (since, until))
    if json_target:
        write_json(found, json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_lines(found)))
    return status.CLEAN


def _end(text: str) -> "LiveAnswer | str":
    """Return the answer in a file, or a token. Raises `QuestionError`."""
    from homeroom.adapters.answer_files import read_answer
    from homeroom.client import LiveAnswer

    if text.count("/") >= 4 and not Path(text).exists():
        return text
    said = read_answer(Path(text))
    vector: Any = said.get("vector")
    answer: Any = said.get("answer")
    epoch: Any = said.get("epoch", 0)
    are_there = isinstance(answer, Mapping) and isinstance(vector, Mapping)
    if not are_there or not all(type(one) is int for one in (epoch, *vector.values())):
        raise QuestionError(
            f"{text} has no vector; take an answer that a node gave (homeroom ask --json), or the token of an entry"
        )
    return LiveAnswer(answer=answer, vector=dict(vector), age_ms=None, complete=True, epoch=epoch)


def _question(file: str | None, since: "LiveAnswer | str") -> Mapping[str, Any]:
    if file is not None:
        from homeroom.adapters.written_files import read_written

        written = read_written(Path(file))
    else:
        written = None if isinstance(since, str) else since.answer.get("question")
    if not isinstance(written, Mapping):
        raise QuestionError(
            "there is no question; name its file with --question, or give an answer of a node as --since"
        )
    return written


def _of_node(
    url: str, flags: Mapping[str, Any], question: Mapping[str, Any], ends: "_Ends"
) -> dict[str, Any]:
    from homeroom.cohorts.cells import Cell

    cell = Cell.parse(flags["cell_text"])
    with opened_client(url, flags) as client:
        return client.explain(question, (cell.row, cell.column), *ends)


def _of_directory(
    path: str, flags: Mapping[str, Any], question: Mapping[str, Any], ends: "_Ends"
) -> dict[str, Any]:
    from homeroom.cohorts.cells import Cell
    from homeroom.cohorts.questions import parse_question
    from homeroom.node.explained import CellAsked
    from homeroom.running.explaining import explain_directory

    since, until = ends
    asked = CellAsked(
        question=parse_question(dict(question)),
        cell=Cell.parse(flags["cell_text"]),
        since=_parsed(since),
        until=None if until is None else _parsed(until),
        since_epoch=None if isinstance(since, str) else since.epoch,
        until_epoch=None if isinstance(until, str) or until is None else until.epoch,
    )
    return explain_directory(Path(path), flags["tenant"], asked).to_json()


def _parsed(end: "LiveAnswer | str") -> "Token | Vector":
    from homeroom.log.origins import Token, Vector

    try:
        return Token.parse(end) if isinstance(end, str) else Vector.from_json(end.vector)
    except (InputError, ValueError):
        raise QuestionError("this is neither a token nor the vector of an answer") from None


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    from homeroom.cli.terminal.wording import clean, plural

    cell = f"{found['cell']['row']},{found['cell']['column']}"
    counts = "" if found["after"] is None else f" from {found['before']:,} to {found['after']:,}"
    yield clean(
        f"{found['question']['question']} {cell}{counts}: {found['entered']:,} entered, {found['left']:,} left"
    )
    named = len(found["entries"]) + found["more"]
    yield f"{named:,} of {plural(found['looked_at'], 'entry', 'entries')} mattered"
    if found["entries"]:
        yield ""
        yield f"{'region':<14}  {'written':<24}  {'learners':>8}  {'in':>6}  {'out':>6}  {'late':>14}"
    for one in found["entries"]:
        yield clean(
            f"{one['region'] or one['node']:<14}  {one['at']:<24}  {one['learners']:>8,}  {one['entered']:>+6,}  "
            f"{-one['left']:>+6,}  {_late(one['late_s']):>14}"
        )
        # By itself, since a token is as wide as a terminal and somebody copies it.
        yield clean(f"  {one['entry']}")
    if found["more"]:
        yield f"and {found['more']:,} more"
    for note in found["notes"]:
        yield f"note: {clean(note)}"


def _late(late_s: list[float] | None) -> str:
    if late_s is None:
        return "takes back"
    least, most = (_age(seconds) for seconds in late_s)
    return least if least == most else f"{least} to {most}"


def _age(seconds: float) -> str:
    for unit, width in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if abs(seconds) >= 2 * width:
            return f"{seconds / width:.0f} {unit}"
    return f"{seconds:.0f} s"

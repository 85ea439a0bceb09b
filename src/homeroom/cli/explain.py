"""``homeroom explain``: what a question means, what it reads, and how long it took, instead of its answer."""

import time
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli.explain_cell import cell
from homeroom.cli.output import STDOUT, write_json
from homeroom.cli.query import add_kinds, asked

if TYPE_CHECKING:
    from rich.console import Console

    from homeroom.cohorts.explaining import Explanation

__all__ = ["command"]


@click.group(epilog="The flags of kinds are those of homeroom query.")
def command() -> None:
    """Say what a question means, which columns or history it reads, and what that costs.

    The question is asked once to see; its answer is not shown. Or (cell) say which entries changed a cell of an answer.
    """


def _explain(kind: str, flags: dict[str, Any]) -> int:
    for form in ("csv", "parquet"):
        if flags[f"{form}_target"] is not None:
            raise click.UsageError(
                f"an explanation has no table, so --{form} has no place; take --json"
            )
    reading, questions, data, _ = asked(kind, flags)
    found = []
    for question in questions:
        start = time.perf_counter()
        explanation = data.explain(question)
        found.append((explanation, time.perf_counter() - start))
    documents = [{**one.to_json(), "seconds": round(seconds, 4)} for one, seconds in found]
    if flags["json_target"]:
        whole = documents[0] if len(documents) == 1 else {"explanations": documents}
        write_json(whole, flags["json_target"])
    if flags["json_target"] == STDOUT:
        reading.note_rejects(data.source)
    else:
        from homeroom.cli.terminal import stdout_console

        console = stdout_console()
        for number, (explanation, seconds) in enumerate(found):
            if number:
                console.print()
            _show(console, explanation, seconds)
    return reading.status(data.source)


def _show(console: "Console", one: "Explanation", seconds: float) -> None:
    from homeroom.cli.terminal.explanation import ExplanationView

    console.print(ExplanationView(one, seconds))


add_kinds(command, _explain)
command.add_command(cell)

"""Machine forms of an answer: JSON, CSV and Parquet, to a file or to standard output.

A file appears whole or not at all: it is written beside its place under another name and then renamed, so that a
dashboard which reads it every minute never sees half an answer. JSON is laid out for two readers at once: ``jq``
does not care, and a person finds one row of a triangle on one line.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import click

if TYPE_CHECKING:
    import pyarrow as pa

    from homeroom.cohorts.answers import Answer

__all__ = [
    "STDOUT",
    "Outputs",
    "answers_document",
    "json_option",
    "json_text",
    "table_options",
    "write_and_say",
    "write_file",
    "write_json",
]

STDOUT: Final = "-"
Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option(
    "--json",
    "json_target",
    metavar="FILE|-",
    help="Write JSON to FILE; - is standard output, with nothing else on it.",
)


def table_options(command: Command) -> Command:
    """Add ``--json``, ``--csv`` and ``--parquet`` to a command."""
    for option in (
        click.option(
            "--parquet",
            "parquet_target",
            metavar="FILE",
            help="Write a long table as Parquet to FILE.",
        ),
        click.option(
            "--csv", "csv_target", metavar="FILE|-", help="Write a long table as CSV to FILE or -."
        ),
        json_option,
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the machine forms of the answers go; None means not asked for."""

    json_target: str | None = None
    csv_target: str | None = None
    parquet_target: str | None = None

    def __post_init__(self) -> None:
        """Refuse two forms on one standard output."""
        if self.json_target == self.csv_target == STDOUT:
            raise click.UsageError(
                "--json - and --csv - both want standard output; give one of them a file"
            )

    @property
    def takes_stdout(self) -> bool:
        """Whether standard output belongs to a machine form, so that nothing else may be written there."""
        return STDOUT in (self.json_target, self.csv_target)

    def write(self, answers: Sequence["Answer"]) -> None:
        """Write every form that was asked for."""
        table = _as_table(answers) if self.csv_target or self.parquet_target else None
        if self.json_target:
            write_json(answers_document(answers), self.json_target)
        if table is not None and self.csv_target:
            _write_csv(table, self.csv_target)
        if table is not None and self.parquet_target:
            import pyarrow.parquet as pq

            write_file(
                self.parquet_target, lambda sink: pq.write_table(table, sink, compression="zstd")
            )


def answers_document(answers: Sequence["Answer"]) -> dict[str, Any]:
    """Return one answer as its own document, several under ``answers``."""
    if len(answers) == 1:
        return answers[0].to_json()
    return {"answers": [answer.to_json() for answer in answers]}


def write_and_say(lines: Sequence[str], document: Mapping[str, Any], target: str | None) -> None:
    """Write JSON where it is wanted, and say lines to a person: not on standard output if the JSON has that."""
    if target:
        write_json(document, target)
    for line in lines:
        click.echo(line, err=target == STDOUT)


def write_json(document: Mapping[str, Any], target: str) -> None:
    """Write one JSON document to a file, or to standard output for ``-``."""
    text = json_text(document) + "\n"
    if target == STDOUT:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    write_file(target, lambda sink: sink.write(text.encode()))


def json_text(value: object, indent: str = "") -> str:
    """Lay JSON out: a line for a field, a line for a row of numbers.

    Raises `ValueError` for NaN and infinities, which JSON cannot hold; answers write them as null.
    """
    inner = indent + "  "
    if isinstance(value, Mapping) and value:
        fields = (
            f"{inner}{json.dumps(str(key))}: {json_text(item, inner)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(fields) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and any(
        isinstance(item, Mapping | list | tuple) for item in value
    ):
        return "[\n" + ",\n".join(inner + json_text(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def write_file(target: str, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a new file, which takes its place only when it is whole. Raises `SourceError`."""
    from homeroom.adapters.whole_files import whole_file

    with whole_file(Path(target)) as sink:
        write(sink)


def _as_table(answers: Sequence["Answer"]) -> "pa.Table":
    import pyarrow as pa

    if len(answers) == 1:
        return answers[0].to_arrow()
    kinds = sorted({answer.question.name for answer in answers})
    if len(kinds) > 1:
        raise click.UsageError(
            f"the questions are of several kinds ({', '.join(kinds)}), whose tables differ; use --json for them"
        )
    tables = []
    for number, answer in enumerate(answers, start=1):
        table = answer.to_arrow()
        tables.append(table.add_column(0, "question", pa.array([number] * len(table), pa.int32())))
    return pa.concat_tables(tables, promote_options="default")


def _write_csv(table: "pa.Table", target: str) -> None:
    import pyarrow.csv as pc

    options = pc.WriteOptions(quoting_style="needed", quoting_header="none")
    if target != STDOUT:
        write_file(target, lambda sink: pc.write_csv(table, sink, options))
        return
    pc.write_csv(table, sys.stdout.buffer, options)
    sys.stdout.flush()

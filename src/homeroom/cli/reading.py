"""What every command that reads events shares: the flags that say what to read and how, and what follows from rejects.

Either files are named and read now, or a loaded directory is opened. Flags that only make sense for reading are refused
beside ``--data`` and not passed over in silence: who gives ``--mapping`` believes that it does something.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from homeroom.cli import status
from homeroom.cli.progress import ReadProgress

if TYPE_CHECKING:
    from homeroom.cohorts.answers import Source
    from homeroom.cohorts.questions import Definitions
    from homeroom.dataset import Dataset

__all__ = [
    "READ_FLAGS",
    "Reading",
    "StrictError",
    "data_option",
    "default_rejects",
    "read_options",
    "scan_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])
READ_FLAGS: Final = ("mapping", "codec", "key", "verbs", "names", "rejects")
"""Flags that are passed on to the reader as they are."""

_OUTPUT_FLAGS: Final = (
    "json_target", "csv_target", "parquet_target", "html_target", "names", "rejects"
)  # fmt: skip
_FILE_FLAGS: Final = ("mapping", "key", "verbs", "question_file", "definitions")
"""Flags that name files which say how to read, or what is asked."""

data_option = click.option(
    "--data", metavar="DIR", help="Ask a directory that homeroom load made, instead of PATHs."
)
scan_option = click.option(
    "--scan", is_flag=True,
    help="Parquet only: read just the columns that the question needs; repeats are not looked for.",
)  # fmt: skip


def read_options(command: Command) -> Command:
    """Add PATH… and the flags that say how to read."""
    for option in (
        click.option(
            "--strict",
            is_flag=True,
            help="Fail if anything was rejected, before any output is written.",
        ),
        click.option(
            "--rejects",
            metavar="FILE",
            help="Where to write what was rejected: source, line, reason. [default: homeroom-rejects.ndjson, if any]",
        ),
        click.option(
            "--names",
            metavar="FILE",
            help="Write whose account each pseudonym is to FILE (.csv or .parquet); off if absent.",
        ),
        click.option(
            "--verbs",
            metavar="FILE",
            help="A TOML that adds verbs to the table of verbs and tracks.",
        ),
        click.option(
            "--key",
            metavar="FILE",
            help="The key of the pseudonyms; made, for you alone, if there is none.",
        ),
        click.option(
            "--codec",
            metavar="NAME",
            help="Read everything as this format; found by content if absent.",
        ),
        click.option(
            "--mapping",
            metavar="NAME|FILE",
            help="Columns of a table: a TOML, or the name of a ready one.",
        ),
        click.argument("paths", metavar="[PATH]...", nargs=-1),
    ):
        command = option(command)
    return command


def default_rejects() -> str | None:
    """Return where rejects are written unless the user says: here, or nowhere if this folder may not be written."""
    from homeroom.adapters.sources import REJECTS_FILE

    return REJECTS_FILE if os.access(".", os.W_OK) else None


class StrictError(click.ClickException):
    """Something was rejected and ``--strict`` was given."""

    exit_code = status.STRICT

    def __init__(self, source: "Source") -> None:
        from homeroom.cli.terminal import rejects_line

        super().__init__(f"--strict: {rejects_line(source)}. No output was written")


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read, and how, as the flags say it."""

    paths: tuple[str, ...]
    options: Mapping[str, Any]
    data: str | None = None
    scan: bool = False
    strict: bool = False

    @classmethod
    def from_flags(cls, flags: Mapping[str, Any]) -> "Reading":
        """Collect the flags and refuse those that contradict each other."""
        _refuse_empty(flags)
        options = {name: flags[name] for name in READ_FLAGS if flags.get(name) is not None}
        reading = cls(
            flags["paths"],
            options,
            flags.get("data"),
            bool(flags.get("scan")),
            bool(flags.get("strict")),
        )
        reading._check()
        _check_outputs(reading, flags)
        return reading

    def _check(self) -> None:
        if self.data is None:
            if not self.paths:
                raise click.UsageError(
                    "nothing to read; name files, directories, globs, or - for standard input"
                )
            return
        given = [*(["PATH"] if self.paths else []), *(f"--{name}" for name in self.options),
                 *(["--scan"] if self.scan else []), *(["--strict"] if self.strict else [])]  # fmt: skip
        if given:
            raise click.UsageError(
                f"--data asks what was loaded and reads nothing, so {', '.join(given)} has no place"
            )

    def definitions(self, path: Path) -> "Definitions":
        """Read a file of cohort definitions; the key is opened only if a list on it holds accounts."""
        from homeroom.adapters.definition_files import read_definitions
        from homeroom.opened import key_opener

        return read_definitions(path, key_opener(self.options.get("key"), self.data))

    def dataset(self, timezone: str | None) -> tuple["Dataset", float | None]:
        """Read or open the data, and return them with the seconds of reading (None if nothing was read).

        Parameters
        ----------
        timezone : zone in which the days of what is read are cut, so that questions in it need no history
        """
        import homeroom as hr

        if self.data is not None:
            return hr.open(self.data), None
        options = {"rejects": default_rejects(), **self.options}
        if timezone is not None:
            options["timezone"] = timezone
        with ReadProgress() as progress:
            read = hr.scan if self.scan else hr.read
            data = read(*self.paths, **options, accept=self.accept, progress=progress)
            return data, progress.seconds

    def accept(self, source: "Source") -> None:
        """Raise `StrictError` if nothing may be written of what was read."""
        if self.strict and source.events_rejected:
            raise StrictError(source)

    def note_rejects(self, source: "Source") -> None:
        """Say on standard error what this command rejected, where standard output belongs to a machine form."""
        if source.events_rejected and self.data is None:
            from homeroom.cli.terminal import rejects_line

            click.echo(f"homeroom: {rejects_line(source)}", err=True)

    def status(self, source: "Source") -> int:
        """Return the exit status of a command that has done its work; what earlier loads rejected is not its own."""
        met = source.events_rejected and self.data is None
        return status.REJECTS_MET if met else status.CLEAN


def _check_outputs(reading: Reading, flags: Mapping[str, Any]) -> None:
    """Refuse to write over what is read, before it is: nobody keeps a second copy of the log of a term."""
    from homeroom.adapters.sources import refuse_overwriting

    outputs = {f"--{name.removesuffix('_target')}": flags.get(name) for name in _OUTPUT_FLAGS}
    for name, target in outputs.items():
        if target == "-" and name not in ("--json", "--csv"):
            raise click.UsageError(f"{name} cannot go to standard output; name a file")
    files = [flags.get(name) for name in _FILE_FLAGS]
    refuse_overwriting(
        [*reading.paths, *(file for file in files if file is not None and Path(file).is_file())],
        outputs,
    )


def _refuse_empty(flags: Mapping[str, Any]) -> None:
    """Refuse names that are empty: whoever writes ``--json "$OUT"`` with no OUT set, believes that it was written."""
    for name, value in flags.items():
        if value == "" or (name == "paths" and "" in value):
            flag = "a PATH" if name == "paths" else f"--{name.removesuffix('_target').rstrip('_')}"
            raise click.UsageError(f"{flag} is empty; name something, or leave it out")

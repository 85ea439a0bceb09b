"""``homeroom load``: add event files to a directory that answers questions at once."""

from typing import TYPE_CHECKING, Any

import click

from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.progress import ReadProgress
from homeroom.cli.reading import Reading, read_options

if TYPE_CHECKING:
    from homeroom.dataset import Dataset

__all__ = ["command"]


@click.command()
@click.argument("directory")
@read_options
@click.option(
    "--timezone",
    metavar="ZONE",
    help="Zone in which days are cut; fixed by the first load (UTC if absent).",
)
@json_option
def command(directory: str, **flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Add event files to the data directory DIRECTORY, which is made if there is none.

    What was loaded before stays, and an exact repeat of it counts once. A load that is stopped half way leaves the
    directory as it was. Ask it with homeroom query … --data DIRECTORY.
    """
    import homeroom as hr

    if not directory:
        raise click.UsageError("DIRECTORY is empty; name one")
    reading = Reading.from_flags(flags)
    options = dict(reading.options)
    if flags["timezone"] is not None:
        options["timezone"] = flags["timezone"]
    with ReadProgress() as progress:
        data = hr.load(
            directory, *reading.paths, **options, accept=reading.accept, progress=progress
        )
        seconds = progress.seconds
    if flags["json_target"]:
        write_json(_document(directory, data), flags["json_target"])
    if flags["json_target"] == STDOUT:
        reading.note_rejects(data.source)
    else:
        _show(directory, data, seconds)
    return reading.status(data.source)


def _document(directory: str, data: "Dataset") -> dict[str, Any]:
    from homeroom.adapters.sources import shown

    return {"directory": shown(directory), "timezone": data.timezone, "fingerprint": data.fingerprint(),
            "source": data.source.to_json()}  # fmt: skip


def _show(directory: str, data: "Dataset", seconds: float) -> None:
    from homeroom.cli.terminal import SourceSummary, stdout_console

    console = stdout_console()
    console.print(SourceSummary(data.source, seconds))
    console.print()
    console.print(f"Loaded into {directory}. Ask it: homeroom query retention --data {directory}", markup=False,
                  highlight=False, soft_wrap=True)  # fmt: skip

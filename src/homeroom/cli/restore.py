"""``homeroom restore``: make a data directory again from a backup."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.repository_options import (
    as_of,
    instant_text,
    opened,
    plan_of,
    secret_options,
    size_text,
    span_text,
    store_option,
)

if TYPE_CHECKING:
    from homeroom.adapters.backup.choosing import Plan
    from homeroom.adapters.backup.restoring import Restored

__all__ = ["command"]


@click.command()
@click.argument("repository")
@click.argument("directory")
@secret_options
@click.option(
    "--at",
    "as_of_ms",
    metavar="TIME",
    callback=as_of,
    help="Restore what there was at TIME, an instant with its zone; without it, all of the backup.",
)
@click.option("--backup", metavar="ID", help="Restore this backup instead of the newest.")
@store_option
@json_option
def command(
    repository: str,
    directory: str,
    as_of_ms: int | None,
    backup: str | None,
    config: str | None,
    json_target: str | None,
    **given: str | None,
) -> None:
    """Make the data directory DIRECTORY, which must be empty or not there, from a backup in REPOSITORY.

    Every file is compared with its checksum, and every entry of the log with its signature and the entry before it.
    What is damaged is named, and DIRECTORY stays as it was. With a register of erasures in the settings, nothing of
    who was erased is left in DIRECTORY at the end; without, its node refuses to start before it has one.
    """
    from homeroom.adapters.backup.restoring import restore
    from homeroom.cli.erasures import options_of
    from homeroom.running.erasing_directory import apply_register

    source = opened(repository, given["key_file"], given["passphrase_file"])
    plan = plan_of(source, backup, as_of_ms)
    options = options_of(config)
    restored = restore(source, plan, Path(directory), options.store_url)
    erasures = (
        None if options.erasure_register is None else apply_register(Path(directory), options)
    )
    if json_target:
        document = {**_document(plan, restored, directory), "erasures": erasures}
        write_json(document, json_target)
    if json_target != STDOUT:
        click.echo(
            "\n".join([*_said(plan, restored, directory), *_erasures(Path(directory), erasures)])
        )


def _erasures(directory: Path, count: int | None) -> list[str]:
    """Say what is known of erasures in what was restored."""
    from homeroom.adapters.erasure_register import read_note
    from homeroom.cli.terminal.wording import plural

    if count is not None:
        return [
            f"The register has {plural(count, 'erasure')}; nothing of these people is left in it."
        ]
    if read_note(directory) is None:
        return []
    return [
        "It had a register of erasures, which has not been read: its node starts only with node.erasure_register."
    ]


def _said(plan: "Plan", restored: "Restored", directory: str) -> list[str]:
    from homeroom.cli.terminal.wording import plural

    backup = plan.backup
    lines = [
        f"Restored backup {backup.id} into {directory}: {plural(restored.files, 'file')}, "
        f"{size_text(restored.size_bytes)}."
    ]
    if backup.log is not None:
        newest = f", the newest of {instant_text(restored.newest_ms)}" if restored.newest_ms else ""
        lines.append(
            f"The log has {plural(restored.entries, 'entry', 'entries')}{newest}; the first start folds "
            f"{restored.unfolded:,} of them."
        )
    lines.append(_lacks(plan, restored))
    return lines


def _lacks(plan: "Plan", restored: "Restored") -> str:
    """Say what there was at the time that was asked for, or has been since, and is not restored."""
    from homeroom.cli.terminal.wording import plural

    made, asked = plan.backup.at_ms, plan.as_of_ms
    if asked is None:
        return f"What came after {instant_text(made)}, when that backup began, is not in it."
    if asked > made:
        return (
            f"You asked for {instant_text(asked)}: what came in the {span_text(asked - made)} after "
            f"{instant_text(made)}, when the last backup began, is in none."
        )
    left = plural(restored.left_out, "entry", "entries")
    return f"You asked for {instant_text(asked)}: {left} of later were left out."


def _document(plan: "Plan", restored: "Restored", directory: str) -> dict[str, Any]:
    from homeroom.events.instants import format_instant

    asked, made, newest = plan.as_of_ms, plan.backup.at_ms, restored.newest_ms
    return {
        "directory": directory,
        "backup": plan.backup.id,
        "at": format_instant(made),
        "asked": None if asked is None else format_instant(asked),
        "missing_ms": 0 if asked is None else max(asked - made, 0),
        "files": restored.files,
        "size_bytes": restored.size_bytes,
        "entries": restored.entries,
        "left_out": restored.left_out,
        "unfolded": restored.unfolded,
        "newest_entry": None if newest is None else format_instant(newest),
    }

"""``homeroom drill``: restore a backup for trial, and compare what comes of it."""

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.repository_options import opened, plan_of, secret_options, size_text

if TYPE_CHECKING:
    from homeroom.adapters.backup.choosing import Plan
    from homeroom.running.drilling import Drilled

__all__ = ["command"]


@click.command()
@click.argument("repository")
@secret_options
@click.option("--backup", metavar="ID", help="Try this backup instead of the newest.")
@click.option(
    "--folder",
    metavar="DIR",
    help="Restore below DIR, which needs room for all of it (the system's temporary folder if absent).",
)
@json_option
def command(
    repository: str,
    key_file: str | None,
    passphrase_file: str | None,
    backup: str | None,
    folder: str | None,
    json_target: str | None,
) -> int:
    """Restore the newest backup in REPOSITORY into a folder that is removed again, and start on it.

    The state must have the fingerprint that the backup noted, and the same as when all is folded from nothing. Each
    difference is told on a line of its own, and the exit status is 1 if there is any.
    """
    from homeroom.running.drilling import drill

    source = opened(repository, key_file, passphrase_file)
    plan = plan_of(source, backup, None)
    # The folder is its owner's alone, and what is in it goes away with it.
    with tempfile.TemporaryDirectory(prefix="homeroom-drill-", dir=folder) as temporary:
        drilled = drill(source, plan, Path(temporary) / "data", time.perf_counter)
    if json_target:
        write_json({"backup": plan.backup.id, **asdict(drilled)}, json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_said(plan, drilled)))
    return status.DAMAGED if drilled.faults else status.CLEAN


def _said(plan: "Plan", drilled: "Drilled") -> list[str]:
    from homeroom.cli.terminal.wording import plural

    restored = drilled.restored
    lines = [f"wrong: {fault}" for fault in drilled.faults]
    lines.append(
        f"Restored backup {plan.backup.id} in {drilled.restore_s:.1f} s: {plural(restored.files, 'file')}, "
        f"{size_text(restored.size_bytes)}, {plural(restored.entries, 'entry', 'entries')} of the log."
    )
    learners = sum(one.learners for one in drilled.tenants)
    events = sum(one.events for one in drilled.tenants)
    lines.append(
        f"Started in {drilled.start_s:.1f} s: {plural(learners, 'learner')}, {plural(events, 'event')}, "
        f"{plural(restored.unfolded, 'entry', 'entries')} folded that no snapshot had."
    )
    same = "a different state" if drilled.faults else "the same state"
    lines.append(
        f"Folded anew from the {drilled.rebuilt_from} in {drilled.rebuild_s:.1f} s: {same}. All of it was removed "
        f"again."
    )
    return lines

"""``homeroom backup``: back a data directory up, while its node runs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeroom.adapters.system_clock import now_ms
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.repository_options import (
    instant_text,
    secret_of,
    secret_options,
    size_text,
    store_option,
    store_url_of,
)
from homeroom.limits import KEPT_BACKUPS_MAX

if TYPE_CHECKING:
    from homeroom.adapters.backup.backing_up import BackedUp
    from homeroom.adapters.backup.pruning import Pruned
    from homeroom.adapters.backup.repository import Repository
    from homeroom.adapters.backup.sealing import Secret

__all__ = ["command"]

_COUNT = click.IntRange(1, KEPT_BACKUPS_MAX)


@click.command()
@click.argument("directory")
@click.argument("repository")
@secret_options
@click.option(
    "--keep", type=_COUNT, metavar="N", help="Afterwards remove backups, but not the newest N."
)
@click.option(
    "--keep-days",
    type=_COUNT,
    metavar="DAYS",
    help="Afterwards remove backups, but not those of the last DAYS.",
)
@store_option
@json_option
def command(
    directory: str,
    repository: str,
    config: str | None,
    json_target: str | None,
    keep: int | None,
    keep_days: int | None,
    **secrets: str | None,
) -> None:
    """Back the data directory DIRECTORY up to REPOSITORY: a folder, or s3://BUCKET/PREFIX. A node may be running on it.

    What is there already is not sent again; what is sent is encrypted, and read back before the backup counts. The
    first backup makes the repository, and the key file if there is none: keep a copy of it elsewhere.
    """
    from importlib.metadata import version

    from homeroom.adapters.backup.backing_up import back_up
    from homeroom.adapters.backup.contents import tenants
    from homeroom.adapters.backup.repository import make_repository

    place = Path(directory)
    tenants(place)  # a name that was misspelt leaves neither a repository nor a key
    secret = secret_of(secrets["key_file"], secrets["passphrase_file"])
    store_url = store_url_of(config)
    _check_apart(place, repository, secret)
    opened = make_repository(repository, os.environ, secret)
    done = back_up(place, opened, now_ms, version("homeroom"), store_url)
    pruned, trouble = _pruned(opened, keep, keep_days)
    if json_target:
        write_json(_document(done, pruned), json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_said(done, pruned, directory, opened.objects.shown)))
    for note in (*done.notes, *trouble):
        click.echo(f"homeroom: {note}", err=True)


def _check_apart(directory: Path, repository: str, secret: "Secret") -> None:
    """Refuse what would be lost together with what it is to replace."""
    from homeroom.adapters.backup.sealing import KeyFile

    inner = directory.resolve()
    folder = None if "://" in repository else Path(repository).resolve()
    if folder is not None and (folder.is_relative_to(inner) or inner.is_relative_to(folder)):
        raise click.UsageError(
            f"{repository} and {directory} lie one in the other, and would be lost together; name another place"
        )
    if isinstance(secret, KeyFile):
        key = secret.path.resolve()
        if key.is_relative_to(inner) or (folder is not None and key.is_relative_to(folder)):
            raise click.UsageError(
                f"key file {secret.path} lies in the directory or in the repository: it must be lost with neither, and "
                f"opens the latter; name another place"
            )


def _pruned(
    repository: "Repository", keep: int | None, keep_days: int | None
) -> tuple["Pruned | None", tuple[str, ...]]:
    """Remove old backups, if asked to; that another backup is under way is no failure of this one."""
    from homeroom.adapters.backup.pruning import Keep, prune
    from homeroom.errors import BackupError, DamagedBackupError

    wanted = Keep(keep, keep_days)
    if wanted == Keep():
        return None, ()
    try:
        return prune(repository, wanted, now_ms), ()
    except DamagedBackupError:
        raise
    except BackupError as error:
        return None, (f"nothing was removed: {error}",)


def _said(done: "BackedUp", pruned: "Pruned | None", directory: str, shown: str) -> list[str]:
    from homeroom.cli.terminal.wording import plural

    manifest, sent = done.manifest, done.sent
    lines = [f"Backed up {directory} to {shown}: backup {manifest.id}."]
    if manifest.log is not None:
        lines.append(
            f"It holds what the node had said yes to by {instant_text(manifest.at_ms)}; "
            f"{plural(done.entries, 'entry', 'entries')} of the log since the backup before."
        )
    lines.append(
        f"Sent {size_text(sent.size_bytes)} in {plural(sent.objects, 'object')}, read back and compared; "
        f"{plural(sent.there, 'object')} had been there."
    )
    if pruned is not None:
        rest = "" if pruned.is_whole else "; the rest next time"
        lines.append(
            f"Removed {plural(pruned.backups, 'old backup')} and {plural(pruned.objects, 'object')}{rest}."
        )
    return lines


def _document(done: "BackedUp", pruned: "Pruned | None") -> dict[str, Any]:
    from homeroom.events.instants import format_instant

    manifest, sent = done.manifest, done.sent
    removed = None if pruned is None else {"backups": pruned.backups, "objects": pruned.objects}
    return {
        "backup": manifest.id,
        "at": format_instant(manifest.at_ms),
        "vector": {} if manifest.log is None else manifest.log.vector().to_json(),
        "new_entries": done.entries,
        "sent": {"objects": sent.objects, "size_bytes": sent.size_bytes, "there": sent.there},
        "tenants": [
            {"name": one.tenant, "fingerprint": one.fingerprint, "learners": one.learners, "events": one.events}
            for one in manifest.snapshots
        ],
        "removed": removed,
        "notes": list(done.notes),
    }  # fmt: skip

"""``homeroom verify``: read a backup, or a data directory, and check all that is in it."""

from pathlib import Path

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.repository_options import (
    opened,
    secret_options,
    size_text,
    store_option,
    store_url_of,
)

__all__ = ["command"]


@click.command()
@click.argument("repository")
@secret_options
@click.option("--all", "is_all", is_flag=True, help="Check every backup, not just the newest.")
@store_option
@json_option
def command(
    repository: str,
    key_file: str | None,
    passphrase_file: str | None,
    *,
    is_all: bool,
    config: str | None,
    json_target: str | None,
) -> int:
    """Read the newest backup in REPOSITORY: decrypt every object, and check files, entries and signatures.

    A data directory in place of a repository is read from end to end too, with its audit log; a node may be running on
    it. Each damage is told on a line of its own, and the exit status is 1 if there is any.
    """
    from homeroom.adapters.backup.verifying import verify
    from homeroom.cli.terminal.wording import plural
    from homeroom.errors import BackupError

    if _is_directory(Path(repository)):
        return _of_directory(Path(repository), store_url_of(config), json_target)
    source = opened(repository, key_file, passphrase_file)
    ids = source.ids()
    if not ids:
        raise BackupError(f"{source.objects.shown} holds no backup yet")
    found = verify(source, ids if is_all else ids[-1:])
    if json_target:
        document = {name: getattr(found, name) for name in found.__slots__}
        write_json({"newest": ids[-1], **document}, json_target)
    if json_target != STDOUT:
        for damage in found.damages:
            click.echo(f"damaged: {damage}")
        click.echo(
            f"Read {plural(found.backups, 'backup')}: {plural(found.files, 'file')} and "
            f"{plural(found.entries, 'entry', 'entries')} of the log in {plural(found.objects, 'object')}, "
            f"{size_text(found.size_bytes)}; {plural(len(found.damages), 'damage') if found.damages else 'all whole'}."
        )
    return status.DAMAGED if found.damages else status.CLEAN


def _is_directory(path: Path) -> bool:
    """Say whether a path is that of a data directory, and not of a repository."""
    from homeroom.adapters.sources import MANIFEST_FILE

    return (path / MANIFEST_FILE).is_file() or (path / "log" / "000001.db").is_file()


def _of_directory(path: Path, store_url: str, json_target: str | None) -> int:
    from homeroom.cli.terminal.wording import plural
    from homeroom.running.verifying import verify_directory

    found = verify_directory(path, store_url)
    if json_target:
        write_json({name: getattr(found, name) for name in found.__slots__}, json_target)
    if json_target != STDOUT:
        for damage in found.damages:
            click.echo(f"damaged: {damage}")
        click.echo(
            f"Read {plural(found.entries, 'entry', 'entries')} of the log, {plural(found.files, 'piece')} of history "
            f"and state, and {plural(found.audit_records, 'record')} of the audit log; "
            f"{plural(len(found.damages), 'damage') if found.damages else 'all whole'}."
        )
    return status.DAMAGED if found.damages else status.CLEAN

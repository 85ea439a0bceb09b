"""``homeroom verify``: read a backup and check all that is in it."""

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.repository_options import opened, secret_options, size_text

__all__ = ["command"]


@click.command()
@click.argument("repository")
@secret_options
@click.option("--all", "is_all", is_flag=True, help="Check every backup, not just the newest.")
@json_option
def command(
    repository: str,
    key_file: str | None,
    passphrase_file: str | None,
    *,
    is_all: bool,
    json_target: str | None,
) -> int:
    """Read the newest backup in REPOSITORY: decrypt every object, and check files, entries and signatures.

    Each damage is told on a line of its own, and the exit status is 1 if there is any.
    """
    from homeroom.adapters.backup.verifying import verify
    from homeroom.cli.terminal.wording import plural
    from homeroom.errors import BackupError

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

"""``homeroom audit``: check that an audit log is what was written."""

from pathlib import Path

import click

from homeroom.cli.data_directory import data_option

__all__ = ["command"]


@click.command()
@data_option
@click.option(
    "--digest",
    metavar="DIGITS",
    help="Digest of the last record at an earlier look: fail if the log does not hold that record any more.",
)
def command(directory: str, digest: str | None) -> None:
    """Check the audit log of the data directory DIR, record by record, and print how many there are.

    A record that was changed, taken out or put in is found. That the end was cut off shows in comparison with what the
    node has stated of it in its log: its health page tells, and so does a record that the next start writes. For more,
    write the digest down elsewhere, and give it the next time. A node may run meanwhile.
    """
    from homeroom.adapters.audit import verify_audit
    from homeroom.running.hosting import AUDIT_FILE

    found = verify_audit(Path(directory) / AUDIT_FILE, digest)
    for number in found.cuts:
        click.echo(f"record {number} tells that the end before it was cut off")
    click.echo(f"{found.records} records, the last has the digest {found.digest}")

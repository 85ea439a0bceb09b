"""What the commands that correct a data directory share: its key, what is written of the change, how it is said."""

from typing import TYPE_CHECKING, Any, Final

import click

from homeroom.cli.output import STDOUT, write_json

if TYPE_CHECKING:
    from homeroom.dataset import Dataset

__all__ = ["key_option", "known_line", "missing_line", "tell"]

key_option: Final = click.option(
    "--key", metavar="FILE", help="The key of the pseudonyms, if it does not lie in DIRECTORY."
)


def tell(
    data: "Dataset", change: dict[str, Any], lines: list[str], json_target: str | None
) -> None:
    """Write a change with what the data are now as JSON, if asked for, and say it unless standard output is taken."""
    if json_target:
        now = {"fingerprint": data.fingerprint(), "source": data.source.to_json()}
        write_json({**change, **now}, json_target)
    if json_target != STDOUT:
        click.echo("\n".join(lines))


def known_line(known: int, what: str, done: str) -> list[str]:
    """Say how many had been changed before, if any."""
    from homeroom.cli.terminal.wording import plural

    return [f"{plural(known, what)} had been {done} before."] if known else []


def missing_line(missing: int, what: str, then: str) -> list[str]:
    """Say how many are not in the data, if any, and what becomes of them."""
    from homeroom.cli.terminal.wording import plural

    is_are = "is" if missing == 1 else "are"
    return [f"{plural(missing, what)} {is_are} not in the data (yet): {then}"] if missing else []

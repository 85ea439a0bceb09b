"""``homeroom init``: write a file of settings in which everything is explained."""

from pathlib import Path

import click

from homeroom.errors import SettingsError

__all__ = ["command"]


@click.command()
@click.option(
    "--config",
    metavar="FILE",
    default="homeroom.toml",
    show_default=True,
    help="Where to write it; a file that is there already is left alone.",
)
def command(config: str) -> None:
    """Write a file with every setting of a node, each explained and commented out."""
    from homeroom.serve.settings_written import commented_file

    path = Path(config)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(commented_file())
    except FileExistsError:
        raise SettingsError(f"{path} is there already; name another file with --config") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {path}. Start a node: homeroom serve --data DIR --config {path}")

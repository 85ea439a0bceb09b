"""``homeroom demo``: what homeroom does, on real statements and on a million made-up learners.

The demo is nothing but commands that anybody can type; each is shown before it runs.
"""

import shlex
import shutil
import time
from pathlib import Path
from typing import Final

import click

from homeroom.cli import status

__all__ = ["REAL_STATEMENTS", "command"]

REAL_STATEMENTS: Final = "../shared/data/ralph/statements.json.gz"
"""22,000 xAPI statements of a real platform; not part of homeroom, shown where they are."""


@click.command()
@click.option(
    "--folder", default="demo", show_default=True, help="Where files and pages are written."
)
@click.option(
    "--learners", default="1.1M", show_default=True, help="Made-up learners; some never begin."
)
@click.option("--events", default="5M", show_default=True, help="Their events.")
def command(folder: str, learners: str, events: str) -> int:
    """Analyze real statements (where they are) and a million made-up learners."""
    started = time.perf_counter()
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    if Path(REAL_STATEMENTS).exists():
        page, key = str(place / "statements.html"), str(place / "pseudonym.key")
        _run("analyze", REAL_STATEMENTS, "--key", key, "--html", page)
    else:
        click.echo(f"skipped: the real statements, {REAL_STATEMENTS} is not there\n")
    table, data = str(place / "million.parquet"), str(place / "data")
    _run(
        "generate", table, "--learners", learners, "--events", events, "--seed", "1", "--overwrite"
    )
    # The demo loads into a directory of its own, which holds nothing but an earlier demo.
    shutil.rmtree(data, ignore_errors=True)
    _run("load", data, table)
    _run("analyze", "--data", data, "--html", str(place / "million.html"))
    _run(
        "query", "retention", "--data", data, "--interval", "month", "--returning-verb", "completed"
    )
    pages = sorted(str(page) for page in place.glob("*.html"))
    click.echo(
        f"\nThat took {time.perf_counter() - started:.0f} s. Pages to open: {', '.join(pages)}"
    )
    return status.CLEAN


def _run(*words: str) -> None:
    from homeroom.cli import main

    click.secho(f"$ {shlex.join(('homeroom', *words))}", bold=True)
    code = main(words)
    if code != status.CLEAN:
        raise click.ClickException(f"homeroom {words[0]} ended with status {code}")
    click.echo()

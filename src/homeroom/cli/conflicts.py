"""``homeroom conflicts``: where nodes said different things of one thing, and what counts."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.reaching import node_options, opened_client

__all__ = ["command"]


@click.command()
@node_options
@click.option(
    "--days",
    metavar="NUMBER",
    type=click.IntRange(1, 3_660),
    default=30,
    show_default=True,
    help="Of what was said for times of the last days.",
)
@json_option
def command(url: str, days: int, json_target: str | None, **flags: Any) -> int:  # noqa: ANN401 - click passes what the options define
    """Show where nodes said different things of one thing, and by which rule that was settled.

    Asks the node at URL. The key needs the scope admin.
    """
    with opened_client(url, flags) as client:
        found = client.conflicts(days)
    if json_target:
        write_json(found, json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_lines(found)))
    return status.CLEAN


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    from homeroom.cli.terminal.wording import clean, plural

    counts = {name: n for name, n in found["counts"].items() if n}
    told = plural(sum(counts.values()), "conflict")
    yield f"{told} for times of the last {plural(found['days'], 'day')}"
    for name, count in counts.items():
        yield clean(f"  {count:>8,}  {name}")
    if found.get("statements"):
        yield f"  {found['statements']:>8,}  statement (over all time and all tenants)"
    for one in found["conflicts"]:
        about = " ".join(filter(None, (one["about"], one["field"])))
        yield ""
        yield clean(
            f"{about}: {one['values']} values, of {', '.join(one['nodes'])}, for {one['last']}"
        )
        yield clean(f"  counts: {one['rule']}")
        for entry in one["entries"]:
            yield clean(f"  {entry}")
    if not found["complete"]:
        yield "older ones are missing: there was too much to look at; ask for fewer days"

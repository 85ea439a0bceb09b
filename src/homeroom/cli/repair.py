"""``homeroom repair``: fold a directory's log anew, say what was not so, and have what is right in its place."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from homeroom.cli import status
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.cli.repository_options import store_option, store_url_of

if TYPE_CHECKING:
    from homeroom.running.upkeep_requests import Repaired

__all__ = ["command"]


@click.command()
@click.option("--data", "directory", required=True, metavar="DIR", help="The data directory.")
@store_option
@json_option
def command(directory: str, config: str | None, json_target: str | None) -> int:
    """Fold the log of a data directory anew, compare, and put what is right in place of what was not.

    The node may run on it: then it does this itself, answers from what it had until it is done, and folds nothing else
    meanwhile. Each part that was wrong is told with its rows, by pseudonym. The exit status is 1 if there was any, and
    3 if something could not be folded anew.
    """
    from homeroom.adapters import system_clock
    from homeroom.running.repairing import repair_directory

    found = repair_directory(Path(directory), system_clock.now_ms, store_url_of(config))
    if json_target:
        import msgspec

        write_json(msgspec.to_builtins(found), json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_said(found)))
    if found.troubles:
        return status.REJECTS_MET
    return status.DAMAGED if found.was_wrong else status.CLEAN


def _said(found: "Repaired") -> list[str]:
    from homeroom.cli.terminal.wording import plural

    lines = [f"left: {trouble}" for trouble in found.troubles]
    lines += [f"repaired: {damage}" for damage in found.unread]
    for tenant in found.tenants:
        for shard in tenant.shards:
            more = shard.rows - len(shard.keys)
            rows = ", ".join((*shard.keys, *((f"{more:,} more",) if more else ())))
            lines.append(
                f"repaired: tenant {tenant.name}, {shard.place}: {plural(shard.rows, 'row')}: {rows}"
            )
        lines += [f"repaired: tenant {tenant.name}: {other}" for other in tenant.others]
    learners = sum(one.learners for one in found.tenants)
    events = sum(one.events for one in found.tenants)
    what = "what was wrong has been put right" if found.was_wrong else "nothing was wrong"
    lines.append(
        f"Folded {plural(found.entries, 'entry', 'entries')} anew from the {found.begun}: "
        f"{plural(learners, 'learner')}, {plural(events, 'event')}; {what}."
    )
    return lines

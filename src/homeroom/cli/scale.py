"""``homeroom scale``: the shards of a node, what one more machine would bring, and another number of shards."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from homeroom import limits
from homeroom.cli.data_directory import data_option
from homeroom.cli.output import STDOUT, json_option, write_json
from homeroom.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeroom.running.sharding.scale_requests import ScaleTold

__all__ = ["command"]

_MIB: Final = 1 << 20
_NAME: Final = 12
"""So many letters of a machine's name tell it from others."""


@click.command()
@data_option
@click.option(
    "--shards",
    type=click.IntRange(1, limits.SHARDS_MAX),
    metavar="N",
    help="Cut all learners into N shards, while the node answers.",
)
@json_option
def command(directory: str, shards: int | None, json_target: str | None) -> None:
    """Show the shards of the node that runs on a data directory, their load, and what one more machine would bring.

    With --shards it has that many from then on. The new ones are made beside the old ones, which answer until the new
    ones can; so both need room for a while. Machines are added to the cluster of Ray (ray start --address), and shards
    move there by themselves.
    """
    from homeroom.running.control_socket import ask_of_upkeep
    from homeroom.running.sharding.scale_requests import ScaleAsked, ScaleTold

    told = ask_of_upkeep(Path(directory), ScaleAsked(shards))
    if told is None:
        raise ControlError(
            f"no node runs on {directory}; start it with homeroom serve, and ask while it runs"
        )
    assert isinstance(told, ScaleTold), "that is what was asked for"
    if json_target:
        import msgspec

        write_json(msgspec.to_builtins(told, str_keys=True), json_target)
    if json_target != STDOUT:
        click.echo("\n".join(_said(told)))


def _said(told: "ScaleTold") -> "Iterator[str]":
    from homeroom.cli.terminal.wording import plural

    learners = sum(one.learners for one in told.shards)
    yield (
        f"{plural(told.count, 'shard')} on {plural(len(told.machines), 'machine')}, "
        f"{plural(learners, 'learner')}"
    )
    yield ""
    heads = ("shard", "slots", "learners", "events", "MiB", "questions", "asked s", "folded s")
    yield "".join(f"{one:>12}" for one in heads) + "  machine"
    for one in told.shards:
        cells = (
            f"{one.number}",
            f"{one.slots[0]}-{one.slots[1] - 1}",
            f"{one.learners:,}",
            f"{one.events:,}",
            f"{one.memory_bytes / _MIB:,.0f}",
            f"{one.questions:,}",
            f"{one.asked_ms / 1_000:,.1f}",
            f"{one.folded_ms / 1_000:,.1f}",
        )
        yield "".join(f"{cell:>12}" for cell in cells) + f"  {one.machine[:_NAME]}"
    for number, why in sorted(told.away.items()):
        yield f"shard {number} is away: {why}"
    yield ""
    for machine in told.machines:
        numbers = ", ".join(map(str, machine.shards)) or "none"
        yield (
            f"machine {machine.name[:_NAME]}: {plural(machine.processors, 'processor')}, shards {numbers}"
        )
    if told.more is not None:
        more = told.more
        yield (
            f"One more machine: {plural(more.moved, 'shard')} would move, {more.moved_bytes / _MIB:,.0f} MiB; the "
            f"fullest machine would have {more.learners_after:,} learners, not {more.learners_before:,}; questions of "
            f"all learners up to {more.speedup:.2f} times as fast."
        )

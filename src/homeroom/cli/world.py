"""``homeroom world``: make the directory of a world of regions, add to it, and check it."""

from pathlib import Path
from typing import Final, Literal

import click

from homeroom.adapters import system_clock
from homeroom.cli import status

__all__ = ["command"]

_PAUSE_S: Final = 0.5


@click.group()
def command() -> None:
    """Make, extend and check the directory of a world: regions, keys, certificates and settings of its nodes."""


@command.command()
@click.argument("directory", metavar="DIR")
@click.option(
    "--regions", metavar="FILE", help="Which regions there are; without it, the shipped ones."
)
@click.option(
    "--nodes",
    type=int,
    default=1,
    show_default=True,
    metavar="N",
    help="How many nodes a region gets that names none.",
)
@click.option(
    "--first-port",
    type=click.IntRange(1_024, 65_000),
    default=18_000,
    show_default=True,
    metavar="PORT",
    help="Regions without addresses get ten ports each, from here on.",
)
def init(directory: str, regions: str | None, nodes: int, first_port: int) -> None:
    """Make the directory DIR of a world that runs on this machine: one folder a region.

    In it are the file of regions, settings and a data directory for each node, one key of the tenant in all of them,
    and the servers that carry messages between regions, with their certificates. Nothing is started.
    """
    from homeroom.adapters.world_directory import make_world
    from homeroom.adapters.world_file import SHIPPED, Stage, read_world

    plan = read_world(Path(regions) if regions else SHIPPED, Stage.PLANNED)
    world = make_world(Path(directory), plan, first_port, nodes, system_clock.now_ms())
    active = world.active()
    click.echo(f"Made {directory}: {len(active)} regions, home {world.home}.")
    for region in active.values():
        for name, node in region.nodes.items():
            click.echo(f"{name}\t{node.http}")


@command.command()
@click.argument("directory", metavar="DIR")
@click.argument("region")
@click.option(
    "--node", "more", metavar="NODE", help="Add a node of this name to a region that runs some."
)
def add(directory: str, region: str, more: str | None) -> None:
    """Make ready what REGION needs, one of those in the file of regions that run no nodes yet.

    What is there already stays as it is, and servers that run find the new one by themselves; that of a region with a
    further node is to be started anew. The node belongs to the world when the home has stated so: homeroom world join.
    """
    from homeroom.adapters.world_directory import activate, add_node

    place, now_ms = Path(directory), system_clock.now_ms()
    world = (
        activate(place, region, now_ms) if more is None else add_node(place, region, more, now_ms)
    )
    for name, node in world.regions[region].nodes.items():
        if more in (None, name):
            click.echo(f"{name}\t{node.http}\t{node.key}")
    if more is not None:
        said = f"Start the server of {region} anew, so that it lets {more} in; then homeroom world join"
        click.echo(f"{said} {directory} {more}, and start it.", err=True)


@command.command()
@click.argument("directory", metavar="DIR")
@click.argument("node")
def join(directory: str, node: str) -> None:
    """Have the home, which must run, state that NODE of the file of regions belongs to the world."""
    from homeroom.running.world_place import join as join_world

    join_world(Path(directory), node)
    click.echo(f"{node} belongs to the world.", err=True)


@command.command()
@click.argument("directory", metavar="DIR")
@click.argument("node")
@click.option(
    "--documents-leave",
    is_flag=True,
    help="Fence the last node of a jurisdiction too: its documents leave the world with it.",
)
def fence(directory: str, node: str, documents_leave: bool) -> None:  # noqa: FBT001 - a flag
    """Have the home, which must run, state that nothing more is taken from NODE: it is to leave.

    What it has written until then is still exchanged between the others; documents between those of its jurisdiction,
    and if there are none, they leave with it.
    """
    from homeroom.running.world_place import check_heirs
    from homeroom.running.world_place import fence as fence_node

    if not documents_leave:
        check_heirs(Path(directory), node)
    fence_node(Path(directory), node)
    click.echo(f"Nothing more is taken from {node}.", err=True)


@command.command()
@click.argument("directory", metavar="DIR")
@click.argument("node")
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(0, 86_400),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for all others to say what they hold of it.",
)
@click.option(
    "--force",
    "forced",
    default="",
    metavar="WHY",
    help="Go on then without those that have not said it; what they alone have of it is lost.",
)
@click.option(
    "--documents-leave",
    is_flag=True,
    help="Let the last node of a jurisdiction leave too: its documents leave the world with it.",
)
def leave(directory: str, node: str, wait_s: int, forced: str, documents_leave: bool) -> None:  # noqa: FBT001 - a flag
    """Have the home, which must run, fence NODE, and close it once all others have said what they hold of it.

    After that it belongs to the world no more: nothing that it writes counts. If it is taken back (homeroom world
    join), what its clients were told yes for meanwhile is written once more.
    """
    import threading
    import time

    from homeroom.running.world_place import check_heirs
    from homeroom.running.world_place import leave as leave_world

    if not documents_leave:
        check_heirs(Path(directory), node)
    end_s = time.monotonic() + wait_s

    def until() -> bool:
        threading.Event().wait(min(_PAUSE_S, wait_s))
        return time.monotonic() < end_s

    if leave_world(Path(directory), node, forced, until) is None:
        click.echo(f"{node} has left the world already.", err=True)
        return
    click.echo(f"{node} belongs to the world no more. Stop its process, if it runs.", err=True)


@command.command()
@click.argument("directory", metavar="DIR")
@click.argument("level", type=click.Choice(["local", "remote", "all"]))
def hold(directory: str, level: Literal["local", "remote", "all"]) -> None:
    """Have the home, which must run, state that no client hears yes before its batch is held at LEVEL.

    It counts for all nodes at once: remote is another region, all is every node of the world.
    """
    from homeroom.running.world_place import hold as hold_at

    hold_at(Path(directory), level)
    held = {
        "local": "the node itself has",
        "remote": "another region has too",
        "all": "every node has",
    }
    click.echo(f"From now on nodes say yes to what {held[level]} ({level}).", err=True)


@command.command()
@click.argument("directory", metavar="DIR")
@click.argument("node")
def home(directory: str, node: str) -> None:
    """Have NODE, which must run here, state that it is the home from now on: that facts are stated there alone.

    What the former home states after that counts for nobody, even if it has not heard of it yet; what it stated before
    and has reached no other node is to be stated again.
    """
    from homeroom.running.world_place import move_home

    move_home(Path(directory), node)
    click.echo(f"{node} is the home of the world.", err=True)


@command.command()
@click.argument("directory", metavar="DIR")
@click.argument("origin")
@click.argument("numbers")
@click.argument("ruling", type=click.Choice(["now", "lost"]))
def rule(directory: str, origin: str, numbers: str, ruling: Literal["now", "lost"]) -> None:
    """Have the home, which must run, state what becomes of entries that are stamped in the future.

    ORIGIN and NUMBERS (one, or the first and the last as 5-9) are as homeroom world check tells them. With now they
    count from now on; with lost, events and voids in them count for nothing, on all nodes and whether they were folded
    already or not. Of several rulings on an entry the last one counts.
    """
    from homeroom.running.world_place import rule as state_ruling

    first, last = _numbers(numbers)
    state_ruling(Path(directory), (origin, first, last), ruling, system_clock.now_ms())
    counts = "count now" if ruling == "now" else "count for nothing"
    which = f"Entry {first:,}" if first == last else f"Entries {first:,} to {last:,}"
    if first == last:
        counts = counts.replace("count", "counts", 1)
    click.echo(f"{which} of {origin} {counts}.", err=True)


def _numbers(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        return int(first), int(last or first)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no number of an entry, nor a first and a last one; write 5, or 5-9"
        ) from None


@command.command()
@click.argument("directory", metavar="DIR")
def renew(directory: str) -> None:
    """Make all certificates anew. Servers take them when they are started anew, nodes at their next connection."""
    from homeroom.adapters.world_directory import renew as renew_world

    world = renew_world(Path(directory), system_clock.now_ms())
    click.echo(
        f"Made certificates for {len(world.active())} servers and {len(world.members())} nodes."
    )


@command.command()
@click.argument("directory", metavar="DIR")
def check(directory: str) -> int:
    """Look at keys, certificates and settings, and say of each place whether it is as it must be.

    Nodes that run on this machine are asked what is wrong as they see it, and which entries are from the future: until
    when these wait, if nobody rules on them.
    """
    from homeroom.adapters.world_checking import check_world
    from homeroom.cli.repository_options import instant_text
    from homeroom.running.world_place import looks

    findings = check_world(Path(directory), system_clock.now_ms())
    seen = looks(Path(directory))
    findings += [finding for finding, _ in seen]
    for found in findings:
        click.echo(f"{'ok' if found.is_good else 'WRONG'}\t{found.place}\t{found.said}")
    for found, told in seen:
        for one in told.early:
            until = instant_text(one.until_ms)
            click.echo(f"early\t{found.place}\t{one.origin} {one.first}-{one.last} until {until}")
        for apart in told.apart:
            rows = f": {' '.join(apart.rows)}{'' if apart.is_all else ' …'}" if apart.rows else ""
            where = ", ".join(apart.shards)
            click.echo(f"apart\t{found.place}\tfrom {apart.node} in {where}{rows}")
    silent = [node for node in _nodes(directory) if node not in {told.node for _, told in seen}]
    if silent:
        click.echo(f"Not asked, since they do not run here: {', '.join(silent)}.", err=True)
    return status.CLEAN if all(found.is_good for found in findings) else status.WRONG


def _nodes(directory: str) -> list[str]:
    from homeroom.adapters.world_directory import WorldPlaces
    from homeroom.adapters.world_file import Stage, read_world

    return sorted(read_world(WorldPlaces(Path(directory)).regions, Stage.RUNNING).members())

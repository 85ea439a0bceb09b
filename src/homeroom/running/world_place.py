"""Where a node stands in its world at a start, by its settings and the file of regions, before anything is stated.

A node that is wrong about itself does the most harm: under another node's name it numbers that node's entries. So its
name must stand in the file, its settings must name a certificate, and its own key must be the one that the file gives
to others; else it does not start.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from homeroom.adapters.world_checking import Finding
from homeroom.adapters.world_directory import WorldPlaces
from homeroom.adapters.world_file import Stage, read_world
from homeroom.clock import hybrid_of
from homeroom.errors import ControlError, HomeroomError, SettingsError, StoreError
from homeroom.log.control import Change, Control
from homeroom.log.members import (
    AcknowledgementPut,
    HomeMoved,
    MemberFact,
    MemberFenced,
    MemberJoined,
    MemberLeft,
)
from homeroom.log.origins import Token
from homeroom.log.rulings import EntriesLost, Restamped
from homeroom.regions.fabric import Fabric, InProcess
from homeroom.regions.residency import heirs
from homeroom.regions.steps import Members
from homeroom.regions.world import Region, World
from homeroom.running.control_socket import ask_of_upkeep, ask_stated, ask_to_change
from homeroom.running.founding import vault_keyed
from homeroom.running.upkeep_requests import WorldAsked, WorldTold
from homeroom.serve.settings import Settings

__all__ = [
    "WorldPlace",
    "check_heirs",
    "fence",
    "hold",
    "join",
    "leave",
    "located",
    "looks",
    "move_home",
    "rule",
    "world_place",
]

_AUTHOR: Final = "command line"


@dataclass(frozen=True, slots=True)
class WorldPlace:
    """A node's place in its world.

    Attributes
    ----------
    world : all regions
    region : that of the node
    node : its name
    fabric : what carries its messages; it is not started
    """

    world: World
    region: Region
    node: str
    fabric: Fabric

    def check_key(self, public_text: str) -> None:
        """Raise `SettingsError` if this is not the public key by which the others know the node."""
        known = self.region.nodes[self.node].key
        if public_text != known:
            raise SettingsError(
                f"the key of {self.node} is {public_text}, and the file of regions says {known}: no other node would "
                f"believe it. Restore the node's key, or write this one into the files of all nodes"
            )


def world_place(settings: Settings) -> WorldPlace | None:
    """Return the place of a node under these settings; None for one that is alone.

    Raises
    ------
    SettingsError
        The file of regions makes no sense, does not name this node, or the fabric's certificates cannot be used.
    KeyFileError
        Others may read the key of the certificate.
    """
    if not settings.world.file:
        return None
    world = read_world(Path(settings.world.file), Stage.RUNNING)
    name = settings.node.name
    region = world.region_of(name)
    if region is None:
        there = ", ".join(sorted(world.members()))
        raise SettingsError(
            f"node.name is {name}, and {settings.world.file} has no such node; there are: {there}"
        )
    return WorldPlace(world, region, name, _fabric(settings, world, region))


def located(settings: Settings, world: World | None) -> Settings:
    """Return settings that say where the node is as the file of regions has it, which the others go by too.

    Raises `SettingsError` where they say that it is elsewhere: data of a tenant that is pinned would lie there.
    """
    region = None if world is None else world.region_of(settings.node.name)
    if region is None:
        return settings
    truth = {"region": region.name, "jurisdiction": region.jurisdiction}
    for what, known in truth.items():
        said = getattr(settings.node, what)
        if said not in ("", known):
            raise SettingsError(
                f"node.{what} is {said}, and {settings.world.file} says {known} of {settings.node.name}; leave "
                f"node.{what} out, or put the file of regions right at all nodes"
            )
    node = msgspec.structs.replace(settings.node, **truth)
    return msgspec.structs.replace(settings, node=node)


def _fabric(settings: Settings, world: World, region: Region) -> Fabric:
    name, own = settings.node.name, settings.world
    if len(world.members()) == 1:
        return InProcess(name, {})
    if not own.certificate:
        raise SettingsError(
            "world.certificate is not set, so no server of the fabric would let this node in; homeroom world init "
            "writes the settings of each node"
        )
    try:
        from homeroom.adapters.nats_fabric import NatsFabric, NatsOptions
    except ModuleNotFoundError as error:
        raise SettingsError(
            "nats-py is not installed, and nodes of a world talk by it; pip install 'homeroom[nats]'"
        ) from error
    options = NatsOptions(
        world=world.name,
        node=name,
        addresses=region.fabric,
        certificate=Path(own.certificate),
        certificate_key=Path(own.certificate_key),
        authority=Path(own.authority),
    )
    return NatsFabric(options)


# --- who belongs to the world ----------------------------------------------------------------------------------------


def join(path: Path, node: str) -> Token:
    """Have the home state that a node of the file of regions belongs to the world.

    Parameters
    ----------
    path : the directory of the world
    node : its name

    Raises
    ------
    SettingsError
        The file of regions makes no sense, or does not name the node.
    ControlError
        The home's node does not run on this machine, or refuses.
    """
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    said = world.members().get(node)
    if said is None:
        there = ", ".join(sorted(world.members()))
        raise SettingsError(f"the file of regions has no node {node[:80]!r}; there are: {there}")
    law = said.jurisdiction
    if law in world.vaults:
        # Before it belongs to the world: it may be the first of its jurisdiction.
        _stated(path, world, vault_keyed(world, law))
    fact = MemberJoined(node=node, region=said.region, jurisdiction=law, key=said.key)
    return _stated(path, world, fact)


def check_heirs(path: Path, node: str) -> None:
    """Raise `ControlError` if the documents of a node would leave the world with it; else as `join` does.

    They go nowhere else than to other nodes of its jurisdiction, and there is none that stays.
    """
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    control = Control()
    for number, change in enumerate(_changes(path, world), 1):
        control = control.folded(change, number)
    members, regions = control.members, {n: one.region for n, one in control.members.nodes.items()}
    fenced, laws = frozenset(members.fenced), members.jurisdictions
    if node in regions and not heirs(Members(0, regions, fenced, jurisdictions=laws), node):
        where = (
            f"jurisdiction {laws[node]}"
            if node in laws
            else "its jurisdiction, of which none was stated"
        )
        raise ControlError(
            f"{node} is the last node of {where}: the statements and documents that it has leave the world with it, "
            f"since no other node may have them. Back up its data directory, and give the "
            f"command again with --documents-leave"
        )


def fence(path: Path, node: str) -> Token:
    """Have the home state that nothing more is taken from a node: it is to leave. Raises as `join` does."""
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    return _stated(path, world, MemberFenced(node=node))


def leave(path: Path, node: str, forced: str, until: Callable[[], bool]) -> Token | None:
    """Have the home fence a node, and close it once all others have said what they hold of it; None if it is closed.

    Parameters
    ----------
    path : the directory of the world
    node : its name
    forced : why it is not waited any longer in the end, empty to give up then
    until : waits a moment, and says whether it is to be waited any longer

    Raises
    ------
    StoreError
        Some have not said it by then, and it is not forced: the node stays fenced, and this can be done again.
    SettingsError, ControlError
        As `join` raises them.
    """
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    if _has_left(_changes(path, world), node):
        return None
    _stated(path, world, MemberFenced(node=node))
    while True:
        try:
            return _stated(path, world, MemberLeft(node=node, closed={}))
        except StoreError:
            if not until():
                if not forced:
                    raise
                return _stated(path, world, MemberLeft(node=node, closed={}, forced=forced))


def hold(path: Path, least: Literal["local", "remote", "all"]) -> Token:
    """Have the home state how far every batch must have come before its client hears yes. Raises as `join` does."""
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    return _stated(path, world, AcknowledgementPut(least=least))


def rule(
    path: Path, entries: tuple[str, int, int], ruling: Literal["now", "lost"], now_ms: int
) -> Token:
    """Have the home state that entries count now, or for nothing. Raises as `join` does.

    Parameters
    ----------
    path : the directory of the world
    entries : the text of their origin, the first and the last number
    ruling : what becomes of them
    now_ms : milliseconds since 1970 UTC
    """
    origin, first, last = entries
    fact: MemberFact = EntriesLost(origin=origin, first=first, last=last)
    if ruling == "now":
        fact = Restamped(origin=origin, first=first, last=last, hybrid=hybrid_of(now_ms))
    return _stated(path, read_world(WorldPlaces(path).regions, Stage.RUNNING), fact)


def move_home(path: Path, node: str) -> Token:
    """Have a node state that it is the home of the world from now on.

    Raises
    ------
    SettingsError
        The file of regions makes no sense, or does not name the node.
    ControlError
        The node does not run on this machine, or refuses.
    """
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    region = world.region_of(node)
    if region is None:
        there = ", ".join(sorted(world.members()))
        raise SettingsError(f"the file of regions has no node {node[:80]!r}; there are: {there}")
    data = WorldPlaces(path).data(region.name, node)
    token = ask_to_change(data, HomeMoved(node=node, term=0), _AUTHOR)
    if token is None:
        raise ControlError(
            f"{node} does not run on {data}, and it has to state itself that it is the home; start it, or run this on "
            f"its machine"
        )
    return token


def looks(path: Path) -> list[tuple[Finding, WorldTold]]:
    """Return what nodes that run on this machine say of the world, and whether anything is wrong.

    Raises `SettingsError` as `join` does.
    """
    found = []
    places = WorldPlaces(path)
    world = read_world(places.regions, Stage.RUNNING)
    for region in world.active().values():
        for node in region.nodes:
            told = _told(places.data(region.name, node), node)
            if told is not None:
                found.append((_finding(f"{region.name}/{node}", told), told))
    return found


def _finding(place: str, told: WorldTold) -> Finding:
    said = "; ".join(told.troubles) or f"runs; the home is {told.home}"
    return Finding(place, said, is_good=not told.troubles)


def _running_home(places: WorldPlaces, world: World) -> str:
    """Return the node that states facts, as the one knows that has heard of the last move; else what the file says."""
    term, home = -1, world.home_node
    for region in world.active().values():
        for node in region.nodes:
            told = _told(places.data(region.name, node), node)
            if told is not None and told.term > term and world.region_of(told.home) is not None:
                term, home = told.term, told.home
    return home


def _told(data: Path, node: str) -> WorldTold | None:
    """Return what a node says of the world, None if it does not run here."""
    try:
        told = ask_of_upkeep(data, WorldAsked())
    except HomeroomError as error:
        return WorldTold(node=node, home="", troubles=(str(error),))
    assert told is None or isinstance(told, WorldTold), "that was asked"
    return told


def _stated(path: Path, world: World, fact: MemberFact) -> Token:
    name, home = _home(path, world)
    # A node that was started for this alone would number entries that no other node has heard of.
    token = ask_to_change(home, fact, _AUTHOR)
    if token is None:
        raise _not_running(name, home)
    return token


def _changes(path: Path, world: World) -> list[Change]:
    """Return what was stated at the home. Raises `ControlError` where it does not run."""
    name, home = _home(path, world)
    stated = ask_stated(home)
    if stated is None:
        raise _not_running(name, home)
    return stated


def _has_left(stated: list[Change], node: str) -> bool:
    """Say whether the last of what was stated of a node is that it has left."""
    told = [
        one.fact
        for one in stated
        if isinstance(one.fact, MemberJoined | MemberLeft) and one.fact.node == node
    ]
    return bool(told) and isinstance(told[-1], MemberLeft)


def _home(path: Path, world: World) -> tuple[str, Path]:
    """Return the node that states facts, and its data directory."""
    places = WorldPlaces(path)
    name = _running_home(places, world)
    region = world.region_of(name)
    assert region is not None, "it stands in the file"
    return name, places.data(region.name, name)


def _not_running(name: str, home: Path) -> ControlError:
    return ControlError(
        f"{name} does not run on {home}, and it alone states who belongs to the world; start it, or run "
        f"this on its machine"
    )

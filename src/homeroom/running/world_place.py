"""Where a node stands in its world at a start, by its settings and the file of regions, before anything is stated.

A node that is wrong about itself does the most harm: under another node's name it numbers that node's entries. So its
name must stand in the file, its settings must name a certificate, and its own key must be the one that the file gives
to others; else it does not start.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from homeroom.adapters.world_directory import WorldPlaces
from homeroom.adapters.world_file import Stage, read_world
from homeroom.errors import ControlError, SettingsError
from homeroom.log.members import (
    AcknowledgementPut,
    MemberFact,
    MemberFenced,
    MemberJoined,
    VaultKeyed,
)
from homeroom.log.origins import Token
from homeroom.regions.fabric import Fabric, InProcess
from homeroom.regions.world import Region, World
from homeroom.running.control_socket import ask_to_change
from homeroom.serve.settings import Settings

__all__ = ["WorldPlace", "fence", "hold", "join", "located", "world_place"]

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
        _stated(path, world, VaultKeyed(jurisdiction=law, check=world.vaults[law]))
    fact = MemberJoined(node=node, region=said.region, jurisdiction=law, key=said.key)
    return _stated(path, world, fact)


def fence(path: Path, node: str) -> Token:
    """Have the home state that nothing more is taken from a node: it is to leave. Raises as `join` does."""
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    return _stated(path, world, MemberFenced(node=node))


def hold(path: Path, least: Literal["local", "remote", "all"]) -> Token:
    """Have the home state how far every batch must have come before its client hears yes. Raises as `join` does."""
    world = read_world(WorldPlaces(path).regions, Stage.RUNNING)
    return _stated(path, world, AcknowledgementPut(least=least))


def _stated(path: Path, world: World, fact: MemberFact) -> Token:
    home = WorldPlaces(path).data(world.home, world.home_node)
    # A node that was started for this alone would number entries that no other node has heard of.
    token = ask_to_change(home, fact, _AUTHOR)
    if token is None:
        raise ControlError(
            f"{world.home_node} does not run on {home}, and it alone states who belongs to the world; start it, or run "
            f"this on its machine"
        )
    return token

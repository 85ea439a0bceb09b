"""Whether the directory of a world has all that its nodes and servers need; nothing is changed.

A key that is missing, one that others may read, a certificate that ends next week: each would show as a node that
nobody hears, long after it was done. So each place is looked at, and what is wrong there is told with what to do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homeroom.adapters.authorities import certificate_end, certificate_files
from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.nats_servers import NatsServer, ServerFiles, nats_program
from homeroom.adapters.signing import open_node_key
from homeroom.adapters.vault.places import (
    VAULT_KEY_FILE,
    open_vault_key,
    seal_key_of,
    vault_key_check,
)
from homeroom.adapters.world_directory import (
    REGIONS_FILE,
    WorldPlaces,
    data_directories,
    vault_directories,
)
from homeroom.adapters.world_file import Stage, read_world
from homeroom.errors import HomeroomError, KeyFileError, SettingsError
from homeroom.regions.world import Region, World

__all__ = ["Finding", "check_world"]

_DAY_MS: Final = 86_400_000
_LEFT_MS_MIN: Final = 30 * _DAY_MS


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one place; ``is_good`` if nothing has to be done."""

    place: str
    said: str
    is_good: bool


def check_world(path: Path, now_ms: int) -> list[Finding]:
    """Look at the directory of a world; ``now_ms`` is milliseconds since 1970 UTC.

    Raises
    ------
    SettingsError
        The file of regions cannot be read, or makes no sense.
    """
    places = WorldPlaces(path)
    world = read_world(places.regions, Stage.RUNNING)
    findings = [
        _found(REGIONS_FILE, lambda: f"{len(world.active())} regions, home {world.home}"),
        _found("tenant's key", lambda: _tenant_key(places, world)),
    ]
    laws = sorted({region.jurisdiction for region in world.active().values()})
    findings += [_look(f"vault key of {law}", _vault_key, places, world, law) for law in laws]
    for region in world.active().values():
        findings.append(_look(f"{region.name}/fabric", _server, places, region, now_ms))
        findings += [
            _look(f"{region.name}/{node}", _node, places, region, node, now_ms)
            for node in region.nodes
        ]
    return findings


def _look(place: str, look: Callable[..., str], *about: object) -> Finding:
    return _found(place, lambda: look(*about))


def _found(place: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(place, look(), is_good=True)
    except HomeroomError as error:
        return Finding(place, str(error), is_good=False)


def _tenant_key(places: WorldPlaces, world: World) -> str:
    paths = [DataDirectory(data).key_path for data in data_directories(places, world)]
    for path in paths:
        _check_present(path)
    if len({open_key(path) for path in paths}) > 1:
        raise KeyFileError(
            "nodes have different tenant keys, so one account would be several learners; put one in all places"
        )
    return f"one in {len(paths)} places"


def _vault_key(places: WorldPlaces, world: World, law: str) -> str:
    directories = vault_directories(places, world, law)
    for directory in directories:
        _check_present(directory / VAULT_KEY_FILE)
    checks = {vault_key_check(open_vault_key(directory)) for directory in directories}
    if checks != {world.vaults.get(law)}:
        raise KeyFileError(
            f"nodes of {law} have other vault keys than {REGIONS_FILE} names, or it names none, so they share no "
            f"documents; put one in all places of {law}"
        )
    seal = seal_key_of(open_vault_key(directories[0])).public_text
    if world.seals.get(law, seal) != seal:
        raise KeyFileError(
            f"others seal for {law} by {world.seals[law]}, which {REGIONS_FILE} names, and from its vault key follows "
            f"{seal}: nothing that they seal could be opened. Take the line out, and give homeroom world add again"
        )
    return f"one in {len(directories)} place{'s' if len(directories) > 1 else ''}"


def _server(places: WorldPlaces, region: Region, now_ms: int) -> str:
    days = _days_left(places.server(region.name) / ServerFiles.SERVER, now_ms)
    if nats_program() is None:
        return f"certificate for {days} days; settings not tried, for nats-server is not installed here"
    NatsServer(places.server(region.name)).check()
    return f"certificate for {days} days; nats-server takes the settings"


def _node(places: WorldPlaces, region: Region, node: str, now_ms: int) -> str:
    days = _days_left(places.certificate(region.name, node), now_ms)
    file = places.data(region.name, node) / "node.key"
    _check_present(file)
    if open_node_key(file).public_text != region.nodes[node].key:
        raise KeyFileError(
            f"{file} is not the key that {REGIONS_FILE} names, so nobody would believe this node; restore the key"
        )
    settings = places.settings(region.name, node)
    if not settings.exists():
        raise SettingsError(f"{settings} is missing; restore it from a copy")
    return f"certificate for {days} days; its key is the one that others know"


def _check_present(key: Path) -> None:
    # Opening one that is missing would make a new one.
    if not key.exists():
        raise KeyFileError(f"{key} is missing; restore it from a copy")


def _days_left(stem: Path, now_ms: int) -> int:
    file, key = certificate_files(stem)
    _check_present(key)
    left_ms = certificate_end(file) - now_ms
    if left_ms < _LEFT_MS_MIN:
        raise KeyFileError(
            f"certificate {file} ends in {left_ms // _DAY_MS} days; run homeroom world renew"
        )
    return left_ms // _DAY_MS

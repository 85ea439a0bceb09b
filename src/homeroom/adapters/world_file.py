"""The file of regions: read, checked and written (TOML 1.0).

Every node of a world reads the same file, and believes what is in it before it has heard from anybody: a key that is
wrong there is a stranger let in, a name that stands twice two nodes that number each other's entries. So the whole file
is checked before any of it is used, what is not known is refused with the name that it might be, and the message names
region and node.
"""

import difflib
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from homeroom import limits
from homeroom.adapters.signing import KnownKeys
from homeroom.errors import InputError, SettingsError
from homeroom.regions.world import Region, RegionNode, RegionState, World

__all__ = ["SHIPPED", "Stage", "check_name", "parse_world", "read_world", "written_world"]

SHIPPED: Final = Path(__file__).with_name("regions.toml")
"""The world that is shipped, as a plan."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FORM: Final = "small letters, digits and hyphens, at most 63, and no hyphen first"
_HOW: Final = "docs/reference/regions-file.md says what there is"


class Stage(Enum):
    """How much must be said already."""

    PLANNED = "planned"
    """Where regions are; nodes and keys may be missing."""
    RUNNING = "running"
    """All that nodes need to find and to believe each other."""


class _NodeTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    key: str = ""
    http: str = ""


class _RegionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    jurisdiction: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
    tier: Annotated[int, Meta(ge=1, le=3)] = 1
    state: RegionState = RegionState.ACTIVE
    fabric: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    nodes: dict[str, Any] = {}


class _WorldTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    name: str
    home: str
    regions: dict[str, Any]
    vaults: dict[str, Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]] = {}
    seals: dict[str, Annotated[str, Meta(pattern=r"^x25519:[A-Za-z0-9+/]{43}=\Z")]] = {}


def read_world(path: Path, stage: Stage) -> World:
    """Return the world in a file.

    Raises
    ------
    SettingsError
        The file cannot be read, or something in it may not be; the message says what, where, and what to do.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limits.REGIONS_FILE_BYTES_MAX + 1)
        if len(content) > limits.REGIONS_FILE_BYTES_MAX:
            raise SettingsError(
                f"{path} has more than {limits.REGIONS_FILE_BYTES_MAX:,} bytes; name a file of regions"
            )
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"the regions in {path} cannot be read: {why}; name a world that homeroom world init has made, or its file"
        ) from None
    return parse_world(text, str(path), stage)


def parse_world(text: str, source: str, stage: Stage) -> World:
    """Return the world in a text; ``source`` is its name in messages. Raises `SettingsError`."""
    try:
        written = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{source} is no TOML: {error}") from None
    table = _read(_WorldTable, written, source)
    check_name(table.name, f"{source}: the world")
    if not 1 <= len(table.regions) <= limits.REGIONS_MAX:
        raise SettingsError(
            f"{source} has {len(table.regions)} regions, must be 1 to {limits.REGIONS_MAX}"
        )
    world = World(
        name=table.name,
        home=table.home,
        regions={name: _region(name, fields, source) for name, fields in table.regions.items()},
        vaults=table.vaults,
        seals=table.seals,
    )
    _check_vaults(world, source)
    _check_nodes(world, source)
    if world.home not in world.active():
        there = ", ".join(world.active()) or "none"
        raise SettingsError(
            f"{source}: the home is {world.home[:80]!r}, which is no active region; there are: {there}"
        )
    if stage is Stage.RUNNING:
        _check_running(world, source)
    return world


def _region(name: str, written: object, source: str) -> Region:
    place = f"{source}: region {name[:80]}"
    check_name(name, place)
    table = _read(_RegionTable, written, place)
    if math.isnan(table.latitude) or math.isnan(table.longitude):
        raise SettingsError(f"{place}: latitude and longitude must be numbers; {_HOW}")
    for address in (*table.fabric, *table.gateways):
        _check_address(address, ("tls",), place)
    nodes = {}
    for node, fields in table.nodes.items():
        where = f"{place}, node {node[:80]}"
        check_name(node, where)
        said = _read(_NodeTable, fields, where)
        if said.http:
            _check_address(said.http, ("https", "http"), where)
        nodes[node] = RegionNode(key=said.key, http=said.http)
    if nodes and table.state is RegionState.READY:
        raise SettingsError(
            f'{place} is only ready, and has nodes; say state = "active", or take them away'
        )
    return Region(
        name=name,
        latitude=table.latitude,
        longitude=table.longitude,
        jurisdiction=table.jurisdiction,
        tier=table.tier,
        state=table.state,
        fabric=table.fabric,
        gateways=table.gateways,
        nodes=nodes,
    )


def _check_vaults(world: World, source: str) -> None:
    there = {region.jurisdiction for region in world.regions.values()}
    for law in world.vaults.keys() - there:
        raise SettingsError(
            f"{source}: a vault key is named for jurisdiction {law[:80]!r}, in which no region is; there are: "
            f"{', '.join(sorted(there))}"
        )
    for law in world.seals.keys() - world.vaults.keys():
        raise SettingsError(
            f"{source}: a key to seal by is named for jurisdiction {law[:80]!r} and no vault key, from which it "
            f"follows; name its check under [vaults]"
        )


def _check_nodes(world: World, source: str) -> None:
    """Check what must hold of all nodes together: names and keys are of one node, and there are not too many."""
    regions: dict[str, str] = {}
    keys: dict[str, str] = {}
    for region, name, node in _nodes(world):
        if name in regions:
            raise SettingsError(
                f"{source}: node {name} stands in regions {regions[name]} and {region}; no two nodes share a name"
            )
        if node.key and node.key in keys:
            raise SettingsError(
                f"{source}: nodes {keys[node.key]} and {name} have one key; each makes its own at its first start"
            )
        regions[name] = region
        keys[node.key] = name
    if len(regions) > limits.WORLD_NODES_MAX:
        raise SettingsError(
            f"{source} has {len(regions)} nodes, at most {limits.WORLD_NODES_MAX} are allowed"
        )
    try:
        KnownKeys({name: node.key for _, name, node in _nodes(world) if node.key})
    except InputError as error:
        raise SettingsError(f"{source}: {error}") from None


def _check_running(world: World, source: str) -> None:
    for region in world.active().values():
        place = f"{source}: region {region.name}"
        if not region.nodes:
            raise SettingsError(
                f'{place} is active and has no nodes; add one, or say state = "ready"'
            )
        for name, node in region.nodes.items():
            if not node.key:
                raise SettingsError(
                    f"{place}, node {name} has no `key`, so nobody could believe it; homeroom world init writes it"
                )
        if len(world.members()) > 1 and not region.fabric:
            raise SettingsError(
                f'{place} has no `fabric`; give the addresses of its servers, such as ["tls://127.0.0.1:4222"]'
            )


def _nodes(world: World) -> Iterator[tuple[str, str, RegionNode]]:
    for region in world.regions.values():
        for name, node in region.nodes.items():
            yield region.name, name, node


def _read(kind: type[Any], written: object, place: str) -> Any:  # noqa: ANN401 - of the kind that is asked for
    if isinstance(written, Mapping):
        known = kind.__struct_fields__
        for name in written:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise SettingsError(f"{place}: {str(name)[:80]!r} is not known; {hint}")
    try:
        return msgspec.convert(written, kind)
    except msgspec.ValidationError as error:
        said = str(error).replace("`$.", "`").replace(" - at `$`", "")
        raise SettingsError(f"{place}: {said}; {_HOW}") from None


def check_name(name: str, place: str) -> None:
    """Raise `SettingsError` if that is no name of a world, region or node; ``place`` says whose it would be."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{place} is named {name[:80]!r}; a name must be {_FORM}")


def _check_address(address: str, schemes: tuple[str, ...], place: str) -> None:
    try:
        parts = urlsplit(address)
        is_good = (
            parts.scheme in schemes
            and parts.hostname is not None
            and parts.port is not None
            and address == f"{parts.scheme}://{parts.netloc}"
            and "@" not in parts.netloc
            and re.fullmatch(r"[\w.:\[\]-]+", parts.netloc, re.ASCII) is not None
        )
    except ValueError:
        is_good = False
    if not is_good:
        forms = " or ".join(f"{scheme}://HOST:PORT" for scheme in schemes)
        raise SettingsError(
            f"{place}: address {address[:80]!r} cannot be used; must be {forms}, without a name or a password"
        )


# --- written down ----------------------------------------------------------------------------------------------------


def written_world(world: World) -> str:
    """Return a world as a file that `parse_world` reads as the same."""
    lines = [
        "# The regions of this world, and whom a node believes before it has heard from anybody.",
        "# docs/reference/regions-file.md says what each line means.",
        "",
        f"name = {json.dumps(world.name)}",
        f"home = {json.dumps(world.home)}",
    ]
    for region in world.regions.values():
        lines += [
            "",
            f"[regions.{region.name}]",
            f"latitude = {float(region.latitude)}",
            f"longitude = {float(region.longitude)}",
            f"jurisdiction = {json.dumps(region.jurisdiction)}",
            f"tier = {region.tier}",
            f"state = {json.dumps(region.state)}",
            f"fabric = {json.dumps(region.fabric)}",
            f"gateways = {json.dumps(region.gateways)}",
        ]
        for name, node in region.nodes.items():
            lines += [
                "",
                f"[regions.{region.name}.nodes.{name}]",
                f"key = {json.dumps(node.key)}",
                f"http = {json.dumps(node.http)}",
            ]
    if world.vaults:
        lines += [
            "",
            "[vaults]",
            *(f'{law} = "{check}"' for law, check in sorted(world.vaults.items())),
        ]
    if world.seals:
        lines += ["", "[seals]", *(f'{law} = "{key}"' for law, key in sorted(world.seals.items()))]
    return "\n".join(lines) + "\n"

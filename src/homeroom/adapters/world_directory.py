"""A whole world in one directory: keys, certificates, servers of the fabric and settings of nodes, a folder a region.

    regions.toml                 who there is; all nodes read it
    authorities/                 who signs certificates; needed only to add something, so keep it elsewhere
    REGION/fabric/               settings and certificates of the region's server, as nats-server wants them
    REGION/NODE/node.toml        settings of a node, for homeroom serve --config
    REGION/NODE/fabric.crt .key  by which it shows the servers who it is; servers.crt: by which it knows them
    REGION/NODE/data/            its data directory; its own signing key is there, the tenant's key, and the vault's

The tenant's key is the same in all regions, because the same account must come to the same learner everywhere; so it is
copied, and whoever carries a region's folder to another machine carries it too. The vault key is the same in the
regions of one jurisdiction, which share their documents, and another one in each: it crosses no border. Everything that
is there already is left as it is, so that what was interrupted can be run again, and a region be added to a world that
runs.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from homeroom.adapters.authorities import Authority, Purpose, certificate_files
from homeroom.adapters.directory import DataDirectory
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.nats_servers import CONF, ServerFiles, server_settings
from homeroom.adapters.signing import open_node_key
from homeroom.adapters.vault.places import (
    VAULT_KEY_FILE,
    open_vault_key,
    seal_key_of,
    vault_key_check,
)
from homeroom.adapters.whole_files import PRIVATE, whole_file
from homeroom.adapters.world_file import Stage, check_name, parse_world, read_world, written_world
from homeroom.errors import KeyFileError, SettingsError
from homeroom.regions.world import Region, RegionNode, RegionState, World

__all__ = [
    "REGIONS_FILE",
    "WorldPlaces",
    "activate",
    "add_node",
    "data_directories",
    "make_world",
    "renew",
    "vault_directories",
]

REGIONS_FILE: Final = "regions.toml"
_AUTHORITIES: Final = "authorities"
_HOST: Final = "127.0.0.1"
_BLOCK: Final = 10
"""Ports of a region: fabric, gateway, monitor, and those of its nodes."""
_NODES_AT: Final = 3

_Authorities: TypeAlias = Mapping[Purpose, Authority]


@dataclass(frozen=True, slots=True)
class WorldPlaces:
    """Where what lies in the directory of a world."""

    path: Path

    @property
    def regions(self) -> Path:
        """The file of regions."""
        return self.path / REGIONS_FILE

    def authority(self, purpose: Purpose) -> Path:
        """Return where an authority lies, without its ending."""
        return self.path / _AUTHORITIES / f"{purpose.value}s"

    def server(self, region: str) -> Path:
        """Return the folder of a region's server."""
        return self.path / region / "fabric"

    def settings(self, region: str, node: str) -> Path:
        """Return where the settings of a node lie."""
        return self.path / region / node / "node.toml"

    def certificate(self, region: str, node: str) -> Path:
        """Return by what a node shows who it is, without its ending."""
        return self.path / region / node / "fabric"

    def data(self, region: str, node: str) -> Path:
        """Return the data directory of a node."""
        return self.path / region / node / "data"


# --- made ------------------------------------------------------------------------------------------------------------


def make_world(path: Path, plan: World, first_port: int, nodes: int, now_ms: int) -> World:
    """Write what the active regions of a plan need to run on this machine.

    Parameters
    ----------
    path : the directory, which is made if there is none
    plan : regions; those without nodes get some, those without addresses loopback ones
    first_port : regions get blocks of ten ports from here on
    nodes : how many nodes a region gets that has none
    now_ms : the time, milliseconds since 1970 UTC

    Returns
    -------
    World
        as its file has it now

    Raises
    ------
    SettingsError
        There is a world in the directory already, or something in the plan cannot be.
    KeyFileError, SourceError
        A key or a file cannot be written.
    """
    places = WorldPlaces(path)
    if places.regions.exists():
        raise SettingsError(
            f"{places.regions} is there already; add a region with homeroom world add, or name another directory"
        )
    if not 1 <= nodes <= _BLOCK - _NODES_AT:
        raise SettingsError(f"nodes == {nodes}, must be 1 to {_BLOCK - _NODES_AT}")
    authorities = {}
    for purpose in Purpose:
        stem = places.authority(purpose)
        _folder(stem.parent)
        authorities[purpose] = Authority.make(stem, f"{plan.name} {stem.name}", now_ms)
    return _made(places, _filled(plan, first_port, nodes), authorities, now_ms)


def activate(path: Path, region: str, now_ms: int) -> World:
    """Make a region that was only ready run one node from now on; write what it needs. Raises as `make_world` does."""
    places = WorldPlaces(path)
    world = read_world(places.regions, Stage.RUNNING)
    if region not in world.regions:
        raise SettingsError(
            f"there is no region {region[:80]!r} in {places.regions}; there are: {', '.join(world.regions)}"
        )
    if world.regions[region].state is RegionState.ACTIVE:
        raise SettingsError(
            f"region {region} runs nodes already, and nothing was changed; --node NAME adds a further one"
        )
    active = replace(world.regions[region], state=RegionState.ACTIVE)
    first_port = min(_ports(world), default=18_000)
    regions = {**world.regions, region: active}
    plan = _filled(replace(world, regions=regions), first_port, 1)
    return _made(places, plan, _opened(places), now_ms)


def add_node(path: Path, region: str, node: str, now_ms: int) -> World:
    """Have a region that runs nodes run a further one; write what it needs. Raises as `make_world` does."""
    places = WorldPlaces(path)
    world = read_world(places.regions, Stage.RUNNING)
    known = world.active().get(region)
    if known is None:
        there = ", ".join(world.active())
        raise SettingsError(f"no region {region[:80]!r} runs nodes; there are: {there}")
    check_name(node, "the node")
    if node in world.members():
        raise SettingsError(f"there is a node {node} already; nothing was changed")
    more = replace(known, nodes={**known.nodes, node: RegionNode(key="")})
    first_port = min(_ports(world), default=18_000)
    plan = _filled(replace(world, regions={**world.regions, region: more}), first_port, 1)
    return _made(places, plan, _opened(places), now_ms)


def renew(path: Path, now_ms: int) -> World:
    """Make all certificates anew; servers want to be told (SIGHUP), nodes use theirs at their next connection.

    Raises as `make_world` does; `KeyFileError` too if an authority is not there.
    """
    places = WorldPlaces(path)
    world = read_world(places.regions, Stage.RUNNING)
    authorities = _opened(places)
    for region in world.active().values():
        stem = places.server(region.name) / ServerFiles.SERVER
        authorities[Purpose.SERVER].issue(stem, _hosts(region), Purpose.SERVER, now_ms)
        for node in region.nodes:
            stem = places.certificate(region.name, node)
            authorities[Purpose.NODE].issue(stem, [node], Purpose.NODE, now_ms)
    return world


def _opened(places: WorldPlaces) -> _Authorities:
    return {purpose: Authority.open(places.authority(purpose)) for purpose in Purpose}


def _filled(plan: World, first_port: int, nodes: int) -> World:
    """Give active regions the nodes and addresses that they lack."""
    used, regions = _ports(plan), dict(plan.regions)
    for name, region in plan.active().items():
        while any(first_port + n in used for n in range(_BLOCK)):
            first_port += _BLOCK
        if first_port + _BLOCK > 65_536:
            raise SettingsError(
                f"there are no ports left for region {name}; begin with a lower --first-port"
            )
        names = list(region.nodes) or [f"{name}-{n}" for n in range(1, nodes + 1)]
        if len(names) > _BLOCK - _NODES_AT:
            raise SettingsError(
                f"region {name} has {len(names)} nodes, at most {_BLOCK - _NODES_AT} on one machine"
            )
        with_http = {
            node: _with_http(region.nodes.get(node, RegionNode(key="")), first_port + _NODES_AT + n)
            for n, node in enumerate(names)
        }
        filled = replace(
            region,
            nodes=with_http,
            fabric=region.fabric or (f"tls://{_HOST}:{first_port}",),
            gateways=region.gateways or (f"tls://{_HOST}:{first_port + 1}",),
        )
        if filled != region:
            used |= set(range(first_port, first_port + _BLOCK))
        regions[name] = filled
    return replace(plan, regions=regions)


def _with_http(node: RegionNode, port: int) -> RegionNode:
    return node if node.http else replace(node, http=f"http://{_HOST}:{port}")


def _ports(world: World) -> set[int]:
    """Return the blocks of ports that addresses of this machine lie in."""
    found: set[int] = set()
    for region in world.regions.values():
        https = [node.http for node in region.nodes.values() if node.http]
        for address in (*region.fabric, *region.gateways, *https):
            found.add(urlsplit(address).port or 0)
    return found


def _made(places: WorldPlaces, plan: World, authorities: _Authorities, now_ms: int) -> World:
    # Through its text, so that nothing is made for a file that would not be read.
    world = parse_world(written_world(plan), "the plan", Stage.PLANNED)
    if {_AUTHORITIES, REGIONS_FILE} & set(world.regions):
        raise SettingsError(f"no region can be called {_AUTHORITIES}; give it another name")
    regions = dict(world.regions)
    for region in world.active().values():
        nodes = {
            node: replace(said, key=_node_key(places, region.name, node, said.key))
            for node, said in region.nodes.items()
        }
        regions[region.name] = replace(region, nodes=nodes)
    world = parse_world(written_world(replace(world, regions=regions)), "the plan", Stage.RUNNING)
    _share_tenant_key(places, world)
    world = _with_vault_keys(places, world)
    for region in world.active().values():
        _make_server(places, world, region, authorities, now_ms)
        for node in region.nodes:
            _make_node(places, region, node, authorities, now_ms)
    # Last, for it is what says that all the rest is there.
    _write(places.regions, written_world(world).encode())
    return world


def _node_key(places: WorldPlaces, region: str, node: str, planned: str) -> str:
    data = places.data(region, node)
    _folder(data)
    key = open_node_key(data / "node.key").public_text
    if planned not in ("", key):
        raise SettingsError(
            f"node {node} of region {region} has the key {planned} in the file of regions, and {data / 'node.key'} is "
            f"another; take the key out of the file, or put that node's key there"
        )
    return key


def _share_tenant_key(places: WorldPlaces, world: World) -> None:
    """Have all nodes use one tenant key: the one that is there, or a new one."""
    paths = [DataDirectory(data).key_path for data in data_directories(places, world)]
    present = [path for path in paths if path.exists()] or paths[:1]
    keys = {open_key(path) for path in present}
    if len(keys) > 1:
        raise KeyFileError(
            f"{present[0]} and others of this world hold several tenant keys; nodes with different keys cannot share "
            f"learners. Put the same file in all places"
        )
    content = present[0].read_bytes()
    for path in paths:
        if not path.exists():
            _write(path, content, PRIVATE)


def _with_vault_keys(places: WorldPlaces, world: World) -> World:
    """Have the nodes of each jurisdiction use one vault key; return the world with the checks of these, and the seals.

    A jurisdiction whose nodes have several already is left out: what is under them could not be read by the others.
    """
    vaults, seals = dict(world.vaults), dict(world.seals)
    for law in sorted({region.jurisdiction for region in world.active().values()}):
        paths = [data / VAULT_KEY_FILE for data in vault_directories(places, world, law)]
        present = [path for path in paths if path.exists()]
        if not present and law in vaults:
            raise KeyFileError(
                f"no node of jurisdiction {law} in {places.path} has the vault key that its regions share; copy "
                f"{VAULT_KEY_FILE} from one of them to {paths[0]}"
            )
        keys = {open_vault_key(path.parent) for path in present or paths[:1]}
        checks = {vault_key_check(key) for key in keys}
        if law in vaults and checks != {vaults[law]}:
            raise KeyFileError(
                f"{present[0]} or another vault key of jurisdiction {law} is not the one with the check {vaults[law]}, "
                f"which {REGIONS_FILE} has; put the same file in all places of {law}"
            )
        if len(keys) > 1:
            continue
        vaults[law] = min(checks)
        seals.setdefault(law, seal_key_of(min(keys)).public_text)
        content = (present or paths)[0].read_bytes()
        for path in paths:
            if not path.exists():
                _write(path, content, PRIVATE)
    return replace(world, vaults=vaults, seals=seals)


def vault_directories(places: WorldPlaces, world: World, law: str) -> list[Path]:
    """Return the data directories of the nodes of a jurisdiction."""
    regions = [region for region in world.active().values() if region.jurisdiction == law]
    return [places.data(region.name, node) for region in regions for node in region.nodes]


def data_directories(places: WorldPlaces, world: World) -> Iterator[Path]:
    """Yield the data directory of each node of a world."""
    for region in world.active().values():
        for node in region.nodes:
            yield places.data(region.name, node)


def _make_server(
    places: WorldPlaces, world: World, region: Region, authorities: _Authorities, now_ms: int
) -> None:
    folder = places.server(region.name)
    _folder(folder)
    stem = folder / ServerFiles.SERVER
    if not _is_issued(stem):
        authorities[Purpose.SERVER].issue(stem, _hosts(region), Purpose.SERVER, now_ms)
    _write(folder / ServerFiles.SERVERS, authorities[Purpose.SERVER].pem)
    _write(folder / ServerFiles.NODES, authorities[Purpose.NODE].pem)
    monitor_port = (urlsplit(region.fabric[0]).port or 0) + 2
    _write(folder / CONF, server_settings(world, region, monitor_port).encode())


def _hosts(region: Region) -> list[str]:
    hosts = [urlsplit(one).hostname or "" for one in (*region.fabric, *region.gateways)]
    return list(dict.fromkeys(hosts))


def _is_issued(stem: Path) -> bool:
    return all(file.exists() for file in certificate_files(stem))


def _make_node(
    places: WorldPlaces, region: Region, node: str, authorities: _Authorities, now_ms: int
) -> None:
    stem = places.certificate(region.name, node)
    if not _is_issued(stem):
        authorities[Purpose.NODE].issue(stem, [node], Purpose.NODE, now_ms)
    authority = stem.with_name(ServerFiles.SERVERS)
    _write(authority, authorities[Purpose.SERVER].pem)
    settings = places.settings(region.name, node)
    if not settings.exists():
        text = _settings(places, region, node, authority)
        _write(settings, text.encode())


def _settings(places: WorldPlaces, region: Region, node: str, authority: Path) -> str:
    crt, key = certificate_files(places.certificate(region.name, node))
    data = places.data(region.name, node)
    http = urlsplit(region.nodes[node].http)
    return f"""\
# Settings of node {node} in region {region.name}; homeroom init writes a file in which all settings are explained.

[server]
host = "{http.hostname}"
port = {http.port}

[node]
name = "{node}"
erasure_register = {_quoted(data.with_name("erasures.register"))}

[world]
file = {_quoted(places.regions)}
certificate = {_quoted(crt)}
certificate_key = {_quoted(key)}
authority = {_quoted(authority)}
"""


def _quoted(path: Path) -> str:
    # A node may be started anywhere. JSON's form of a text is TOML's too, but for pairs of surrogates.
    return json.dumps(str(path.resolve()), ensure_ascii=False)


def _write(path: Path, content: bytes, mode: int = PRIVATE | 0o044) -> None:
    with whole_file(path, mode) as sink:
        sink.write(content)


def _folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be made: {error.strerror}; name a directory that is yours"
        ) from error

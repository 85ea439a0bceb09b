"""What a start finds in a data directory: states as their snapshots have them, and the log after these.

The newest whole snapshot of every tenant is opened, and the entries of the log after it are folded; so is the vault of
records. Nothing is written here but the files that a first start makes.
"""

import contextlib
import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from homeroom import limits
from homeroom.adapters.directory import SHARDS_FOLDER
from homeroom.adapters.log_folder import SqliteLogFolder
from homeroom.adapters.signing import NodeKey, is_signed, open_node_key
from homeroom.adapters.threads import ThreadRun
from homeroom.adapters.vault.copies import VaultCopies
from homeroom.adapters.vault.places import (
    VAULT_COPIES,
    VAULT_FILE,
    VAULT_KEY_FILE,
    open_vault_key,
    own_vault_keys,
    seal_key_of,
    vault_key_check,
    vault_key_path,
)
from homeroom.adapters.vault.sealing import TenantKeys
from homeroom.clock import hybrid_ms
from homeroom.cohorts.live import Trouble
from homeroom.errors import DataDirectoryError, KeyFileError, StoreError, VaultError
from homeroom.events.generations import Readmitted
from homeroom.log.control import MAIN, Control
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Vector
from homeroom.log.rulings import Ruling, ruled_stamp
from homeroom.log.store import expect
from homeroom.node.folding import Folding, TenantState
from homeroom.regions.stated import Stated
from homeroom.regions.world import World
from homeroom.running.committing import LastingStore
from homeroom.running.in_world import InWorld
from homeroom.running.installing import install
from homeroom.running.loaded import adopt_loads, check_loads
from homeroom.running.recording import RecordReader
from homeroom.running.refolding import (
    Refolding,
    fold_all,
    make_tenants,
    skip_applied,
    stated_entries,
    stated_of,
    until_early,
    want_left_out,
)
from homeroom.running.residing import VaultKey
from homeroom.running.seconding import is_lone_at_start
from homeroom.running.sharding.heading import Head, open_head
from homeroom.running.sharding.options import ShardOptions, check_directory, check_settings
from homeroom.running.snapshots import Snapshots

__all__ = [
    "Held",
    "NodeOptions",
    "Opened",
    "Recording",
    "hold",
    "open_all",
    "open_held",
    "open_vault",
    "opened_folding",
    "own_name",
    "zone_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """How a node runs.

    Parameters
    ----------
    now_ms : the clock of the machine, milliseconds since 1970 UTC
    name : of the node; no two nodes of a world share one
    region, jurisdiction : where it is, and under which law; empty if nobody said
    timezone : in which the days of the first tenant are cut, if the directory does not say
    wait_ms : how long a read waits for an entry that it wants to be after
    snapshot_ms : after so long a snapshot is written, if anything has come
    record_copy_ms : after so long the vault's file is copied, if anything has come; 0 for never
    store_url : of the PostgreSQL database that holds the log; empty for files in the directory
    erasure_register : where erasures are durable, outside of the directory; None for a node that takes none
    backup_days : for how many days backups are kept; None if nobody said
    keeps_answers : whether a Redis may have answers from a life before, which erasures wait to have removed
    world : of which the node is a member, None for a node alone
    is_serving : whether it answers anybody; one that is started to state a fact needs no register
    is_repair : whether the directory is opened to be repaired: nobody begins a life on it
    shards : how its learners are in shards; None for a node that has all of them itself
    """

    now_ms: Callable[[], int]
    name: str = "node"
    region: str = ""
    jurisdiction: str = ""
    timezone: str = "UTC"
    wait_ms: int = 5_000
    snapshot_ms: int = 300_000
    record_copy_ms: int = 21_600_000
    store_url: str = ""
    erasure_register: Path | None = None
    backup_days: int | None = None
    keeps_answers: bool = False
    world: InWorld | None = None
    is_serving: bool = True
    is_repair: bool = False
    shards: ShardOptions | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A directory that no other process has, nothing of it read; ``stack`` lasts as long as the node."""

    stack: ExitStack
    snapshots: Snapshots


@dataclass(frozen=True, slots=True)
class Opened:
    """What a start finds in a directory; ``stated`` is all that was stated, what is not folded yet too.

    Where learners are in shards, ``head`` is what these begin with, and what is folded has no learners.
    """

    stack: ExitStack
    store: LastingStore
    snapshots: Snapshots
    folding: Folding
    stated: Stated
    key: NodeKey
    troubles: tuple[Trouble, ...]
    refolding: Refolding
    head: Head | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The vault of a directory, and what changes it."""

    path: Path
    keys_of: Callable[[str], TenantKeys]
    reader: RecordReader
    copies: VaultCopies
    troubles: tuple[Trouble, ...]
    readmitted: dict[str, Readmitted]
    """By tenant, as was stated so far: whoever follows the control stream adds to it."""
    key: VaultKey


@contextlib.contextmanager
def opened_folding(path: Path) -> Iterator[tuple[Folding, tuple[Trouble, ...]]]:
    """Open a directory as a start of a node does, fold the log to its end, and let go without beginning a new life.

    Yields what is folded, and what was wrong with snapshots. Raises as `RunningNode.open` does.
    """
    opened = open_all(path, None)
    try:
        yield opened.folding, opened.troubles
    finally:
        opened.stack.close()


def open_all(path: Path, options: NodeOptions | None) -> Opened:
    """Open a directory; the log is where the options say, in the directory without any.

    Raises `DataDirectoryError`, `StoreError` and `KeyFileError`.
    """
    return open_held(path, hold(path), options)


def hold(path: Path) -> Held:
    """Have a directory for this process alone, and make it if there is none. Raises `DataDirectoryError`."""
    snapshots, stack = Snapshots(path, ThreadRun()), ExitStack()
    stack.enter_context(snapshots.place(MAIN).run_by_node())
    return Held(stack, snapshots)


def open_held(path: Path, held: Held, options: NodeOptions | None) -> Opened:
    """Open a directory that this process has; let go of it if that fails. Raises as `open_all` does."""
    try:
        return _opened(path, held, options)
    except BaseException:
        held.stack.close()
        raise


def _opened(path: Path, held: Held, options: NodeOptions | None) -> Opened:
    stack, snapshots = held.stack, held.snapshots
    store = _ready_store(path, options, stack, snapshots)
    if options is not None and options.shards is not None:
        return _opened_in_shards(path, (stack, store, snapshots), options, options.shards)
    is_repair = options is not None and options.is_repair
    refolding = Refolding(store, snapshots, stack, is_repair, own_name(options))
    troubles = refolding.troubles
    entries, is_due = _seconded(*_due(store, options), snapshots, options)
    stated = stated_of(entries)
    doubted: list[str] = []

    def make(name: str, control: Control) -> TenantState:
        tenant, is_true = refolding.opened(name, control, stated)
        doubted.extend(() if is_true else (name,))
        return tenant

    folding = Folding({}, make)
    folding.fold(entries)
    if folding.troubles:
        raise StoreError(f"{path} cannot be opened: {'; '.join(folding.troubles.values())}")
    make_tenants(folding, make, stated)
    folding.is_in_doubt = bool(doubted)
    for name, tenant in folding.tenants.items():
        try:
            expect(store.held(), tenant.applied)
        except (
            StoreError
        ) as error:  # the snapshot has what the log has lost, and goes on to have it
            troubles.append(Trouble(str(error), name))
    skip_applied(folding, store.begins())
    want_left_out(folding, snapshots, store.begins())
    closed = stated.control.members.closed
    fold_all(
        folding, store, lambda one: is_due(one) and one.number <= closed.get(one.origin, one.number)
    )
    _check_keys(folding, snapshots)
    _check_alone(path, stated.control, options)
    _check_whole(path, store, snapshots, stated.control, options)
    world_parts = store, snapshots
    names = _names(stated.control, options)
    if names is not None:
        check_loads(path, names, world_parts, folding)
    _check_names(path, store, stated.control, options)
    snapshots.key(MAIN)  # without the key of what is there, a node must not begin
    key = _node_key(path / "node.key", store, own_name(options))
    _check_known(path / "node.key", key, options)
    if names is not None:
        adopt_loads(names[0], world_parts, folding)
    return Opened(stack, store, snapshots, folding, stated, key, tuple(troubles), refolding)


def _opened_in_shards(
    path: Path,
    parts: tuple[ExitStack, LastingStore, Snapshots],
    options: NodeOptions,
    shards: ShardOptions,
) -> Opened:
    """Open a directory whose learners are to be in shards. Raises `SettingsError` and `ErasureError` too."""
    stack, store, snapshots = parts
    check_settings(options.world, options.erasure_register)
    entries = stated_entries(store)
    stated = stated_of(entries)
    _check_alone(path, stated.control, options)
    check_directory(path, stated.control, store, snapshots)
    snapshots.key(MAIN)  # without the key of what is there, a node must not begin
    key = _node_key(path / "node.key", store, None)
    head = open_head(path, store, entries, shards.count)
    if head.folding.troubles:
        raise StoreError(f"{path} cannot be opened: {'; '.join(head.folding.troubles.values())}")
    refolding = Refolding(store, snapshots, stack)
    return Opened(stack, store, snapshots, head.folding, stated, key, (), refolding, head)


def _seconded(
    entries: list[Entry],
    is_due: Callable[[Entry], bool],
    snapshots: Snapshots,
    options: NodeOptions | None,
) -> tuple[list[Entry], Callable[[Entry], bool]]:
    """Return what may be folded without a cut that this node has stated, and that perhaps nobody else has."""
    if options is None or options.world is None:
        return entries, is_due
    node, control = options.name, stated_of(entries).control

    def days() -> dict[str, int]:
        manifests = {name: snapshots.place(name).manifest() for name in control.tenants}
        return {name: one.cut.day for name, one in manifests.items() if one and one.cut}

    lone = {
        one.origin: one.number
        for one in reversed(entries)
        if is_lone_at_start(one, node, control, days)
    }

    def is_counted(one: Entry) -> bool:
        return one.number < lone.get(one.origin, one.number + 1) and is_due(one)

    return [one for one in entries if is_counted(one)], is_counted


def _names(control: Control, options: NodeOptions | None) -> tuple[str, str] | None:
    """Return the names of a node and of the home of its world; None for a node alone."""
    if options is None or options.world is None:
        return None
    return options.name, control.members.home or options.world.home


def own_name(options: NodeOptions | None) -> str | None:
    """Return the name under which a node writes among others; None where all that is there is its own."""
    return None if options is None or options.world is None else options.name


def _due(
    store: LastingStore, options: NodeOptions | None
) -> tuple[list[Entry], Callable[[Entry], bool]]:
    """Return what was stated and may be folded, and what says of an entry whether it may.

    In a world one from the future may not, before its time or what was ruled of it; the rulings are among the facts.
    """
    all_stated = stated_entries(store)
    if options is None or not _is_among_others(options, all_stated):
        return all_stated, lambda _entry: True
    ahead_ms = options.now_ms() + limits.HYBRID_AHEAD_MS_MAX
    rulings: dict[Origin, tuple[Ruling, ...]] = {}

    def is_due(one: Entry) -> bool:
        return hybrid_ms(ruled_stamp(rulings, one.origin, one.number, one.hybrid)) <= ahead_ms

    count, entries = -1, list[Entry]()
    while len(entries) != count:  # what is due by a ruling may hold rulings
        count = len(entries)
        entries = until_early(all_stated, is_due, set())
        rulings |= stated_of(entries).control.members.rulings
    return entries, is_due


def _is_among_others(options: NodeOptions, all_stated: list[Entry]) -> bool:
    if options.world is not None:
        return True
    return options.is_repair and bool(stated_of(all_stated).control.members.nodes)


def _check_alone(path: Path, control: Control, options: NodeOptions | None) -> None:
    """Refuse to begin a life alone where there are others: it would write what nobody takes.

    Raises `DataDirectoryError`.
    """
    if options is None or options.is_repair:
        return
    if options.world is None and control.members.nodes:
        names = ", ".join(sorted(control.members.nodes))
        raise DataDirectoryError(
            f"{path} belongs to a world ({names}). Run its node with the settings of that world, and ask it or state "
            f"facts while it runs"
        )


def _check_names(
    path: Path, store: LastingStore, control: Control, options: NodeOptions | None
) -> None:
    """Refuse to found a world on entries of a node that does not belong to it: nobody would believe them.

    Raises `DataDirectoryError`.
    """
    if options is None or options.world is None or control.members.nodes:
        return
    strangers = {origin.node for origin in store.held()} - options.world.world.members().keys()
    if strangers:
        raise DataDirectoryError(
            f"{path} has entries of {', '.join(sorted(strangers))}, and the file of regions names no such node, so no "
            f"other node would take them. Begin the world with an empty directory, or give the node that name"
        )


def _check_whole(
    path: Path,
    store: LastingStore,
    snapshots: Snapshots,
    control: Control,
    options: NodeOptions | None,
) -> None:
    """Refuse to be a member with what the others can never get, and to make a key that must be the same everywhere.

    Raises `DataDirectoryError` and `KeyFileError`.
    """
    if options is None or options.world is None:
        return
    place = snapshots.place(MAIN)
    if any(origin.stream.has_documents for origin in store.begins()):
        raise DataDirectoryError(
            f"{path} has forgotten documents in its log, since copies of its vault hold them, and no other node of its "
            f"jurisdiction could ever get these. Begin the world with a directory whose log is whole"
        )
    home = control.members.home or options.world.home
    if options.name != home and not place.key_path.exists():
        raise KeyFileError(
            f"{place.key_path} is missing. Pseudonyms must be the same in all regions: copy it from {home}, the home "
            f"of the world, and let nobody else read it"
        )
    _check_vault_key(path / VAULT_KEY_FILE, options.name, options.world.world)


def _check_vault_key(path: Path, node: str, world: World) -> None:
    """Refuse to make a key that is there already in other places: with a new one nothing could be shared.

    Raises `KeyFileError`.
    """
    region = world.region_of(node)
    law = "" if region is None else region.jurisdiction
    if law in world.vaults and not path.exists():
        raise KeyFileError(
            f"{path} is missing, and the nodes of jurisdiction {law} have one key, by which they read each other's "
            f"records: copy it from another node of {law}, and let nobody else read it"
        )


def _check_known(path: Path, key: NodeKey, options: NodeOptions | None) -> None:
    """Raise `KeyFileError` if the others would not believe what is signed with this key."""
    if options is None or options.world is None:
        return
    said = options.world.world.members().get(options.name)
    if said is None or said.key != key.public_text:
        known = "names no such node" if said is None else f"has {said.key}"
        raise KeyFileError(
            f"{path} is {key.public_text}, and the file of regions {known} for {options.name}: no other node would "
            f"believe it. Restore the node's key, or write this one into the files of all nodes"
        )


def _node_key(path: Path, store: LastingStore, name: str | None) -> NodeKey:
    """Return the key by which the node signs. Raises `KeyFileError` if it is not the one that signed what is there.

    One entry may be damaged; that none of the last ones was signed by it means that it is another key.
    """
    held = Vector({o: number for o, number in store.held().items() if name in (None, o.node)})
    if len(held) and not path.exists():
        raise KeyFileError(
            f"{path} is missing, and the entries of the log beside it were signed with it; restore it from a backup. A "
            f"new key would be made else, and nothing that is there could be told from what somebody else has written"
        )
    key = open_node_key(path)
    last = [entry for origin in held for entry in store.read(origin, held[origin], 1)]
    if last and not any(is_signed(key.public, one.digest, one.signature) for one in last):
        raise KeyFileError(
            f"{path} is not the key that signed the entries of the log beside it; restore that one from a backup"
        )
    return key


def _ready_store(
    path: Path, options: NodeOptions | None, stack: ExitStack, snapshots: Snapshots
) -> LastingStore:
    """Return the log; with it stands the state of another node, if one was fetched before this start."""
    store = _store(path, options, stack)
    if options is not None:
        install(path, store, snapshots)
        if options.shards is None:
            # Those of a node that has all learners itself would fall behind, and nobody would erase from them.
            shutil.rmtree(path / SHARDS_FOLDER, ignore_errors=True)
    return store


def _store(path: Path, options: NodeOptions | None, stack: ExitStack) -> LastingStore:
    if options is not None and options.store_url:
        from homeroom.adapters.log_postgres import PostgresStore

        server = PostgresStore(options.store_url, options.name, secrets.token_hex(16))
        return stack.enter_context(contextlib.closing(server))
    # Moves the journal's pages to their file, so that no acknowledgement waits for it.
    aside = ThreadPoolExecutor(1, "homeroom-journal")
    files = stack.enter_context(contextlib.closing(SqliteLogFolder(path / "log", aside.submit)))
    stack.callback(aside.shutdown)
    return files


def open_vault(path: Path, opened: Opened, options: NodeOptions) -> Recording:
    """Open the vault of a directory, or a copy in its place, and apply to it what the log has beyond it.

    Raises `VaultError` and `StoreError` where something is missing between them.
    """
    keys: dict[str, TenantKeys] = {}
    readmitted: dict[str, Readmitted] = dict(opened.stated.control.readmitted)

    def keys_of(tenant: str) -> TenantKeys:
        if tenant not in keys:
            keys[tenant] = TenantKeys(
                opened.snapshots.key(tenant),
                open_vault_key(path, tenant),
                lambda: readmitted.get(tenant, {}),
            )
        return keys[tenant]

    file = path / VAULT_FILE
    copies = VaultCopies(file, path / VAULT_COPIES, keys.get)
    troubles = copies.ready(opened.store.begins())
    # A directory of a world may be looked at without it, and has what was sealed for it all the same.
    has_key = options.world is not None or (path / VAULT_KEY_FILE).exists()
    seal_key = seal_key_of(open_vault_key(path)) if has_key else None
    reader = RecordReader(file, keys_of, options.now_ms, opened.snapshots.labels, seal_key)
    opened.stack.enter_context(contextlib.closing(reader))
    control = opened.stated.control
    here = control.members.jurisdictions.get(options.name, "") if has_key else ""
    reader.homes.follow(control, here)
    reader.catch_up(opened.store, None if options.world is None else options.name)
    for tenant in reader.tenants():
        key = vault_key_path(path, tenant)
        _check_key(key, f"the records of {tenant}")
        if not reader.opens(tenant):
            raise KeyFileError(
                f"{key} is not the key that the records of {tenant} are under; restore that one from a backup"
            )
    if options.world is not None:
        _erase(reader, opened.folding)
    reader.read_labels()
    return Recording(
        path=file,
        keys_of=keys_of,
        reader=reader,
        copies=copies,
        troubles=tuple(map(Trouble, troubles)),
        readmitted=readmitted,
        key=_vault_key(path, options),
    )


def _erase(reader: RecordReader, folding: Folding) -> None:
    """Destroy once more the keys of who is erased: a vault that was lost has forgotten it, and others send late.

    Raises `VaultError`.
    """
    for tenant, one in folding.tenants.items():
        keys = zip(*(half.tolist() for half in one.state.history.erased), strict=True)
        why = reader.erase(tenant, [(hi << 64 | lo).to_bytes(16, "big") for hi, lo in keys])
        if why is not None:
            raise VaultError(why)


def _vault_key(path: Path, options: NodeOptions) -> VaultKey:
    """Return what others may know of the key; in a world it is made now if there is none. Raises `KeyFileError`."""
    if options.world is None:
        return VaultKey()
    key = open_vault_key(path)
    seal = seal_key_of(key).public_text
    return VaultKey(vault_key_check(key), tuple(own_vault_keys(path)), seal)


def _check_keys(folding: Folding, snapshots: Snapshots) -> None:
    for name, tenant in folding.tenants.items():
        if tenant.state.learners.rows:
            _check_key(snapshots.place(name).key_path, f"the learners of {name}")


def _check_key(path: Path, what: str) -> None:
    """Refuse to go on under a new key where there is something under an old one: nobody would notice for long."""
    if not path.exists():
        raise KeyFileError(
            f"{path} is missing, and {what} are under it; restore it from a copy. A new key would be made else, and "
            f"what is there would never be found again"
        )


def zone_of(path: Path, options: NodeOptions) -> str:
    """Return the zone of what was loaded into a directory before a node ran on it, else that of the options."""
    manifest = Snapshots(path, ThreadRun(1)).place(MAIN).manifest()
    return options.timezone if manifest is None or manifest.load == 0 else manifest.timezone

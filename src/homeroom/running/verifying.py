"""Reads a data directory from end to end, while its node runs or not, and says of all that is wrong what it is.

It is what a node does in the background (`homeroom.running.checking`), at once and without rests, and the audit log
with it: for whoever wants to know now, before a restore, after a disk has failed. Nothing is changed, and no lock is
taken.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from homeroom.adapters.audit import verify_audit
from homeroom.adapters.backup.contents import AUDIT, LOG, Tenant, tenants
from homeroom.adapters.checking import Checked, Damage, check_entries, check_files
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.log_reading import ViewedLog, stated_keys, viewed_log
from homeroom.adapters.signing import checking_by, open_node_key
from homeroom.adapters.vault.copies import VaultCopies
from homeroom.adapters.vault.places import (
    VAULT_COPIES,
    VAULT_FILE,
    open_vault_key,
    vault_key_path,
)
from homeroom.adapters.vault.sealing import TenantKeys
from homeroom.errors import AuditError, EntryError, KeyFileError
from homeroom.log.control import AuditAnchored, read_changes
from homeroom.log.origins import Stream
from homeroom.log.payloads import unpack

__all__ = ["VerifiedDirectory", "verify_directory"]

_NODE_KEY: Final = "node.key"


@dataclass(slots=True)
class VerifiedDirectory:
    """What was read, and what is wrong with it, in words."""

    entries: int = 0
    files: int = 0
    audit_records: int = 0
    damages: list[str] = field(default_factory=list)


def verify_directory(directory: Path, store_url: str = "") -> VerifiedDirectory:
    """Verify a data directory, and its log, which lies in it or in the PostgreSQL database ``store_url``.

    Raises
    ------
    BackupError
        It is no data directory.
    StoreError, VaultError
        The log, or the vault, cannot be opened at all.
    """
    found = VerifiedDirectory()
    places = tenants(directory)
    with _viewed(directory, store_url) as view:
        anchor = None
        if view.heads:
            _take(found, _entries(directory, view))
            anchor = _anchor(view, _names(directory, view))
        _take_audit(found, directory / AUDIT, anchor)
    for tenant in places:
        _take(found, check_files(tenant.place))
    vault = VaultCopies(directory / VAULT_FILE, directory / VAULT_COPIES, partial(_keys_of, places))
    try:
        _take(found, vault.check_file())
    except KeyFileError as error:
        found.damages.append(str(error))
    _take(found, vault.check())
    return found


def _keys_of(places: Sequence[Tenant], name: str) -> TenantKeys | None:
    """Return the keys of a tenant, None where they are not beside its data: then its seals stay closed."""
    for tenant in places:
        key, directory = tenant.place.key_path, places[0].place.path
        if tenant.name == name and key.exists() and vault_key_path(directory, name).exists():
            return TenantKeys(open_key(key), open_vault_key(directory, name))
    return None


def _viewed(directory: Path, store_url: str) -> AbstractContextManager[ViewedLog]:
    if not store_url:
        return viewed_log(directory / LOG)
    from homeroom.adapters.log_postgres_reading import viewed_postgres

    return viewed_postgres(store_url)


def _take(found: VerifiedDirectory, steps: Iterator[Checked | Damage]) -> None:
    for step in steps:
        if isinstance(step, Damage):
            found.damages.append(step.text)
        else:
            found.entries += step.entries
            found.files += step.files


def _entries(directory: Path, view: ViewedLog) -> Iterator[Checked | Damage]:
    key = directory / _NODE_KEY
    if not _has_key(directory):
        yield Damage(
            f"{key} is missing, and the entries of the log beside it were signed with it; restore it from a backup"
        )
        return
    try:
        public = open_node_key(key).public
    except KeyFileError as error:
        yield Damage(str(error))
        return
    verify = checking_by(public, stated_keys(view))
    for origin, head in sorted(view.heads.items()):
        kept = range(view.begins[origin] + 1, head.number + 1)
        yield from check_entries(partial(view.read, origin), origin, kept, verify)


def _names(directory: Path, view: ViewedLog) -> frozenset[str]:
    """Return under which names the node of a directory was stated to belong to a world: none for a node alone."""
    try:
        key = open_node_key(directory / _NODE_KEY).public_text if _has_key(directory) else ""
    except KeyFileError:
        key = ""  # told of with the entries of the log
    return frozenset(name for name, keys in stated_keys(view).items() if key in keys)


def _has_key(directory: Path) -> bool:
    return (directory / _NODE_KEY).exists()


def _anchor(view: ViewedLog, names: frozenset[str]) -> AuditAnchored | None:
    """Return where the audit log of the node with one of these names was stated to end, last.

    The control stream is that of the whole world, and each node has an audit log of its own. Without names it is
    that of the one node of which anything is stated, and of none where there are several.
    """
    stated: list[tuple[int, AuditAnchored]] = []
    for origin in view.heads:
        if origin.stream is not Stream.CONTROL:
            continue
        for several in view.entries(origin, 1):
            for entry in several:
                try:
                    entry.check_payload()
                    changes = read_changes(unpack(entry.payload).content)
                except EntryError:
                    continue  # told of with the entries of the log
                facts = [c.fact for c in changes if isinstance(c.fact, AuditAnchored)]
                stated += [(entry.hybrid, fact) for fact in facts]
    whose = names or {fact.node for _, fact in stated}
    own = [one for one in stated if one[1].node in whose] if len(whose) == 1 else []
    return max(own, key=lambda one: one[0])[1] if own else None


def _take_audit(found: VerifiedDirectory, path: Path, anchor: AuditAnchored | None) -> None:
    if anchor is None and not path.exists():
        return
    try:
        verified = verify_audit(path, None if anchor is None else anchor.digest)
    except AuditError as error:
        found.damages.append(str(error))
        return
    found.audit_records = verified.records
    found.damages += [
        f"record {number} of {path} tells that the end before it was cut off"
        for number in verified.cuts
    ]

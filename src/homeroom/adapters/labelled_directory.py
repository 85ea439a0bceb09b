"""A data directory opened for whoever has its files: the labels of hashed ids are shown, where its vault has them.

A node writes hashes in place of ids (`homeroom.events.ids`), and keeps the texts behind them sealed in its vault.
Whoever asks a directory on its machine has the keys that lie in it, so there is nothing to hide: answers name ids as
they came. A directory that was copied without its vault is answered from all the same, with hashes in the answers;
verbs that the verb table has, and ids that a question names, are found by their hashes.
"""

import contextlib
from pathlib import Path

from homeroom.adapters.directory import DataDirectory, Manifest
from homeroom.adapters.keyfile import open_key
from homeroom.errors import KeyFileError
from homeroom.events.dictionary import Dictionaries
from homeroom.events.ids import IdHasher, is_hashed
from homeroom.events.labels import Labels, labelled_dictionaries, shown
from homeroom.events.vocabulary import VerbTable
from homeroom.state.running import Run
from homeroom.state.state import State

__all__ = ["holds_hashes", "open_labelled"]

_NO_KEY = bytes(32)
_TENANTS = "tenants"


def open_labelled(place: DataDirectory, manifest: Manifest, run: Run) -> State:
    """Open the state and history of a manifest to be asked, with labels in place of hashes.

    Raises `DataDirectoryError` like `DataDirectory.open`, and `VaultError` where the vault cannot be read.
    """
    dictionaries = Dictionaries.under(_NO_KEY)  # nothing new comes in, so nothing is hashed
    state = place.open(manifest, dictionaries, run)
    if not holds_hashes(dictionaries):
        return state
    labels = Labels(IdHasher(lambda: _key(place)), _known)
    state = place.open(manifest, labelled_dictionaries(_NO_KEY, labels), run)
    _read_vault(place.path, labels)
    return state.showing(shown(state.dictionaries))


def holds_hashes(dictionaries: Dictionaries) -> bool:
    """Say whether a node has written what these dictionaries are of: its verbs, which every event has, are hashes."""
    return any(map(is_hashed, dictionaries.verb.stored))


def _key(place: DataDirectory) -> bytes:
    if not place.key_path.exists():
        raise KeyFileError(
            f"{place.key_path} is missing, and the ids in {place.path} are hashed under it; restore it from a copy"
        )
    return open_key(place.key_path)


def _known() -> set[str]:
    from homeroom.cohorts.course_report.acts import act_verbs

    return {*VerbTable.standard().names, *act_verbs()}


def _read_vault(path: Path, labels: Labels) -> None:
    # What only a node's directory needs: the vault, and with it SQLite and cryptography.
    from homeroom.adapters.vault.labels import read_labels
    from homeroom.adapters.vault.places import VAULT_FILE, open_vault_key, vault_key_path
    from homeroom.adapters.vault.reading import VaultReader
    from homeroom.adapters.vault.sealing import Seals, TenantKeys
    from homeroom.log.control import MAIN

    tenant, home = MAIN, path
    if path.parent.name == _TENANTS:
        tenant, home = path.name, path.parent.parent
    file = home / VAULT_FILE
    if not (file.exists() and vault_key_path(home, tenant).exists()):
        return
    keys = TenantKeys(labels.hasher.key, open_vault_key(home, tenant))
    with contextlib.closing(VaultReader(file)) as reader:
        for some in read_labels(reader, tenant, Seals(keys)):
            labels.add(some)

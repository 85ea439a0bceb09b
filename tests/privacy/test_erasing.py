"""Every byte that a node leaves, before and after an erasure: nothing of the person is found, and was found before.

What is sealed is looked for too, with all keys that lie beside it, and with those that were destroyed: whoever has kept
one must find nothing that it opens.
"""

import shutil
from contextlib import suppress

import pytest

from homeroom.adapters.backup.backing_up import back_up
from homeroom.adapters.backup.pruning import Keep, prune
from homeroom.adapters.backup.repository import _OBJECTS, make_repository
from homeroom.adapters.backup.sealing import KeyFile
from homeroom.adapters.keyfile import open_key
from homeroom.adapters.vault.sealing import KEY_NAME_BYTES, Seals, TenantKeys
from homeroom.errors import VaultError
from homeroom.running.hosting import webhooks_of
from homeroom.running.recording import open_vault_key
from homeroom.serve.settings import Settings
from tests.privacy.layers import layers
from tests.running.erasures import ADA, BOB, NAME, OWN_TEXTS, erase, erasing, fill, run
from tests.running.nodes import now_ms

WRAPPED_BYTES = 12 + 32 + 16
MAY_HOLD_KEYS = ("log/", "state/", "documents.db", "backup")
"""Erasures themselves, and whom not to let in: they name raw keys for ever. See `kept_keys`."""


class Look:
    """Looks through all layers of a folder for a person."""

    def __init__(self, path, account, key):
        self.seals = Seals(TenantKeys(open_key(path / "pseudonym.key"), open_vault_key(path)))
        self.subject = self.seals.pseudonym(*account)
        assert self.subject == key.to_bytes(16, "big")
        hi, lo = key >> 64, key & (1 << 64) - 1
        self.keys = {
            "whole": self.subject,
            "hexadecimal": self.subject.hex().encode(),
            "halves": hi.to_bytes(8, "little"),
            "lower half": lo.to_bytes(8, "little"),
        }
        self.texts = [one.encode() for one in (*OWN_TEXTS, NAME, account[1], "ada-document")]
        self.ciphers = {}

    def blobs(self, files):
        for place, content, journal in files:
            for _, layer in layers(content, journal):
                yield place, layer

    def folder(self, path):
        for file in sorted(path.rglob("*")):
            if file.is_file():
                journal = file.with_name(f"{file.name}-wal")
                more = journal.read_bytes() if journal.is_file() else b""
                yield str(file.relative_to(path)), file.read_bytes(), more

    def found(self, files):
        """Return what of the person is where: texts, raw keys, keys of the vault, and what these open."""
        found = set()
        for place, blob in list(self.blobs(files)):
            found |= {("text", text, place) for text in self.texts if text in blob}
            found |= {("raw key", name, place) for name, key in self.keys.items() if key in blob}
            found |= self._sealed(place, blob)
        return found

    def _sealed(self, place, blob):
        found = set()
        if len(blob) == WRAPPED_BYTES:
            with suppress(VaultError):
                self.ciphers[blob[:KEY_NAME_BYTES]] = self.seals.unwrap(self.subject, blob)
                found.add(("key", "wrapped", place))
        elif blob[:KEY_NAME_BYTES] in self.ciphers and len(blob) < 1 << 16:
            found.add(("sealed", "under a key of theirs", place))
        return found


def kept_keys(found):
    """Return what was found, but for raw keys where they stay."""
    return {one for one in found if one[0] != "raw key"}


@pytest.fixture(scope="module")
def looks(tmp_path_factory):
    """Give what is found of Ada and of Bob: filled, erased, stopped, in backups of before and after."""
    folder = tmp_path_factory.mktemp("erased")
    path, found = folder / "data", {}
    repository = make_repository(str(folder / "repository"), {}, KeyFile(folder / "key"))

    def of_backup(look):
        names = [one.name for one in repository.objects.list(_OBJECTS)]
        return look.found([(f"backup {name}", repository.read(name), b"") for name in names])

    async def first():
        async with erasing(folder) as node:
            await fill(node)
            return node.erasures.raw_keys("main", [ADA, BOB])

    keys = run(first())
    ada, bob = Look(path, ADA, keys[0]), Look(path, BOB, keys[1])
    ada.folder_found = ada.found(ada.folder(path))  # keys are learned first
    found["filled"] = ada.found(ada.folder(path))
    back_up(path, repository, now_ms, "0.test")
    found["a backup of before"] = of_backup(ada)

    async def second():
        async with erasing(folder) as node, webhooks_of(path, node, Settings(), now_ms):
            await erase(node, ADA)
            await node.erasures.settled()
            shutil.copytree(path, folder / "running", ignore=shutil.ignore_patterns("*.sock"))

    run(second())
    found["running"] = ada.found(ada.folder(folder / "running"))
    found["stopped"] = ada.found(ada.folder(path))
    found["Bob"] = bob.found(bob.folder(path))
    back_up(path, repository, now_ms, "0.test")
    found["both backups"] = of_backup(ada)
    prune(repository, Keep(count=1), now_ms)
    found["a backup of after"] = of_backup(ada)
    return found


def test_the_search_finds_a_person_everywhere_before(looks):
    found = looks["filled"]
    assert {one for one in found if one[0] == "text"} != set()
    assert {kind for kind, _, _ in found} == {"text", "raw key", "key", "sealed"}
    places = {place.partition("/")[0] for _, _, place in found}
    assert places >= {"log", "history", "state", "documents.db"}
    assert {text for kind, text, _ in found if kind == "text"} >= {t.encode() for t in OWN_TEXTS}
    assert kept_keys(looks["a backup of before"]) != set()
    assert kept_keys(looks["both backups"]) != set(), "older backups hold what they held"


@pytest.mark.parametrize("when", ["running", "stopped", "a backup of after"])
def test_nothing_of_a_person_is_found_after_the_erasure(looks, when):
    assert kept_keys(looks[when]) == set()


@pytest.mark.parametrize("when", ["running", "stopped"])
def test_raw_keys_stay_where_nobody_may_forget_whom_not_to_let_in(looks, when):
    places = {place for kind, _, place in looks[when] if kind == "raw key"}
    others = {
        place
        for place in places
        if not place.startswith(("log/", "documents.db")) and not place.endswith(".past")
    }
    assert others == set()


def test_others_are_still_there(looks):
    assert {kind for kind, _, _ in looks["Bob"]} == {"raw key", "key", "sealed"}

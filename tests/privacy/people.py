"""Looks for one person in every file: texts of theirs, their raw key, keys of the vault, and what these open.

Ids that nobody else has are looked for as they came, as their hashes, and as labels: what the tenant's key opens.
"""

from contextlib import suppress

from homeroom.adapters.keyfile import open_key
from homeroom.adapters.vault.labels import labels_in
from homeroom.adapters.vault.places import open_vault_key
from homeroom.adapters.vault.sealing import KEY_NAME_BYTES, Seals, TenantKeys
from homeroom.errors import VaultError
from homeroom.events.ids import IdHasher
from tests.privacy.layers import layers
from tests.running.erasures import NAME, OWN_TEXTS

__all__ = ["Look", "but_what_stays"]

WRAPPED_BYTES = 12 + 32 + 16


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
        hashed = IdHasher.under(open_key(path / "pseudonym.key")).hashed
        self.hashes = [hashed(one) for one in OWN_TEXTS]
        own = (*OWN_TEXTS, *self.hashes, NAME, account[1], "ada-document")
        self.texts = [one.encode() for one in own]
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
            found |= self._sealed(place, blob) | self._labels(place, blob)
        return found

    def _labels(self, place, blob):
        found = set()
        if len(blob) < 1 << 16:
            with suppress(VaultError):
                for some in labels_in(self.seals, [blob]):
                    found |= {("label", text, place) for text in OWN_TEXTS if text in some}
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


def but_what_stays(found):
    """Return what was found, but for raw keys and labels, which stay where they are."""
    return {one for one in found if one[0] not in ("raw key", "label")}

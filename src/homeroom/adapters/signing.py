"""The key by which a node signs its entries: Ed25519 (RFC 8032), in a file that only its owner may read.

Who has the file can write entries in the node's name, and no one else can; so the key never leaves the machine, and
others get its public half as text. The file is made once, whole or not at all, and one that others may read is refused,
as with the key of the pseudonyms (`homeroom.adapters.keyfile`); it is the seed of the key, 64 hexadecimal digits.

The way not taken is a key per incarnation: whoever verifies would have to learn a new one at each start.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from homeroom.adapters.keyfile import KeyFile, open_key_file
from homeroom.errors import InputError
from homeroom.log.entries import Verify

__all__ = ["KnownKeys", "NodeKey", "checking_by", "is_signed", "open_node_key"]

_KIND: Final = KeyFile(
    "# homeroom node key. Who has it can write in this node's name. It never leaves this machine: another\n"
    "# node has its own, and a node that lost it gets a new one and a new name.\n",
    "a node with a new key needs a new name",
)
_PREFIX: Final = "ed25519:"


class NodeKey:
    """A node's key.

    Parameters
    ----------
    seed : 32 bytes, the private key of RFC 8032
    """

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)

    def __repr__(self) -> str:
        return f"NodeKey({self.public_text})"

    @property
    def public(self) -> bytes:
        """The public key: 32 bytes."""
        return self._private.public_key().public_bytes_raw()

    @property
    def public_text(self) -> str:
        """The public key as text: ``ed25519:`` and 44 digits of base64 (RFC 4648)."""
        return _PREFIX + base64.b64encode(self.public).decode()

    def sign(self, digest: bytes) -> bytes:
        """Return the 64-byte signature of a digest."""
        return self._private.sign(digest)

    def has_signed(self, _node: str, digest: bytes, signature: bytes) -> bool:
        """Say whether a digest was signed with this key, whatever name its node had when it did: a name may change."""
        return _verified(self._private.public_key(), digest, signature)


class KnownKeys:
    """Every public key that a node was ever said to have, by its name.

    None is forgotten: what a node wrote before it left, or under a key that it no longer has, is to be checked by
    whoever reads it later.

    Parameters
    ----------
    texts : by name of node what `NodeKey.public_text` gave

    Raises
    ------
    InputError
        A text is no public key.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._keys: dict[str, dict[str, Ed25519PublicKey]] = {}
        for node, text in texts.items():
            self.add(node, text)

    def add(self, node: str, text: str) -> None:
        """Take a key that a node has from now on, beside those that it had. Raises `InputError` if it is none."""
        known = self._keys.setdefault(node, {})
        if text not in known:
            known[text] = _parsed(node, text)

    def verify(self, node: str, digest: bytes, signature: bytes) -> bool:
        """Say whether a node signed a digest; what an unknown node signed, nobody can say, so it did not."""
        keys = tuple(self._keys.get(node, {}).values())
        return any(_verified(key, digest, signature) for key in keys)


def is_signed(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Say whether a digest was signed by the node with this public key, 32 bytes."""
    return _verified(Ed25519PublicKey.from_public_bytes(public), digest, signature)


def _verified(key: Ed25519PublicKey, digest: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, digest)
    except InvalidSignature:
        return False
    return True


def _parsed(node: str, text: str) -> Ed25519PublicKey:
    try:
        kind, digits = text[: len(_PREFIX)], text[len(_PREFIX) :]
        raw = base64.b64decode(digits, validate=True)
        if kind == _PREFIX:
            return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        pass  # said below
    raise InputError(
        f"the public key of node {node!r} is {text[:80]!r}; it must be {_PREFIX} and 44 digits of base64, as the node "
        f"itself shows it"
    )


def open_node_key(path: Path) -> NodeKey:
    """Return the key in a file, made and written first if there is no such file.

    Raises
    ------
    KeyFileError
        The file cannot be read or made, others may read it, or it holds no key.
    """
    return NodeKey(open_key_file(path, _KIND))


def checking_by(own: bytes, others: Mapping[str, Sequence[str]]) -> Verify:
    """Return what checks signatures of a log: its node's by its own key, and those of other nodes of its world.

    Parameters
    ----------
    own : the public key of the node, 32 bytes; it counts whatever name the node had
    others : by name of node the keys that it was said to have, as text
    """
    known = KnownKeys({})
    for node, texts in others.items():
        for text in texts:
            known.add(node, text)

    def verify(node: str, digest: bytes, signature: bytes) -> bool:
        return is_signed(own, digest, signature) or known.verify(node, digest, signature)

    return verify

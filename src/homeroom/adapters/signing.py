"""The key with which a node signs its entries: Ed25519 (RFC 8032), in a file beside its log.

Whoever has it can write in the node's name, so the file is for its owner alone, as that of the pseudonyms is. A node
whose key was lost begins a new one under another name: its old entries stay what they are.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from homeroom.adapters.keyfile import open_key

__all__ = ["NodeKey", "is_signed", "open_node_key"]

_COMMENT = "# homeroom node key. Who has it can write entries of the log in the name of this node. Keep it secret.\n"


@dataclass(frozen=True)
class NodeKey:
    """The key of a node."""

    private: Ed25519PrivateKey

    def sign(self, digest: bytes) -> bytes:
        """Return the signature of a digest: 64 bytes."""
        return self.private.sign(digest)

    @property
    def public(self) -> bytes:
        """What others know the node's signatures by: 32 bytes."""
        return self.private.public_key().public_bytes_raw()


def open_node_key(path: Path) -> NodeKey:
    """Return the key in a file, made if there is none. Raises `KeyFileError`."""
    return NodeKey(Ed25519PrivateKey.from_private_bytes(open_key(path, _COMMENT)))


def is_signed(public: bytes, digest: bytes, signature: bytes) -> bool:
    """Say whether a signature of a digest was made by the node with this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, digest)
    except (InvalidSignature, ValueError):
        return False
    return True

"""What follows from bytes alone is worked out once for all nodes of a world.

A message goes to seven nodes, and each would make the same of it: decode it, check its sum, take digests of what is in
it. That is most of what a message costs, and all of it is a function of the bytes. So what was made of bytes is kept
here, by these bytes; bytes that were damaged on the way are others, and are refused as ever. A signature is checked
once for each digest that it is said to be of. A node that runs for itself has nobody to share with.
"""

from collections.abc import Sequence
from typing import Final

from homeroom.log.entries import Entry, Verify
from homeroom.regions.messages import Message, read

__all__ = ["Sharing"]

_KEPT_MAX: Final = 4_096


class Sharing:
    """What nodes of a world have made of bytes.

    Parameters
    ----------
    verify : checks signatures
    """

    def __init__(self, verify: Verify) -> None:
        self._verify = verify
        self._read: dict[bytes, tuple[Message, Sequence[Entry]]] = {}
        self._signed: set[tuple[str, bytes, bytes]] = set()

    def read(self, body: bytes) -> tuple[Message, Sequence[Entry]]:
        """Return a message and the entries in it. Raises `MessageError`."""
        found = self._read.get(body)
        if found is None:
            if len(self._read) >= _KEPT_MAX:
                self._read.clear()
            found = self._read[body] = read(body)
        return found

    def is_signed(self, node: str, digest: bytes, signature: bytes) -> bool:
        """Say whether a signature is of a node."""
        said = node, digest, signature
        if said in self._signed:
            return True
        is_signed = self._verify(node, digest, signature)
        if is_signed:
            self._signed.add(said)
        return is_signed

"""What a program knows of a world beforehand: whose routing tables it follows, where it is, where it keeps the last.

The keys of nodes come from the operators, with the file of regions or one by one, and not from the network: whoever
could put a key there could have a table followed, and the program's own key sent to the addresses in it.
"""

import base64
import binascii
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from homeroom import limits
from homeroom.client.routes import Verify, is_address
from homeroom.errors import SettingsError

__all__ = ["KnownWorld"]

_PREFIX: Final = "ed25519:"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownWorld:
    """A world whose routing tables are followed.

    Parameters
    ----------
    keys : by name of node its public key, ``ed25519:`` and base64; at least one
    name : of the world; None for that of the first table
    place : where the program is, in degrees north and east; None for the place of the region whose address it has
    file : where the last good table is kept; None for nowhere
    addresses : where nodes were when the operators wrote that down: tried last, and as long as no table is followed

    Raises
    ------
    SettingsError
        There is no key, or one is none, or a place or an address is none.
    """

    keys: Mapping[str, str]
    name: str | None = None
    place: tuple[float, float] | None = None
    file: str | os.PathLike[str] | None = None
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 < len(self.keys) <= limits.ENDPOINTS_MAX:
            raise SettingsError(
                f"a world has {len(self.keys)} keys of nodes, must have from 1 to {limits.ENDPOINTS_MAX}"
            )
        for node, text in self.keys.items():
            _key(node, text)
        wrong = [one for one in self.addresses if not is_address(one)]
        if wrong or len(self.addresses) > limits.ENDPOINTS_MAX:
            raise SettingsError(
                f"{wrong[0]!r} is no address of a node; it must be https://HOST:PORT or http://HOST:PORT"
                if wrong
                else f"a world has {len(self.addresses)} addresses, may have {limits.ENDPOINTS_MAX}"
            )
        if self.place is not None and not (abs(self.place[0]) <= 90 and abs(self.place[1]) <= 180):
            raise SettingsError(
                f"place is {self.place}, must be degrees north (to 90) and east (to 180)"
            )

    @classmethod
    def read(
        cls,
        regions: str | os.PathLike[str],
        place: tuple[float, float] | None = None,
        file: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Return the world of a file of regions (``docs/reference/regions-file.md``).

        Raises `SettingsError` if it cannot be read, or has no keys.
        """
        try:
            written = tomllib.loads(Path(regions).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"the file of regions {regions} cannot be read: {error}") from error
        try:
            found = cls(
                keys=_each(written, "key"),
                name=written.get("name"),
                place=place,
                file=file,
                addresses=tuple(one.rstrip("/") for one in _each(written, "http").values()),
            )
        except (AttributeError, TypeError):
            raise SettingsError(
                f"{regions} is no file of regions; homeroom world init writes one"
            ) from None
        return found

    def verify(self) -> Verify:
        """Return what says which node has signed what. Raises `SettingsError` where the library for it is missing."""
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        except ImportError:
            raise SettingsError(
                "to follow routing tables takes the library cryptography; install homeroom[client]"
            ) from None
        keys = {
            node: Ed25519PublicKey.from_public_bytes(_key(node, text))
            for node, text in self.keys.items()
        }

        def has_signed(node: str, digest: bytes, signature: bytes) -> bool:
            if node not in keys:
                return False
            try:
                keys[node].verify(signature, digest)
            except InvalidSignature:
                return False
            return True

        return has_signed

    def kept(self) -> bytes | None:
        """Return the last good table, as it was kept; None for none. Raises `SettingsError` if it cannot be read."""
        if self.file is None:
            return None
        try:
            with Path(self.file).open("rb") as file:
                return file.read(limits.ROUTES_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SettingsError(
                f"the kept routing table {self.file} cannot be read: {error.strerror}"
            ) from error

    def keep(self, body: bytes) -> str:
        """Keep a good table, whole or not at all; return why it could not be, empty if it was."""
        if self.file is None:
            return ""
        path = Path(self.file)
        # Several processes may keep theirs in one file: each writes its own beside it first.
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            beside.write_bytes(body)
            beside.replace(path)
        except OSError as error:
            return f"the routing table cannot be kept in {path}: {error.strerror}"
        return ""


def _key(node: str, text: str) -> bytes:
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(_PREFIX) or len(raw) != 32:
        raise SettingsError(
            f"the public key of node {node!r} must be {_PREFIX} and 44 digits of base64, as the file of regions has it"
        )
    return raw


def _each(written: Mapping[str, Any], what: str) -> dict[str, str]:
    """Return by node what a file of regions says of it, where it says so."""
    return {
        node: said[what]
        for region in written.get("regions", {}).values()
        for node, said in region.get("nodes", {}).items()
        if said.get(what)
    }

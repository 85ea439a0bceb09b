"""Who has their home here and who elsewhere, as this node knows it, and which of what is sent goes there.

Where a learner has their home is stated (`homeroom.log.homes`). A node asks what it means for what it takes: nothing
while a tenant is pinned, or nobody has said anything; else what is of somebody of another jurisdiction is sealed.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from homeroom.adapters.vault.sealing import Seals, TenantKeys
from homeroom.adapters.vault.sealing_away import Away
from homeroom.errors import RecordsElsewhereError
from homeroom.log.control import Control
from homeroom.records.people import Json

__all__ = ["HomesHere"]

_ROOT_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class _Stated:
    """What was stated, where this node is, and by tenant what follows from both: found when it is asked first."""

    control: Control
    here: str
    aways: dict[str, Away | None] = field(default_factory=dict)


class HomesHere:
    """Followed by the thread that writes, or before it has begun; asked from any thread."""

    def __init__(self) -> None:
        self._stated = _Stated(Control(), "")
        # Drawn for the process: with it gone, nobody but the home can open what was sealed.
        self._root = os.urandom(_ROOT_BYTES)

    @property
    def here(self) -> str:
        """The jurisdiction of this node, empty where it was not stated, or is another one than that."""
        return self._stated.here

    def follow(self, control: Control, here: str) -> None:
        """Go by what is stated now; ``here`` is as of `here`."""
        self._stated = _Stated(control, here)

    def away_of(self, tenant: str) -> Away | None:
        """Return which statements of a tenant go to another jurisdiction, and how; None where all stay."""
        stated = self._stated
        if tenant not in stated.aways:
            stated.aways[tenant] = self._away(tenant, stated)
        return stated.aways[tenant]

    def _away(self, tenant: str, stated: _Stated) -> Away | None:
        homes, here = stated.control.homes_of(tenant), stated.here
        if homes is None or homes.named() <= {here}:
            return None

        def home_of(issuer: str, account: str, key: bytes) -> str:
            home = homes.of(issuer, account, key)
            return "" if home == here else home

        seal_keys = stated.control.members.seal_keys
        return Away(home_of=home_of, seal_keys=seal_keys, root=self._root)

    def homes(
        self, tenant: str, keys_of: Callable[[str], TenantKeys], actors: Sequence[Json]
    ) -> frozenset[str]:
        """Return where what these persons do, who were checked, is to be kept: jurisdictions, empty for here."""
        away = self.away_of(tenant)
        if away is None:
            return frozenset({""} if actors else ())
        seals = Seals(keys_of(tenant))
        return frozenset(away.home(one, seals) for one in actors)

    def elsewhere(self, home: str) -> RecordsElsewhereError:
        """Return the error that tells who asks which regions have what is asked for."""
        nodes = self._stated.control.members.nodes.values()
        return RecordsElsewhereError(
            home, tuple(sorted({one.region for one in nodes if one.jurisdiction == home}))
        )

    def named(self) -> frozenset[str]:
        """Return all jurisdictions in which somebody has their home."""
        control = self._stated.control
        stated = [control.homes_of(tenant) for tenant in control.homes]
        return frozenset(law for one in stated if one is not None for law in one.named())

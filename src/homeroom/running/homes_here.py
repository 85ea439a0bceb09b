"""Who has their home here and who elsewhere, as this node knows it, and which of what is sent goes there.

Where a learner has their home is stated (`homeroom.log.homes`). A node asks what it means for what it takes: nothing
while a tenant is pinned, or nobody has said anything; else what is of somebody of another jurisdiction is sealed.
"""

import os
from typing import Final

from homeroom.adapters.vault.sealing_away import Away
from homeroom.log.control import Control
from homeroom.log.homes import Homes

__all__ = ["HomesHere"]

_ROOT_BYTES: Final = 32


class HomesHere:
    """Used in the thread that writes; followed by it, or before it has begun. What is asked elsewhere is one read.

    Attributes
    ----------
    here : the jurisdiction of this node, as it was stated; empty where it was not, or is not so
    """

    def __init__(self) -> None:
        self.here = ""
        self._control = Control()
        # Drawn for the process: with it gone, nobody but the home can open what was sealed.
        self._root = os.urandom(_ROOT_BYTES)
        self._aways: dict[str, Away | None] = {}

    def follow(self, control: Control, node: str) -> None:
        """Go by what is stated now."""
        self._control, self._aways = control, {}
        self.here = control.members.jurisdictions.get(node, "")

    def away_of(self, tenant: str) -> Away | None:
        """Return which statements of a tenant go to another jurisdiction, and how; None where all stay."""
        if tenant not in self._aways:
            self._aways[tenant] = self._away(tenant)
        return self._aways[tenant]

    def _away(self, tenant: str) -> Away | None:
        homes, here = self._control.homes_of(tenant), self.here
        if homes is None or homes.named() <= {here}:
            return None

        def home_of(issuer: str, account: str, key: bytes) -> str:
            home = homes.of(issuer, account, key)
            return "" if home == here else home

        return Away(home_of=home_of, seal_keys=self._control.members.seal_keys, root=self._root)

    def named(self) -> frozenset[str]:
        """Return all jurisdictions in which somebody has their home; from any thread."""
        control = self._control
        stated: list[Homes | None] = [control.homes_of(tenant) for tenant in control.homes]
        return frozenset(law for one in stated if one is not None for law in one.named())

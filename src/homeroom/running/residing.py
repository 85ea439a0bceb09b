"""Whether this node may share documents with the others of its jurisdiction, as far as only it can know.

Who may have a document is decided by the core (`homeroom.regions.residency`), from what was stated. But what was stated
may be wrong of this machine: it stands somewhere else, or its vault is under another key, so that it could open nothing
of the others, nor they of it. So it looks before it shares anything: its jurisdiction as it was set up must be the one
that was stated of it, and its key the one whose check was stated of that jurisdiction.

The way not taken is to take what comes and to open it later: a vault with records that nobody here can read looks like
one from which they were erased.
"""

from dataclasses import dataclass

from homeroom.log.members import Membership
from homeroom.regions.world import World

__all__ = ["Residing", "VaultKey"]


@dataclass(frozen=True, slots=True)
class VaultKey:
    """What tells the key of a vault from another, and the tenants whose key does not follow from it."""

    check: str = ""
    own: tuple[str, ...] = ()
    seal: str = ""
    """The public half of the key by which others seal for its jurisdiction, as it follows from this key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Residing:
    """Where a node is, as it was set up.

    Parameters
    ----------
    node : its name
    jurisdiction : by its settings, empty if they do not say
    world : as its file has it
    key : of its vault
    """

    node: str
    jurisdiction: str
    world: World
    key: VaultKey

    def is_keyed(self, stated: Membership) -> bool:
        """Say whether it was stated which key the nodes of its jurisdiction have."""
        return stated.jurisdictions.get(self.node) in stated.vault_checks

    def why_not(self, stated: Membership) -> str | None:
        """Return why nothing may be shared, in words; None if it may, and as long as nothing was stated of the node."""
        if self.node not in stated.nodes:
            return None
        law = stated.jurisdictions.get(self.node, "")
        wrong = self._wrong_place(law)
        if wrong is not None:
            return wrong
        wanted = stated.vault_checks.get(law)
        return self._nobody_said(law, stated) if wanted is None else self._wrong_key(law, wanted)

    def _wrong_place(self, law: str) -> str | None:
        region = self.world.region_of(self.node)
        for said, where in (
            (self.jurisdiction, "its settings"),
            ("" if region is None else region.jurisdiction, "its file of regions"),
        ):
            if said not in ("", law):
                return (
                    f"no documents are shared: {self.node} is in jurisdiction {said} by {where}, and in "
                    f"{law or 'none'} by what was stated. Put right what is wrong; if that is what was stated, let the "
                    f"node leave, and join one of another name with an empty disk"
                )
        return None

    def _nobody_said(self, law: str, stated: Membership) -> str | None:
        others = [
            n for n, one in stated.nodes.items() if one.jurisdiction == law and n != self.node
        ]
        if not law or not others:
            return None
        return (
            f"no documents are shared with {', '.join(sorted(others))}: nobody has stated which vault key the nodes of "
            f"jurisdiction {law} have. Name its check under [vaults] in the file of regions of the home, and start "
            f"that again"
        )

    def _wrong_key(self, law: str, wanted: str) -> str | None:
        if self.key.check != wanted:
            return (
                f"no documents are shared: vault.key is another key (its check is {self.key.check}) than the one of "
                f"jurisdiction {law} ({wanted}), so nothing of the others could be opened here. Begin this node anew "
                f"with an empty directory and the key of another node of {law}"
            )
        if self.key.own:
            return (
                f"no documents are shared: the records of {', '.join(self.key.own)} are under vault keys of their own, "
                f"which other nodes of {law} do not have. Begin this node anew with an empty directory"
            )
        return None

    def why_not_open(self, stated: Membership) -> str | None:
        """Return why what others seal for this jurisdiction cannot be opened here, in words; None if it can."""
        law = stated.jurisdictions.get(self.node, "")
        said = stated.seal_keys.get(law, self.key.seal)
        if said == self.key.seal or stated.vault_checks.get(law) != self.key.check:
            return None
        return (
            f"others seal for jurisdiction {law} by {said}, and from its vault key follows {self.key.seal}: what they "
            f"send cannot be opened by anybody. State that no learner has a home in {law} (homeroom tenant homes), "
            f"until it is known how that key came into the file of regions"
        )

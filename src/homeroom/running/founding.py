"""What the home of a world states when it begins: who belongs to it, and which keys its tenants and vaults have.

All of it goes into one entry. A world of which only some nodes are stated would shut out the others for a moment, and a
tenant that is there before its key is known would be folded under any.

The way not taken is to go on by the file in which operators wrote the world down: each node reads its own copy, and no
two copies change at the same instant.
"""

from collections.abc import Callable

from homeroom.log.control import Control, Fact, TenantPut
from homeroom.log.members import MemberJoined, TenantKeyed, VaultKeyed
from homeroom.regions.world import World

__all__ = ["founding_facts", "vault_keyed", "with_key"]


def with_key(fact: Fact, control: Control, check_of: Callable[[str], str]) -> list[Fact]:
    """Return a fact, and before it which key its tenant has if it is the first of that tenant.

    ``check_of`` returns the check of a tenant's key, which is made if there is none.
    """
    if isinstance(fact, TenantPut) and fact.name not in control.members.key_checks:
        return [TenantKeyed(tenant=fact.name, check=check_of(fact.name)), fact]
    return [fact]


def founding_facts(
    control: Control,
    world: World,
    main: Callable[[], TenantPut],
    check_of: Callable[[str], str],
) -> list[Fact]:
    """Return what a home has to state at its start, nothing if all is there.

    Parameters
    ----------
    control : what was stated
    world : as operators have written it down
    main : returns the first tenant, as it is to be where there is none
    check_of : returns the check of a tenant's key, which is made if there is none
    """
    unkeyed = control.tenants.keys() - control.members.key_checks.keys()
    facts: list[Fact] = [TenantKeyed(tenant=one, check=check_of(one)) for one in sorted(unkeyed)]
    if not control.tenants:
        facts += with_key(main(), control, check_of)
    if not control.members.nodes:
        facts += [
            MemberJoined(node=name, region=one.region, jurisdiction=one.jurisdiction, key=one.key)
            for name, one in sorted(world.members().items())
        ]
    checks, seals = control.members.vault_checks, control.members.seal_keys
    return facts + [
        vault_keyed(world, law)
        for law, check in sorted(world.vaults.items())
        if law not in checks or (checks[law] == check and law in world.seals.keys() - seals.keys())
    ]


def vault_keyed(world: World, law: str) -> VaultKeyed:
    """Return which keys the nodes of a jurisdiction have, as operators have written it down."""
    return VaultKeyed(jurisdiction=law, check=world.vaults[law], seal=world.seals.get(law, ""))

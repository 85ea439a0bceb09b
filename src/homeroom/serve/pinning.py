"""Where a tenant's data may be taken: anywhere, or in some regions and nowhere else.

An *open* tenant is taken by every node. A *pinned* one names regions, or a jurisdiction whose regions are meant; a node
that is elsewhere answers 421 with their names, before it reads anything of the body. A node that does not know where it
is takes nothing of a pinned tenant: to guess would be to break the promise where nobody looks.
"""

from homeroom.log.control import Control

__all__ = ["elsewhere"]


def elsewhere(control: Control, tenant: str, here: tuple[str, str]) -> tuple[str, ...] | None:
    """Return the regions in which a tenant's data are taken if this is none of them; None if they are taken here.

    ``here`` are the node's region and jurisdiction, empty if nobody said. The regions of a jurisdiction are those of
    its nodes that are known; there may be none.
    """
    terms = control.tenants.get(tenant)
    if terms is None or not (terms.regions or terms.jurisdiction):
        return None
    region, jurisdiction = here
    is_region = not terms.regions or region in terms.regions
    if is_region and terms.jurisdiction in ("", jurisdiction):
        return None
    return control.regions_of(tenant)

"""How the states of tenants are made that are cut into shards."""

import resource
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from homeroom.events.model import UInt64s
from homeroom.log.control import Control
from homeroom.node.folding import TenantState

__all__ = ["Make", "Owns", "memory_bytes", "owning"]

Make: TypeAlias = Callable[[str, Control], TenantState]
Owns: TypeAlias = Callable[[UInt64s, UInt64s], npt.NDArray[np.bool_]]


def owning(make: Make, owns: Owns) -> Make:
    """Return what makes the states of tenants as ``make`` does, of those learners alone."""

    def made(name: str, control: Control) -> TenantState:
        tenant = make(name, control)
        tenant.state.owns = owns
        return tenant

    return made


def memory_bytes() -> int:
    """Return the most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

"""A membership as arrays, to be written down and read again.

It is a cache: without it nothing is wrong after a start, but what changed while the node was not there could not be
told. So whatever does not fit together is refused, and the node begins without it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from homeroom.cohorts.membership.changes import Changes
from homeroom.cohorts.membership.findings import Kept
from homeroom.cohorts.membership.held import WORD_BITS, Held
from homeroom.cohorts.membership.membership import Membership
from homeroom.cohorts.membership.wanted import Signature
from homeroom.errors import DataDirectoryError
from homeroom.state.zones import Zone

__all__ = ["arrays_of", "first_change", "membership_of"]

_Arrays = Mapping[str, npt.NDArray[Any]]
_PER_MS = 1_000


class _Cohort(msgspec.Struct, frozen=True):
    slot: int
    version: int
    signature: Signature
    problem: str | None


class _About(msgspec.Struct, frozen=True):
    day: int | None
    next_change: int
    timezone: str
    cohorts: dict[str, _Cohort]


def first_change(now_ms: int) -> int:
    """Return the number of the first change of a start: greater than all before, whatever was written of these."""
    return now_ms * _PER_MS


def arrays_of(membership: Membership) -> dict[str, npt.NDArray[Any]]:
    """Return copies of all that is to be written."""
    held = membership.held
    some = np.flatnonzero(held.words[:, : held.rows].any(axis=0))
    about = _About(
        day=membership.day,
        next_change=membership.changes.next,
        timezone=membership.zone.name,
        cohorts={
            name: _Cohort(kept.slot, kept.version, kept.signature, kept.problem)
            for name, kept in membership.cohorts.items()
        },
    )
    return {
        "about": np.frombuffer(msgspec.json.encode(about), np.uint8),
        "key_hi": held.key_hi[some],
        "key_lo": held.key_lo[some],
        "words": held.words[:, some],
    }


def membership_of(arrays: _Arrays, zone: Zone, now_ms: int) -> Membership:
    """Return what `arrays_of` gave. Raises `DataDirectoryError` if it does not fit together."""
    try:
        about = msgspec.json.decode(arrays["about"].tobytes(), type=_About)
        keys, words = (arrays["key_hi"], arrays["key_lo"]), arrays["words"]
    except (KeyError, msgspec.MsgspecError) as error:
        raise DataDirectoryError(
            f"a written membership cannot be read ({error}); it is made anew"
        ) from error
    slots = [one.slot for one in about.cohorts.values()]
    fits = words.ndim == 2 and words.shape[1] == len(keys[0]) == len(keys[1])
    is_covered = min(slots, default=0) >= 0 and max(slots, default=-1) < WORD_BITS * len(words)
    if not fits or not is_covered or about.timezone != zone.name:
        raise DataDirectoryError("a written membership does not fit together; it is made anew")
    kept = {
        name: Kept(one.slot, one.version, one.signature, one.problem)
        for name, one in about.cohorts.items()
    }
    told = about.next_change - 1
    changes = Changes(max(about.next_change, first_change(now_ms)), told)
    return Membership(zone, changes, Held.of(keys, words), kept, about.day)

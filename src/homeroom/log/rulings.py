"""What operators rule of entries that were stamped in the future: when they count, or that they do not.

A node whose clock was a year ahead has written entries that everybody holds, and nobody folds before that year is over.
Only people know what became of such a node; so they rule, by facts of the control stream, and all nodes fold these
alike. `Restamped` has entries count as if they were stamped then; `EntriesLost` has them count for nothing. They stay
where they are, with their numbers and their chain. A ruling can be made anew: of several the last one stated counts.
What a retention cut covered before a ruling was made stays as it is: its events are in bases, out of which nothing is
taken.

The way not taken is to write what is in them once more under a right stamp: who had folded them by then would have to
take them out again, and nobody could say later why they had not counted for a month.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.cuts import Cuts
from homeroom.log.origins import Origin

__all__ = [
    "EntriesLost",
    "Restamped",
    "Ruling",
    "RulingFact",
    "Rulings",
    "check_ruling",
    "folded_ruling",
    "is_lost",
    "ruled_stamp",
    "ruling_of",
]


class Restamped(msgspec.Struct, frozen=True, kw_only=True, tag="restamped"):
    """Entries count as if they had another stamp.

    Parameters
    ----------
    origin : its text
    first, last : numbers of entries, both included
    hybrid : the hybrid stamp that they have from now on
    """

    origin: str
    first: int
    last: int
    hybrid: int


class EntriesLost(msgspec.Struct, frozen=True, kw_only=True, tag="entries-lost"):
    """Events and voids in entries count for nothing; the fields are those of `Restamped`.

    What persons have said in them, erasures and consents, counts nevertheless: nobody rules on that.
    """

    origin: str
    first: int
    last: int


RulingFact: TypeAlias = Restamped | EntriesLost


@dataclass(frozen=True, slots=True)
class Ruling:
    """Of which numbers of an origin, and their stamp from now on; None if they count for nothing.

    ``covered`` has by tenant up to which number an earlier cut had made bases of them.
    """

    first: int
    last: int
    hybrid: int | None
    covered: tuple[tuple[str, int], ...] = ()


Rulings: TypeAlias = Mapping[Origin, tuple[Ruling, ...]]
"""By origin all that was ruled of it, in the order of the control stream."""


def ruling_of(rulings: Rulings, origin: Origin, number: int) -> Ruling | None:
    """Return what was ruled of an entry last, None for nothing."""
    for ruling in reversed(rulings.get(origin, ())):
        if ruling.first <= number <= ruling.last:
            return ruling
    return None


def ruled_stamp(rulings: Rulings, origin: Origin, number: int, hybrid: int) -> int:
    """Return the stamp by which an entry is folded: its own, one that was ruled, or 0 if it counts for nothing."""
    ruling = ruling_of(rulings, origin, number) if origin in rulings else None
    return hybrid if ruling is None else ruling.hybrid or 0


def is_lost(rulings: Rulings, origin: Origin, number: int, tenant: str) -> bool:
    """Say whether what an entry has of a tenant counts for nothing."""
    for ruling in reversed(rulings.get(origin, ())):
        if ruling.first <= number <= ruling.last and number > dict(ruling.covered).get(tenant, 0):
            return ruling.hybrid is None
    return False


def check_ruling(rulings: Rulings, fact: RulingFact) -> None:
    """Raise `ControlError` for a ruling that makes no sense."""
    try:
        origin = Origin.parse(fact.origin)
    except ValueError:
        raise ControlError(
            f"the origin is {fact.origin[:200]!r}; it must be node/incarnation/stream"
        ) from None
    if not origin.stream.is_shared:
        raise ControlError(
            f"{fact.origin} has documents, which wait for no time and of which nobody elsewhere may hear; rule of "
            f"entries with events, or with facts"
        )
    if not 1 <= fact.first <= fact.last:
        raise ControlError(
            f"entries {fact.first:,} to {fact.last:,} are none; the first number is 1, and the last no smaller"
        )
    count = 1 + sum(map(len, rulings.values()))
    if count > limits.RULINGS_MAX:
        raise ControlError(
            f"there would be {count:,} rulings, at most {limits.RULINGS_MAX:,} are allowed; rule of longer ranges"
        )


def folded_ruling(rulings: Rulings, fact: RulingFact, cuts: Cuts) -> Rulings:
    """Return all rulings with one more, made after these cuts; one that makes no sense changes nothing."""
    try:
        origin = Origin.parse(fact.origin)
    except ValueError:
        return rulings
    hybrid = fact.hybrid if isinstance(fact, Restamped) else None
    numbers = {tenant: cut.vector[origin] for tenant, cut in sorted(cuts.items())}
    covered = tuple((name, number) for name, number in numbers.items() if number >= fact.first)
    ruling = Ruling(fact.first, fact.last, hybrid, covered)
    return {**rulings, origin: _without_covered(rulings.get(origin, ()), ruling)}


def _without_covered(rulings: Iterable[Ruling], last: Ruling) -> tuple[Ruling, ...]:
    """Return rulings with one more, those left out of which nothing is left."""
    first = max([last.first, *(1 + number for _, number in last.covered)])
    kept = (one for one in rulings if not (first <= one.first and one.last <= last.last))
    return (*kept, last)

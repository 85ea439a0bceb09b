"""What more learners than were ever loaded would ask of one machine: fitted powers of the size, carried on.

A projection is a guess with an interval, and the interval knows only the scatter of the runs: not that something which
was free (a cache, a disk) ends somewhere in between. So each says from which sizes it was carried on, and how far.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homeroom import limits
from homeroom.proving.growth import Growth, fit_growth

__all__ = ["Need", "Projection", "bottleneck", "project"]


@dataclass(frozen=True, slots=True)
class Need:
    """A figure over sizes, one pair a run, and what there is of it on one machine (None: no bound).

    Attributes
    ----------
    what, unit : in words
    sizes, figures : of the runs
    there_is : the bound
    """

    what: str
    unit: str
    sizes: Sequence[float]
    figures: Sequence[float]
    there_is: float | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """A need carried on to larger sizes.

    Attributes
    ----------
    need : which
    growth : what was fitted
    at : by size the figure and its 95 % interval
    reached_at : the size at which the bound is reached, as far as `limits.PROVING_SIZE_MAX`; None where it is not
    """

    need: Need
    growth: Growth
    at: Mapping[int, tuple[float, float, float]]
    reached_at: float | None


def project(need: Need, sizes: Sequence[int]) -> Projection:
    """Carry a need on to some sizes. Raises `ProvingError` where there are too few runs."""
    growth = fit_growth(need.sizes, need.figures)
    at = {size: (growth.at(size), *growth.interval_at(size)) for size in sizes}
    return Projection(need, growth, at, _reached_at(growth, need.there_is))


def bottleneck(projections: Sequence[Projection]) -> Projection | None:
    """Return the projection whose bound is reached first, or None if none is."""
    reached = [one for one in projections if one.reached_at is not None]
    return min(reached, key=lambda one: one.reached_at or 0, default=None)


def _reached_at(growth: Growth, there_is: float | None) -> float | None:
    if there_is is None or growth.exponent <= 0 or growth.at(limits.PROVING_SIZE_MAX) < there_is:
        return None
    size: float = (there_is / growth.factor) ** (1 / growth.exponent)
    return size

"""What goes into a lookup and what comes out: see `homeroom.traffic.caching.lookup`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from homeroom.log.origins import Vector
from homeroom.traffic.caching.entries import Kept
from homeroom.traffic.caching.judging import Standing, Want
from homeroom.traffic.caching.keys import CacheKey

__all__ = [
    "Asked",
    "Compute",
    "Computed",
    "Effect",
    "Event",
    "Failed",
    "Forgotten",
    "Found",
    "Keep",
    "Lease",
    "Leased",
    "Left",
    "LookAgain",
    "LookIn",
    "Looked",
    "Refuse",
    "Release",
    "TakeLease",
    "Tell",
    "Tier",
]


class Tier(StrEnum):
    """Where an answer was found, the nearest first."""

    PROCESS = "process"
    REGION = "region"
    WORLD = "world"
    ENGINE = "engine"


class Lease(StrEnum):
    """What came of asking to be the one node of a region that makes an answer."""

    GOT = "got"
    TAKEN = "taken"
    AWAY = "away"


# --- events ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants an answer; no two tickets are the same."""

    ticket: int
    key: CacheKey
    want: Want


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody wants it no more."""

    ticket: int
    name: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A tier has said what it has; None for nothing, and where it could not be asked."""

    name: bytes
    tier: Tier
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Leased:
    """What came of `TakeLease`."""

    name: bytes
    lease: Lease


@dataclass(frozen=True, slots=True)
class Looked:
    """The time of `LookAgain` is over."""

    name: bytes


@dataclass(frozen=True, slots=True)
class Computed:
    """The engine has answered; ``may_keep`` says whether others may be told that too."""

    name: bytes
    kept: Kept
    may_keep: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine could not answer."""

    name: bytes
    error: Exception


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Nothing is kept any more of a tenant, nor of what is being computed of it."""

    tenant: str


Event: TypeAlias = Asked | Left | Found | Leased | Looked | Computed | Failed | Forgotten

# --- effects ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tell:
    """Whoever has this ticket is told an answer."""

    ticket: int
    kept: Kept
    tier: Tier
    standing: Standing
    want: Want


@dataclass(frozen=True, slots=True)
class Refuse:
    """Whoever has this ticket is told that it failed."""

    ticket: int
    error: Exception


@dataclass(frozen=True, slots=True)
class LookIn:
    """A tier is asked what it has."""

    tier: Tier
    key: CacheKey


@dataclass(frozen=True, slots=True)
class TakeLease:
    """The region is asked whether this node may be the one that computes."""

    key: CacheKey


@dataclass(frozen=True, slots=True)
class LookAgain:
    """After a while `Looked` is to come."""

    name: bytes
    after_ms: int


@dataclass(frozen=True, slots=True)
class Compute:
    """The engine is asked, for an answer that holds ``after``; ``key`` is that of whoever asked first."""

    key: CacheKey
    after: Vector


@dataclass(frozen=True, slots=True)
class Keep:
    """A tier is given an answer, which it takes unless it has one whose vector is not older."""

    tier: Tier
    key: CacheKey
    kept: Kept


@dataclass(frozen=True, slots=True)
class Release:
    """The lease is given back."""

    key: CacheKey


Effect: TypeAlias = Tell | Refuse | LookIn | TakeLease | LookAgain | Compute | Keep | Release

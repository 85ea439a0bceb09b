"""What can go wrong with a world of regions, as data: the catalogue of faults (`faults.toml`), typed and checked.

A fault says what is done, to whom and for how long, where that can be done, and what must hold meanwhile and
afterwards. What no process of this machine can have (a disk that lies, a clock of its own) happens in simulated worlds
alone, and the catalogue says so: a fault that is only said to be tried proves nothing.
"""

import difflib
import functools
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from importlib import resources
from typing import Annotated, Any, Final

import msgspec

from homeroom.errors import ProvingError

__all__ = [
    "Action",
    "Fault",
    "Need",
    "Promise",
    "Reach",
    "Simulated",
    "Where",
    "catalogue",
    "chosen_faults",
    "read_faults",
]

_FILE: Final = "faults.toml"
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class Action(StrEnum):
    """What is done."""

    KILL = "kill"
    PAUSE = "pause"
    CUT = "cut"
    CUT_ONE_WAY = "cut-one-way"
    SLOW = "slow"
    FILL = "fill"
    MISCONFIGURE = "misconfigure"
    EVACUATE = "evacuate"
    TOGETHER = "together"
    DEPLOY = "deploy"
    SLOW_DISK = "slow-disk"
    LOSE_SYNC = "lose-sync"
    MOVE_CLOCK = "move-clock"
    RESTORE = "restore"


class Reach(StrEnum):
    """To whom."""

    REGION = "region"
    CONTINENT = "continent"
    NODE = "node"
    LINK = "link"
    FABRIC = "fabric"
    ALL_FABRIC = "all-fabric"
    CACHES = "caches"
    DATABASE = "database"


class Where(StrEnum):
    """Where it can be tried."""

    PROCESSES = "processes"
    SIMULATION = "simulation"


class Need(StrEnum):
    """What a machine must have for it, beside networks for regions."""

    REDIS = "redis"
    POSTGRESQL = "postgresql"
    DISKS = "disks"


class Promise(StrEnum):
    """What must hold of it; see the head of the file."""

    ANSWERED = "answered"
    OTHERS_ANSWERED = "others-answered"
    MOVED = "moved"
    RETURNED = "returned"
    REFUSED = "refused"


class Simulated(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Simulated worlds that have it: of writers or of requests, and under which name."""

    world: Annotated[str, msgspec.Meta(pattern="^(writers|requests)$")]
    kind: _Text


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong; the head of `faults.toml` says what its fields mean.

    Attributes
    ----------
    seconds : for how long
    together : names of the faults that it is made of, where they happen at once
    """

    name: _Name
    about: _Text
    does: Action
    at: Reach
    seconds: Annotated[float, msgspec.Meta(gt=0, le=600)]
    runs: Annotated[tuple[Where, ...], msgspec.Meta(min_length=1)]
    needs: tuple[Need, ...] = ()
    holds: tuple[Promise, ...] = ()
    gives: str = ""
    hazards: tuple[str, ...] = ()
    simulated: tuple[Simulated, ...] = ()
    together: tuple[str, ...] = ()

    @property
    def is_real(self) -> bool:
        """Whether it can be done to processes."""
        return Where.PROCESSES in self.runs


def read_faults(tables: Mapping[str, Any], origin: str) -> dict[str, Fault]:
    """Return the faults in a catalogue by name. Raises `ProvingError`."""
    try:
        faults = msgspec.convert(tables.get("faults", []), list[Fault])
    except msgspec.ValidationError as error:
        raise ProvingError(f"{origin}: {error}") from None
    twice = [name for name, times in Counter(one.name for one in faults).items() if times > 1]
    if twice:
        raise ProvingError(f"{origin}: the fault {twice[0]} stands there twice; rename one")
    found = {one.name: one for one in faults}
    for one in faults:
        _check(one, found, origin)
    return found


def _check(one: Fault, found: Mapping[str, Fault], origin: str) -> None:
    if (Where.SIMULATION in one.runs) != bool(one.simulated):
        raise ProvingError(
            f"{origin}: the fault {one.name} runs in the simulation if and only if `simulated` says as what"
        )
    if one.is_real and not one.holds:
        raise ProvingError(f"{origin}: nothing must hold of the fault {one.name}; give `holds`")
    if (one.does is Action.TOGETHER) != bool(one.together) or set(one.together) - set(found):
        raise ProvingError(
            f"{origin}: `together` of the fault {one.name} must name faults of the catalogue, where it does that"
        )


@functools.cache
def catalogue() -> Mapping[str, Fault]:
    """Return the shipped faults by name."""
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    return read_faults(tomllib.loads(text), _FILE)


def chosen_faults(names: Iterable[str]) -> tuple[Fault, ...]:
    """Return these faults of the shipped catalogue, in this order. Raises `ProvingError` for a name that is none."""
    found: dict[str, Fault] = {}
    for name in names:
        one = catalogue().get(name)
        if one is None:
            near = difflib.get_close_matches(name, catalogue(), 1) or list(catalogue())
            raise ProvingError(
                f"the fault {name[:80]!r} is none that can be injected; there is {', '.join(near)}"
            )
        if name in found:
            raise ProvingError(f"the fault {name} stands there twice; name it once")
        found[name] = one
    if not found:
        raise ProvingError("a plan of resilience without faults proves nothing; add faults")
    return tuple(found.values())

"""What may be loaded: this process, processes of this machine, or an address that is ours.

A load test against somebody else's service is an attack. An address of this machine is ours; for any other one the
person who starts the test says so, by its name, and even then no more is sent than a bound allows.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from homeroom import limits
from homeroom.errors import ProvingError

__all__ = ["EMBEDDED", "PROCESSES", "Target", "check_rate", "own_target", "parse_target"]

EMBEDDED = "embedded"
PROCESSES = "processes"


@dataclass(frozen=True, slots=True)
class Target:
    """What is loaded: its name as it was given, and whether it is this machine."""

    name: str
    is_here: bool

    @property
    def is_address(self) -> bool:
        """Whether it is an address of a node that runs already."""
        return self.name not in (EMBEDDED, PROCESSES)


def own_target(test: str) -> str:
    """Return what a test is run with where nobody says otherwise: faults are done to processes."""
    return PROCESSES if test == "resilience" else EMBEDDED


def parse_target(name: str, owned: str | None) -> Target:
    """Return the target of a name.

    Parameters
    ----------
    name : ``embedded``, ``processes``, or ``http://HOST:PORT``
    owned : the host of which somebody says that it is theirs to load

    Raises
    ------
    ProvingError
        The name is none of these, or the address is not of this machine and was not said to be ours.
    """
    if name in (EMBEDDED, PROCESSES):
        return Target(name, is_here=True)
    try:
        parts = urlsplit(name)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise ProvingError(
            f"the target {name[:200]!r} is neither {EMBEDDED} nor {PROCESSES} nor an address http://HOST:PORT"
        )
    if _is_here(host):
        return Target(name, is_here=True)
    if owned is None:
        raise ProvingError(
            f"{host} is not this machine: a load that its owner has not agreed to is an attack. If it is yours, say "
            f"--i-own-this-target {host}"
        )
    if owned != host:
        raise ProvingError(
            f"--i-own-this-target names {owned[:200]}, and the target is {host}: name the host that is loaded"
        )
    return Target(name, is_here=False)


def check_rate(target: Target, per_second: float) -> None:
    """Refuse to send more to another machine than is allowed. Raises `ProvingError`."""
    if not target.is_here and per_second > limits.PROVING_RATE_ELSEWHERE_MAX:
        raise ProvingError(
            f"{per_second:,.0f} requests a second to {target.name}, must be at most "
            f"{limits.PROVING_RATE_ELSEWHERE_MAX:,} to another machine; take fewer learners or questions_per_second"
        )


def _is_here(host: str) -> bool:
    """Say whether a host is this machine; names other than localhost are not looked up: they may change."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

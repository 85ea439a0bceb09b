"""A network of this machine's own: a namespace a region, and one between them in which packets can be lost.

Whoever makes a `Network` sits in the namespace between (`inside` puts a program there), reaches all regions, and
decides what passes from one to another: a rule of the kernel's routing drops the packets of one direction without a
word, as a broken line does. Nothing leads out of it to other networks, and all of it is gone with its processes.

The way not taken is a proxy between the gateways: it sees connections, not packets, so it could neither lose the
answer alone nor leave a connection half open. Nor a firewall: the kernels of containers often have none.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Final

__all__ = ["Network", "address_of", "inside", "why_not"]

_WAIT_S: Final = 10
_FIRST_RULE: Final = 100


def inside(command: Sequence[str]) -> list[str]:
    """Return the command that runs another one with a network and mounts of its own; not only root may have them."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--net", "--mount", "--", *command]


def why_not() -> str | None:
    """Return why such a network cannot be had here, None if it can."""
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            return f"needs {program} (packages util-linux and iproute2), which is not here"
    # Two ends of a cable and a rule are all that is asked of the kernel.
    tried = "ip link add near0 type veth peer name far0 && ip rule add from 10.0.0.1 to 10.0.0.2 blackhole"
    run = subprocess.run(inside(["sh", "-c", tried]), capture_output=True, text=True, check=False)  # noqa: S603 - no words of others
    if run.returncode:
        return (
            f"needs namespaces of the network, and may not have them: {run.stderr.strip()[-200:]}"
        )
    return None


def address_of(place: int) -> str:
    """Return the address of the region at a place, counted from 0."""
    return f"10.77.{place + 1}.2"


class Network:
    """Regions with an address each, and what passes between them.

    Parameters
    ----------
    regions : their names; `address_of` has their addresses, in this order
    """

    def __init__(self, regions: Sequence[str]) -> None:
        self._places = {region: place for place, region in enumerate(regions)}
        self._holders: dict[str, subprocess.Popen[bytes]] = {}
        self._cut: dict[tuple[str, str], int] = {}
        _ip("link set lo up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        for region in regions:
            self._add(region)

    def _add(self, region: str) -> None:
        # It holds the namespace as long as its input is open: it ends with this process, whatever ends that.
        holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)  # noqa: S607 - of the system
        self._holders[region] = holder
        here, until_s = Path("/proc/self/ns/net").readlink(), time.monotonic() + _WAIT_S
        while Path(f"/proc/{holder.pid}/ns/net").readlink() == here:
            assert time.monotonic() < until_s, "a namespace is made in a moment"
            os.sched_yield()
        place = self._places[region]
        near, far = f"10.77.{place + 1}.1", address_of(place)
        _ip(
            f"link add region{place} type veth peer name way netns {holder.pid}",
            f"addr add {near}/30 dev region{place}",
            f"link set region{place} up",
        )
        _ip(
            "link set lo up",
            f"addr add {far}/30 dev way",
            "link set way up",
            f"route add default via {near}",
            within=self.enter(region),
        )

    def enter(self, region: str) -> list[str]:
        """Return the words that, before a command, run it in a region; its process keeps its number."""
        return ["nsenter", "--target", str(self._holders[region].pid), "--net", "--"]

    def cut(self, source: str, target: str) -> None:
        """Lose what goes from one region to another, and not what comes back."""
        if (source, target) not in self._cut:
            taken = set(self._cut.values())
            rule = next(n for n in range(_FIRST_RULE, 32_000) if n not in taken)
            self._cut[source, target] = rule
            _ip(f"rule add {self._rule(source, target)}")

    def heal(self, source: str, target: str) -> None:
        """Lose nothing any more of what goes from one region to another."""
        if (source, target) in self._cut:
            _ip(f"rule del {self._rule(source, target)}")
            del self._cut[source, target]

    def heal_all(self) -> None:
        """Lose nothing any more."""
        for source, target in permutations(self._places, 2):
            self.heal(source, target)

    def _rule(self, source: str, target: str) -> str:
        one, other = (address_of(self._places[region]) for region in (source, target))
        return f"pref {self._cut[source, target]} from {one} to {other} blackhole"

    def slow(self, region: str, kilobits: int) -> None:
        """Let no more than so many kilobits a second come to a region; what waits too long is lost."""
        how = f"rate {kilobits}kbit burst 64kbit latency 300ms"
        _tc(f"qdisc replace dev region{self._places[region]} root tbf {how}")

    def quicken(self, region: str) -> None:
        """Let all come to a region again."""
        _tc(f"qdisc del dev region{self._places[region]} root")

    def close(self) -> None:
        """Give all of it up; the processes in it have ended."""
        for holder in self._holders.values():
            assert holder.stdin is not None, "it is a pipe"
            holder.stdin.close()
            holder.wait(_WAIT_S)


def _ip(*commands: str, within: Sequence[str] = ()) -> None:
    subprocess.run([*within, "ip", "-batch", "-"], input="\n".join(commands), text=True, check=True)  # noqa: S603 - our own


def _tc(command: str) -> None:
    subprocess.run(["tc", *command.split()], check=True)  # noqa: S603, S607 - of the system

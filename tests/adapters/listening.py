"""At which addresses a process and those that it has started can be reached."""

import ipaddress
from pathlib import Path

__all__ = ["sockets_below"]

_LISTENING = "0A"


def sockets_below(pid: int) -> set[tuple[str, int]]:
    """Return address and port of every TCP socket that waits for connections, of a process and all below it."""
    inodes = {inode for one in _family(pid) for inode in _inodes(one)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and fields[9] in inodes:
                host, port = fields[1].split(":")
                found.add((_address(host), int(port, 16)))
    return found


def _address(host: str) -> str:
    words = [bytes.fromhex(host[i : i + 8])[::-1] for i in range(0, len(host), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


def _family(pid: int) -> list[int]:
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    family, found = [pid], {pid}
    for one in family:
        family += [
            child for child, parent in parents.items() if parent == one and child not in found
        ]
        found |= set(family)
    return family


def _inodes(pid: int) -> set[str]:
    found = set()
    try:
        handles = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return found
    for handle in handles:
        try:
            target = str(handle.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found

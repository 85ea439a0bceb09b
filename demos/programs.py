"""Ports of this machine, for what a demo or a test starts."""

import os
import socket


def free_ports(count: int) -> int:
    """Return the first of so many ports in a row that nobody listens on, below those that systems hand out.

    Each process begins elsewhere: ports are opened later, and two that run at once must not take one another's.
    """
    for base in range(20_000 + os.getpid() * 100 % 10_000, 32_000, 10):
        try:
            for port in range(base, base + count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise SystemExit(f"no {count} ports in a row are free")

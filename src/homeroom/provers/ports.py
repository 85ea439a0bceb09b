"""Addresses and ports of this machine: nothing is sent anywhere, only bound, and let go again."""

import os
import socket
from collections.abc import Iterable

from homeroom.errors import ProvingError

__all__ = ["check_addresses", "free_ports"]


def free_ports(count: int) -> int:
    """Return the first of so many ports in a row that nobody listens on, below those that systems hand out.

    Each process begins elsewhere: ports are opened later, and two that run at once must not take one another's. Raises
    `ProvingError` where there are none.
    """
    for base in range(20_000 + os.getpid() * 100 % 10_000, 32_000, 10):
        try:
            for port in range(base, base + count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise ProvingError(f"no {count} ports in a row are free")


def check_addresses(addresses: Iterable[str]) -> None:
    """Refuse a machine on which an address is not its own. Raises `ProvingError`."""
    for address in addresses:
        with socket.socket() as one:
            try:
                one.bind((address, 0))
            except OSError as error:
                raise ProvingError(
                    f"{address} is no address of this machine ({error.strerror}): places are told apart by addresses "
                    "of 127.0.0.0/8, all of which Linux has"
                ) from None

"""The clock of the machine: handed to whatever must know the time, and asked by nobody else."""

import time

__all__ = ["now_ms", "steady_ms"]


def now_ms() -> int:
    """Return the time of this machine: milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Return what a clock shows that nobody sets: milliseconds since some instant before the process began."""
    return time.monotonic_ns() // 1_000_000

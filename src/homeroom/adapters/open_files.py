"""How many files and connections the system lets this process have open, and how many of these clients may take.

A connection is a file to the system, and a shell often allows 1,024. Where clients have taken all of them, the log
cannot begin a file and a snapshot cannot be written, however well the disk is; so some are kept for the node itself.
Most systems allow far more to whoever asks.
"""

import resource
from typing import Final

from homeroom import limits

__all__ = ["connections_that_fit"]

_ASKED: Final = resource.RLIMIT_NOFILE


def connections_that_fit(wanted: int) -> int:
    """Have the system allow as many open files as it does, and return how many connections of clients fit, up to these.

    At least half of what is allowed stays with clients, at most `limits.OWN_FILES` with the node.
    """
    soft, hard = resource.getrlimit(_ASKED)
    needed = wanted + limits.WATCHING_CONNECTIONS_MAX + limits.OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        more = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        if more > soft:
            resource.setrlimit(_ASKED, (more, hard))
            soft = more
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    own = min(limits.OWN_FILES + limits.WATCHING_CONNECTIONS_MAX, soft // 2)
    return max(1, min(wanted, soft - own))

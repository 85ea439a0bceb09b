"""Ids of batches: drawn once, kept over all retries.

A UUID of version 7 (RFC 9562, 5.7) begins with the time. Events without a time of their own take that one, so that it
is the same however often the batch is sent.
"""

import random
import uuid

__all__ = ["uuid7"]


def uuid7(now_ms: int, generator: random.Random) -> str:
    """Return a UUID of version 7.

    Parameters
    ----------
    now_ms : milliseconds since 1970 UTC
    generator : draws the 74 random bits
    """
    number = (now_ms & 0xFFFF_FFFF_FFFF) << 80 | generator.getrandbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))

"""Random bits by counter: any draw of any learner on any day, without the draws before it.

A usual generator has a state that every draw moves on, so event number ten million needs the ten million before it.
Here a draw is a hash of what it is for (seed, stream, who, when, which), so a day can be made alone, in any order
and on any machine, with the same bits. The hash is the finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable
pseudorandom number generators, 2014): two multiplications, and good enough in all 64 bits to be cut into pieces.
NumPy's Philox would do the same for blocks, but not inside a compiled loop, and its distributions may change
between versions.
"""

from enum import IntEnum

import numpy as np

from homeroom.kernel import kernel

__all__ = ["Stream", "below", "bits", "hashed", "mix"]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class Stream(IntEnum):
    """What draws are for; two streams of one seed have nothing in common."""

    ENROLMENT = 1
    LEARNER = 2
    VISIT = 3
    SESSION = 4
    ID_HIGH = 5
    ID_LOW = 6
    REPEAT = 7
    ACCOUNT = 8


@kernel
def mix(value: np.uint64) -> np.uint64:
    """Return 64 well-mixed bits of a 64-bit value; different values give different bits."""
    value ^= value >> np.uint64(30)
    value *= _FIRST
    value ^= value >> np.uint64(27)
    value *= _SECOND
    return value ^ (value >> np.uint64(31))


@kernel
def hashed(key: np.uint64, number: int | np.uint64) -> np.uint64:
    """Return draw ``number`` (any integer) under a key; a draw can be the key of further draws."""
    return mix(key + np.uint64(number) * _STEP)


@kernel
def bits(draw: np.uint64, shift: int, width: int) -> int:
    """Return ``width`` bits of a draw from ``shift`` on, as a signed integer."""
    return int(np.int64((draw >> np.uint64(shift)) & np.uint64((1 << width) - 1)))


@kernel
def below(draw: np.uint64, bound: int) -> int:
    """Return an integer in [0, bound) from the upper half of a draw; bound at most 2^31."""
    return int(np.int64(((draw >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32)))

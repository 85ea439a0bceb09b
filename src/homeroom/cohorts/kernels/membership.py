"""Sets of learners, each a bit a row, turned into words a row, each bit a set.

The first form is what rules are joined in, the second what is asked of one learner. Turned in blocks of 64 rows, so
that what is written stays in registers; the inner loop has no branch and becomes vector instructions.
"""

import numpy as np

from homeroom.kernel import kernel

__all__ = ["turn"]


@kernel
def turn(sets, shifts, rows, words):
    """Set in ``words[row]`` the bit ``shifts[s]`` for each row that is in set ``s``.

    ``sets`` uint64 of shape (sets, words of 64 rows), ``shifts`` uint64 of shape (sets,), ``words`` uint64 of shape
    (rows,), to be changed.
    """
    block = np.zeros(64, np.uint64)
    for place in range(sets.shape[1]):
        block[:] = 0
        for number in range(sets.shape[0]):
            flags = sets[number, place]
            if flags == 0:
                continue
            shift = shifts[number]
            for i in range(64):
                block[i] |= ((flags >> np.uint64(i)) & np.uint64(1)) << shift
        first = 64 * place
        for i in range(min(64, rows - first)):
            words[first + i] |= block[i]

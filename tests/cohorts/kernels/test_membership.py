"""Sets of rows turned into words a row are those of a loop over rows and sets."""

import numpy as np

from homeroom.cohorts.kernels.membership import turn
from homeroom.cohorts.members import pack
from homeroom.events.texts import sealed


def test_every_bit_comes_to_its_row_and_no_other_is_touched(rng):
    for rows in (0, 1, 63, 64, 65, 300):
        flags = rng.integers(0, 2, (5, rows)).astype(np.bool_)
        flags[2] = False
        shifts = np.array([0, 3, 7, 62, 63], np.uint64)
        words = np.full(rows, 1 << 5, np.uint64)
        sets = np.stack([pack(one) for one in flags])
        turn(sealed(sets), sealed(shifts), rows, words)
        for row in range(rows):
            expected = 1 << 5 | sum(
                1 << int(s) for s, f in zip(shifts, flags[:, row], strict=True) if f
            )
            assert int(words[row]) == expected

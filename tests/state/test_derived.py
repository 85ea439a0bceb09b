"""What questions work out is renewed from the rows that were written to, and made anew where that does not do."""

import numpy as np
import pytest

from homeroom.limits import DERIVED_ROWS_MAX
from homeroom.state.derived import Derived


class Sums:
    """Keeps the double of each row, and counts how it comes by them."""

    def __init__(self) -> None:
        self.derived, self.rows = Derived(), np.arange(10, dtype=np.int64)
        self.made = 0
        self.renewed: list[list[int]] = []

    def write(self, *rows: int) -> None:
        self.rows[list(rows)] += 100
        self.derived.written(np.array(rows, np.int32))

    def ask(self, of: str = "") -> list[int]:
        return self.derived.kept("doubles", of, self._make, self._renew)

    def _make(self) -> list[int]:
        self.made += 1
        return (2 * self.rows).tolist()

    def _renew(self, known: list[int], rows: np.ndarray) -> list[int]:
        self.renewed.append(rows.tolist())
        found = list(known)
        for row in rows.tolist():
            found[row] = 2 * int(self.rows[row])
        return found


@pytest.fixture
def sums() -> Sums:
    return Sums()


def test_only_rows_that_were_written_to_are_looked_at(sums):
    assert sums.ask() == (2 * sums.rows).tolist()
    sums.write(3, 5)
    sums.write(5)
    assert sums.ask() == (2 * sums.rows).tolist()
    assert sums.ask() == (2 * sums.rows).tolist()
    assert (sums.made, sums.renewed) == (1, [[3, 5]])


def test_what_moved_is_made_anew_and_so_is_another_thing(sums):
    sums.ask()
    sums.write(1)
    sums.rows[:] = sums.rows[::-1].copy()
    sums.derived.moved()
    assert sums.ask() == (2 * sums.rows).tolist()
    sums.write(2)
    assert sums.ask("other") == (2 * sums.rows).tolist()
    assert (sums.made, sums.renewed) == (3, [])


def test_too_many_rows_are_not_remembered(sums):
    sums.ask()
    for _ in range(DERIVED_ROWS_MAX // 4 + 1):
        sums.write(0, 1, 2, 3)
    assert sums.ask() == (2 * sums.rows).tolist()
    sums.write(4)
    assert sums.ask() == (2 * sums.rows).tolist()
    assert (sums.made, sums.renewed) == (2, [[4]])


def test_a_draft_goes_its_own_way(sums):
    sums.ask()
    draft = sums.derived.draft()
    sums.write(7)
    assert draft.holds("doubles", "")
    assert not sums.derived.holds("doubles", "")
    assert draft.kept("doubles", "", sums._make, sums._renew) != sums.ask()


def test_whoever_cannot_renew_makes_anew(sums):
    sums.ask()
    sums.write(1)
    assert sums.derived.kept("doubles", "", sums._make, None) == (2 * sums.rows).tolist()
    assert sums.made == 2

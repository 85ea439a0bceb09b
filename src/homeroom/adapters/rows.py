"""The rows of two subject tables as named arrays, as they are written down: those of a state, and those of its base.

An array is a column of a partition, cut to its rows. Mapped back from a file they are columns again, without a copy,
and opened when somebody asks for them; whoever folds into them copies them first.
"""

import copy
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.adapters.tensors import LaterArrays, TensorFile
from homeroom.limits import PARTITIONS
from homeroom.state.table import FAMILIES, Partition, SubjectTable

__all__ = ["arrays_of_rows", "lacks_owners", "open_rows"]


def arrays_of_rows(
    learners: SubjectTable, enrolments: SubjectTable
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Give the columns of learners and enrolments by name, one after the other."""
    for kind, table in (("learner", learners), ("enrolment", enrolments)):
        for number, partition in enumerate(table.partitions):
            # A frozen partition copies its columns when it is looked at; this one's are let go of before the next.
            for name, array in _arrays(copy.copy(partition)).items():
                yield f"{kind}/{number}/{name}", array


def open_rows(file: TensorFile, learners: SubjectTable, enrolments: SubjectTable) -> None:
    """Give tables the rows that `arrays_of_rows` has named, opened when they are first asked for."""
    for kind, table in (("learner", learners), ("enrolment", enrolments)):
        table.open_later(_Table(file, kind, PARTITIONS))


def _arrays(partition: Partition) -> dict[str, npt.NDArray[Any]]:
    rows = partition.rows
    arrays: dict[str, npt.NDArray[Any]] = {
        "first_word": np.array([partition.first_word], np.int64),
        "key_hi": partition.key_hi[:rows],
        "key_lo": partition.key_lo[:rows],
        "start_day": partition.start_day[:rows],
        "last_day": partition.last_day[:rows],
        "run_days": partition.run_days,
        "run_starts": partition.run_starts,
    }
    arrays |= {f"words/{name}": words[:, :rows] for name, words in partition.words.items()}
    for family in FAMILIES:
        columns: dict[str, npt.NDArray[Any]] = getattr(partition, family)
        arrays |= {f"{family}/{name}": column[:rows] for name, column in columns.items()}
    return arrays


def _partition(file: TensorFile, prefix: str) -> Partition:
    """Return a partition of a file. The words of days, which are most of it, are read when they are asked for."""
    names = [name for name in file.names(prefix) if not name.startswith("words/")]
    mine = {name: file.array(prefix + name) for name in names}
    partition = Partition(int(mine["first_word"][0]), 0)
    partition.rows = len(mine["key_hi"])
    for name in ("key_hi", "key_lo", "start_day", "last_day", "run_days", "run_starts"):
        setattr(partition, name, mine[name])
    partition.words = LaterArrays(file, f"{prefix}words/")
    for name, array in mine.items():
        kind, _, column = name.partition("/")
        if column:
            getattr(partition, kind)[column] = array
    partition.slots = None
    return partition


class _Table:
    """The partitions of a table in a file: opened once, by whoever asks first, and only if anybody does."""

    def __init__(self, file: TensorFile, kind: str, count: int) -> None:
        self._file, self._kind, self._count = file, kind, count
        self._lock = threading.Lock()
        self._partitions: list[Partition] | None = None

    def __call__(self) -> list[Partition]:
        with self._lock:
            if self._partitions is None:
                prefixes = [f"{self._kind}/{number}/" for number in range(self._count)]
                self._partitions = [_partition(self._file, one) for one in prefixes]
            return self._partitions


def lacks_owners(file: TensorFile) -> bool:
    """Say whether a file has enrolments whose learners it does not tell."""
    for number in range(PARTITIONS):
        keys = file.shape(f"enrolment/{number}/key_hi")
        if keys is not None and keys[0] and file.shape(f"enrolment/{number}/owners/hi") is None:
            return True
    return False

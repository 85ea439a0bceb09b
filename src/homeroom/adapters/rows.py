"""The rows of two subject tables as named arrays, as they are written down: those of a state, and those of its base.

An array is a column of a partition, cut to its rows. Mapped back from a file they are columns again, without a copy;
whoever folds into them copies them first.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.state.table import FAMILIES, Partition, SubjectTable

__all__ = ["arrays_of_rows", "put_rows"]


def arrays_of_rows(learners: SubjectTable, enrolments: SubjectTable) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of learners and enrolments by name."""
    return {
        f"{kind}/{number}/{name}": array
        for kind, table in (("learner", learners), ("enrolment", enrolments))
        for number, partition in enumerate(table.partitions)
        for name, array in _arrays(partition).items()
    }


def put_rows(
    arrays: Mapping[str, npt.NDArray[Any]], learners: SubjectTable, enrolments: SubjectTable
) -> None:
    """Give tables the rows that `arrays_of_rows` has named."""
    for kind, table in (("learner", learners), ("enrolment", enrolments)):
        for number in range(len(table.partitions)):
            table.partitions[number] = _partition(arrays, f"{kind}/{number}/")


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
        columns: Mapping[str, npt.NDArray[Any]] = getattr(partition, family)
        arrays |= {f"{family}/{name}": column[:rows] for name, column in columns.items()}
    return arrays


def _partition(arrays: Mapping[str, npt.NDArray[Any]], prefix: str) -> Partition:
    mine = {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    partition = Partition(int(mine["first_word"][0]), 0)
    partition.rows = len(mine["key_hi"])
    for name in ("key_hi", "key_lo", "start_day", "last_day", "run_days", "run_starts"):
        setattr(partition, name, mine[name])
    for name, array in mine.items():
        kind, _, column = name.partition("/")
        if column:
            getattr(partition, kind)[column] = array
    partition.slots = None
    return partition

"""A cut of history, on disk: what the manifest says of it, and the base of the rows in a file of its own.

The base changes with the next cut and not before, so the manifests of many snapshots name one file. What hides events
of segments that lie before the day is not written down: a snapshot writes these segments anew, and where one has not,
their veils are made again from the day.
"""

from pathlib import Path

import msgspec

from homeroom.adapters.rows import arrays_of_rows, open_rows
from homeroom.adapters.tensors import TensorFile, write_each
from homeroom.errors import DataDirectoryError
from homeroom.log.origins import Vector
from homeroom.state.cutting import Cut
from homeroom.state.state import State

__all__ = ["CutEntry", "read_cut", "write_cut"]


class CutEntry(msgspec.Struct, frozen=True):
    """What a manifest says of the last cut: the fields of `homeroom.state.cutting.Cut`, and the file of the base."""

    base: str
    day: int
    epoch: int
    vector: dict[str, int]
    span_ms: tuple[int, int] | None
    lost: int


def write_cut(folder: Path, load: int, state: State) -> CutEntry:
    """Return what is to be said of a state's cut; its base is written if no file has it yet."""
    cut, base = state.cut_made, state.base
    assert cut is not None, "history was cut"
    assert base is not None, "a cut makes a base"
    if state.base_file is None:
        name = f"{load:06d}.base"
        write_each(folder / name, arrays_of_rows(base.learners, base.enrolments))
        state.base_file = name
    return CutEntry(
        state.base_file, cut.day, cut.epoch, cut.vector.to_json(), cut.span_ms, cut.lost
    )


def read_cut(folder: Path, entry: CutEntry, state: State) -> None:
    """Give a state the cut that was written down. Raises `DataDirectoryError` if the base is not whole."""
    try:
        vector = Vector.from_json(entry.vector)
    except ValueError:
        raise DataDirectoryError(
            f"the cut of {folder.parent} names an origin that is none; restore the directory from a backup"
        ) from None
    base = state.fresh_base()
    open_rows(TensorFile(folder / entry.base), base.learners, base.enrolments)
    cut = Cut(entry.day, vector, entry.epoch, entry.span_ms, entry.lost)
    state.restore_cut(cut, base, entry.base)

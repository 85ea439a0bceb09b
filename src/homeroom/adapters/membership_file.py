"""The file that a membership is written to, beside the snapshot of its tenant: replaced in one step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from homeroom.adapters.tensors import read_tensors, write_tensors
from homeroom.errors import DataDirectoryError

__all__ = ["read_membership", "remove_membership", "write_membership"]

FILE = "membership.tensors"


def write_membership(folder: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a membership in place of the one that is there. Raises `DataDirectoryError`."""
    path, fresh = folder / FILE, folder / f"{FILE}.new"
    try:
        fresh.unlink(missing_ok=True)
        write_tensors(fresh, arrays)
        fresh.replace(path)
    except OSError as error:
        raise DataDirectoryError(
            f"{path} cannot be written: {error.strerror or error}; make room, or check the permissions"
        ) from error


def read_membership(folder: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Return what was written, None if nothing was. Raises `DataDirectoryError` if it is not whole."""
    path = folder / FILE
    return read_tensors(path) if path.exists() else None


def remove_membership(folder: Path) -> None:
    """Remove what was written, if anything was. Raises `DataDirectoryError`."""
    path = folder / FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DataDirectoryError(
            f"{path} cannot be removed: {error.strerror or error}; check the permissions"
        ) from error

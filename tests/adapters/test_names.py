"""The book of names: one entry a learner, in a file for its owner alone."""

import csv
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from homeroom.adapters.names import NameBook
from homeroom.errors import SourceError

EXPECTED = {
    "pseudonym": [f"{1:016x}{7:016x}", f"{2:016x}{7:016x}"],
    "issuer": ["x", "y"],
    "account": ["ada", "grace, \"hopper\""],
}  # fmt: skip


def book() -> NameBook:
    names = NameBook()
    key_hi, key_lo = np.array([2, 1, 2], np.uint64), np.array([7, 7, 7], np.uint64)
    accounts = pa.array(EXPECTED["account"][1:] + EXPECTED["account"])
    for _ in range(2):
        names.add(key_hi, key_lo, ["y", "x", "y"], accounts)
    return names


def test_a_learner_is_kept_once() -> None:
    assert len(book()) == 2
    assert book().table().to_pydict() == EXPECTED


def test_keys_that_differ_in_one_half_are_two_learners() -> None:
    names = NameBook()
    names.add(
        np.array([1, 1], np.uint64), np.array([1, 2], np.uint64), ["", ""], pa.array(["a", "b"])
    )
    assert len(names) == 2


@pytest.mark.parametrize("name", ["names.csv", "names.parquet"])
def test_the_file_is_for_its_owner_alone_and_reads_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("older")
    path.chmod(0o644)
    book().write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        read = dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))
    else:
        read = pyarrow.parquet.read_table(path).to_pydict()
    assert read == EXPECTED
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"ends in '.xlsx', must be .csv or .parquet"):
        book().write(tmp_path / "names.xlsx")


def test_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be written: No such file"):
        book().write(tmp_path / "nowhere" / "names.csv")

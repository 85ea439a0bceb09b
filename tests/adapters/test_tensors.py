"""Arrays in a file: what was written is mapped back, and what is not whole is refused."""

import json
import os
import warnings

import numpy as np
import pytest

from homeroom.adapters.tensors import LaterArrays, TensorFile, read_tensors, write_tensors
from homeroom.errors import DataDirectoryError

TYPES = ("uint64", "int64", "int32", "uint8", "int8", "float64")


def some(rng: np.random.Generator) -> dict[str, np.ndarray]:
    arrays = {
        f"column/{dtype}/{size}": rng.integers(0, 100, size).astype(dtype)
        for dtype in TYPES
        for size in (0, 1, 63, 1_000)
    }
    words = rng.integers(0, 1 << 63, (3, 500), np.uint64)
    arrays |= {"words": words, "some rows of words": words[:, :123], "none": np.zeros((4, 0))}
    return {**arrays, "Ω/名": np.arange(5)}


def test_arrays_are_read_back_as_they_were(tmp_path, rng):
    arrays = some(rng)
    write_tensors(tmp_path / "a.tensors", arrays)
    found = read_tensors(tmp_path / "a.tensors")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert (found[name] == array).all(), name


def test_mapped_arrays_are_aligned_and_read_only(tmp_path, rng):
    write_tensors(tmp_path / "a.tensors", some(rng))
    for name, array in read_tensors(tmp_path / "a.tensors").items():
        if array.size:
            assert not array.flags.writeable, name
            assert array.flags.aligned
            assert array.flags.c_contiguous
            assert array.ctypes.data % 64 == 0, name


def test_mapped_arrays_outlive_their_file(tmp_path):
    path = tmp_path / "a.tensors"
    write_tensors(path, {"n": np.arange(10_000)})
    array = read_tensors(path)["n"]
    path.unlink()
    assert array.sum() == sum(range(10_000))


def test_a_file_is_never_written_over(tmp_path):
    path = tmp_path / "a.tensors"
    write_tensors(path, {"n": np.arange(3)})
    with pytest.raises(FileExistsError):
        write_tensors(path, {"n": np.arange(4)})
    assert len(read_tensors(path)["n"]) == 3


def test_no_arrays_make_a_file_too(tmp_path):
    write_tensors(tmp_path / "a.tensors", {})
    assert read_tensors(tmp_path / "a.tensors") == {}


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path, rng):
    path = tmp_path / "a.tensors"
    write_tensors(path, {"n": rng.integers(0, 9, 100), "m": np.arange(3)})
    whole = path.read_bytes()
    for size_bytes in range(0, len(whole), 7):
        path.write_bytes(whole[:size_bytes])
        with pytest.raises(DataDirectoryError, match=r"a\.tensors.*Restore"):
            read_tensors(path)
    path.write_bytes(whole + b"\n")
    with pytest.raises(DataDirectoryError, match=r"a\.tensors"):
        read_tensors(path)


def test_a_file_that_is_gone_or_no_file_is_refused(tmp_path):
    for path in (tmp_path / "gone.tensors", tmp_path):
        with pytest.raises(DataDirectoryError, match="cannot be read"):
            read_tensors(path)


@pytest.mark.slow
def test_a_flipped_bit_anywhere_is_found_or_means_nothing(tmp_path, rng):
    """A child of its own reads each broken file, as a header that is believed before it is checked may kill it."""
    path = tmp_path / "a.tensors"
    arrays = {
        "keys": rng.integers(0, 1 << 63, 40, np.uint64),
        "words": rng.integers(0, 9, (2, 30)),
        "days": np.arange(7, dtype=np.int32),
    }
    write_tensors(path, arrays)
    whole = path.read_bytes()
    ended = {}
    for at in range(0, len(whole), 11):
        broken = bytearray(whole)
        broken[at] ^= 1 << (at % 7)
        path.write_bytes(broken)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", DeprecationWarning
            )  # of forking beside threads, from Python 3.12 on
            child = os.fork()
        if child == 0:
            os._exit(_read_status(path, arrays))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status:
            ended[at] = status
    assert not ended, f"1 wrong, 2 another error, below 0 a signal: {json.dumps(ended)}"


def _read_status(path, arrays) -> int:
    try:
        found = read_tensors(path)
        same = all((found[name] == array).all() for name, array in arrays.items())
    except DataDirectoryError:
        return 0
    except BaseException:  # noqa: BLE001 - the parent only learns the status
        return 2
    return 0 if same else 1


WAYS = {
    "taken": lambda later: [later[name] for name in later],
    "asked for": lambda later: [later.get(name) for name in later],
    "listed": lambda later: list(later.values()),
    "listed with names": lambda later: [array for _, array in later.items()],
    "copied": lambda later: list(later.copy().values()),
    "made a dictionary": lambda later: list(dict(later).values()),
    "unpacked": lambda later: list({**later}.values()),
    "joined": lambda later: list(({} | dict(later)).values()),
}


@pytest.mark.parametrize("way", WAYS)
def test_arrays_that_are_read_later_are_checked_however_they_are_taken(tmp_path, way):
    arrays = {"a/x": np.arange(50), "a/y": np.arange(50.0), "b": np.arange(3)}
    path = tmp_path / "f"
    write_tensors(path, arrays)
    later = LaterArrays(TensorFile(path), "a/")
    assert len(later) == 2
    assert "x" in later
    assert "b" not in later
    found = WAYS[way](later)
    assert [one.tolist() for one in found] == [arrays["a/x"].tolist(), arrays["a/y"].tolist()]
    whole = bytearray(path.read_bytes())
    place = whole.index(arrays["a/y"].tobytes())
    whole[place + 100] ^= 1
    path.write_bytes(whole)
    with pytest.raises(DataDirectoryError, match="damaged at a/y"):
        WAYS[way](LaterArrays(TensorFile(path), "a/"))


def test_an_array_that_was_replaced_or_taken_away_is_not_read_any_more(tmp_path):
    write_tensors(tmp_path / "f", {"a/x": np.arange(5), "a/y": np.arange(5)})
    later = LaterArrays(TensorFile(tmp_path / "f"), "a/")
    later["x"] = np.arange(9)
    later.pop("y", None)
    assert {name: len(array) for name, array in later.items()} == {"x": 9}

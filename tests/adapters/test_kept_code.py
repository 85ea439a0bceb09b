"""Kept code answers as Numba does, for the machine and the sources it was made from, and for nothing else."""

import os

import numpy as np
import pytest

from homeroom.adapters import code_keeping, kept_code
from homeroom.cohorts.kernels import bits, codes, members
from homeroom.events import jsontext
from homeroom.events.texts import sealed
from homeroom.kernel import Kernel, take_from
from homeroom.simulation import chance
from homeroom.state import sorting


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Keep code in a folder of the test."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    yield tmp_path
    take_from(None)


def calls(rng) -> list[tuple[Kernel, tuple]]:
    """Return kernels with arguments of every sort: arrays, tuples, None, numbers, memory of its own."""
    words = rng.integers(0, 2**63, (9, 70)).astype(np.uint64) & rng.integers(
        0, 2**63, (9, 70)
    ).astype(np.uint64)
    keys = [np.sort(rng.integers(0, 50, 300)).astype(np.uint64) for _ in range(4)]
    times = sealed(np.sort(rng.integers(0, 9_000, 600)))
    rows = sealed(np.arange(6, dtype=np.int32))
    offsets = sealed(np.arange(0, 601, 100))
    kept = sealed(rng.integers(0, 2, 600).astype(np.uint8))
    edges = sealed(np.arange(0, 9_001, 900))
    text = sealed(np.frombuffer(b'{"a":[[1],{"b":2}]}', np.uint8))
    one = [sealed(key) for key in keys]
    return [
        (bits.count_periods_per_row, (words, 2, np.zeros(10, np.int64))),
        (bits.bits_of_edges, (offsets, rows, times, None, edges, np.zeros((10, 1), np.uint64))),
        (bits.bits_of_edges, (offsets, rows, times, kept, edges, np.zeros((10, 1), np.uint64))),
        (members.count_events, (offsets, rows, times, kept, (100, 5_000), np.zeros(6, np.int64))),
        (codes.pass_places, (kept, sealed(np.array([0, 1], np.uint8)), np.zeros(600, np.uint8))),
        (sorting.find_sorted, (*one, np.zeros(300, np.int64))),
        (sorting.widen_span, (times, times, 50, 60)),
        (jsontext._too_deep, (text, 0, len(text), 2)),
    ]


def called(kernel: object, arguments: tuple) -> tuple[object, list[object]]:
    """Call with copies of what may be written; return what came back and what was written."""
    own = tuple(
        one.copy() if isinstance(one, np.ndarray) and one.flags.writeable else one
        for one in arguments
    )
    return kernel(*own), [one.tolist() for one in own if isinstance(one, np.ndarray)]


def test_kept_code_answers_as_numba_does(place, rng):
    asked = calls(rng)
    kernels = list(dict.fromkeys(kernel for kernel, _ in asked))
    answers = [called(kernel, arguments) for kernel, arguments in asked]
    count = code_keeping.keep_code(kernels)
    assert count >= len(asked)
    shelf = opened()
    for (kernel, arguments), answer in zip(asked, answers, strict=True):
        code = shelf.code_for(kernel, arguments)
        assert code is not None, f"{kernel} of such types was called before"
        assert called(code, arguments) == answer, kernel


def opened() -> kept_code.KeptCode:
    """Return what lies in the file, as a fresh process takes it."""
    shelf = kept_code.read_code(kept_code.file_of_code())
    assert shelf is not None, "it was just written, by these sources, on this machine"
    return shelf


def test_arguments_of_other_types_are_left_to_numba(place, rng):
    [(kernel, arguments), *_] = calls(rng)
    called(kernel, arguments)
    code_keeping.keep_code([kernel])
    shelf = opened()
    words, lead, counts = arguments
    assert shelf.code_for(kernel, arguments) is not None
    assert shelf.code_for(kernel, (words[:, ::2], lead, counts)) is None
    assert shelf.code_for(kernel, (words.view(np.int64), lead, counts)) is None
    assert shelf.code_for(kernel, (words, 2**64, counts)) is None
    assert shelf.code_for(kernel, (words.tolist(), lead, counts)) is None
    unaligned = np.frombuffer(b"\0" * 81, np.uint8)[1:].view(np.int64)
    assert shelf.code_for(kernel, (words, lead, unaligned)) is None


def test_a_kernel_that_fails_raises_what_it_raises_by_numba(place):
    kernel = Kernel(_divided)
    with pytest.raises(ZeroDivisionError) as by_numba:
        kernel(1, 0)
    assert code_keeping.keep_code([kernel]) == 1
    code = opened().code_for(kernel, (1, 0))
    with pytest.raises(ZeroDivisionError) as by_code:
        code(1, 0)
    assert by_code.value.args == by_numba.value.args
    assert code(7, 2) == (3, 1)


def _divided(a, b):
    return a // b, a % b


@pytest.mark.parametrize("damage", ["head", "types", "length", "code", "gone", "source", "machine"])
def test_what_is_damaged_or_of_other_sources_is_not_used(place, rng, monkeypatch, damage):
    [(kernel, arguments), *_] = calls(rng)
    called(kernel, arguments)
    code_keeping.keep_code([kernel])
    file = kept_code.file_of_code()
    content = bytearray(file.read_bytes())
    if damage == "head":
        content[len(kept_code.MAGIC) + 6] ^= 255
    elif (
        damage == "types"
    ):  # one flipped bit, and code for packed arrays is found for others: it passes by no strides
        arguments = (arguments[0][:, ::2], *arguments[1:])
        content = content.replace(b"<u82Cw,", b"<u82Aw,")
    elif damage == "length":
        del content[len(kept_code.MAGIC) + 2 :]
    elif damage == "code":
        content[-1] ^= 1
    elif damage == "source":
        monkeypatch.setattr(kept_code, "stamps_of", lambda names: dict.fromkeys(names, (1, 1)))
    elif damage == "machine":
        monkeypatch.setattr(kept_code, "machine", lambda: ("another", "one", ""))
    file.write_bytes(content)
    if damage == "gone":
        file.unlink()
    shelf = kept_code.read_code(file)
    assert shelf is None or shelf.code_for(kernel, arguments) is None


def test_code_that_others_may_have_written_is_not_used(place, rng):
    [(kernel, arguments), *_] = calls(rng)
    called(kernel, arguments)
    code_keeping.keep_code([kernel])
    file = kept_code.file_of_code()
    file.chmod(0o664)
    assert kept_code.read_code(file) is None
    file.chmod(0o644)
    assert kept_code.read_code(file) is not None


def test_sources_are_told_by_what_they_hold_and_not_by_their_times(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_code, "_PACKAGE", tmp_path)
    source = tmp_path / "some.py"
    stamps = []
    for text in ("a = 1", "a = 2", "a = 1"):
        source.write_text(text)
        os.utime(source, ns=(0, 0))
        stamps.append(kept_code.stamps_of(["some.py", "numba"]))
    assert stamps[0] == stamps[2] != stamps[1]
    assert stamps[0]["numba"][0] > 0


def test_code_of_which_nothing_tells_the_sources_is_not_kept(place):
    chance.hashed(np.uint64(1), 2)
    assert chance.hashed.was_called
    code_keeping.keep_code()
    assert not any("homeroom.simulation." in name for name in opened()._pieces)


def test_where_nothing_can_be_written_nothing_is_kept(place, rng, monkeypatch):
    [(kernel, arguments), *_] = calls(rng)
    called(kernel, arguments)
    (place / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(place / "file" / "folder"))
    assert code_keeping.keep_code([kernel]) == 0
    assert kept_code.read_code(kept_code.file_of_code()) is None


def test_a_kernel_takes_what_is_on_the_shelf_and_asks_numba_for_the_rest():
    class Shelf:
        def code_for(self, wanted, arguments):
            return (lambda *_: "kept") if arguments == (1, 2) else None

    kernel = Kernel(_divided)
    take_from(Shelf())
    try:
        assert kernel(1, 2) == "kept"
        assert not kernel.was_called
        assert kernel(9, 2) == (4, 1)
        assert kernel.was_called
    finally:
        take_from(None)

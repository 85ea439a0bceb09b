"""Lines are the same items and rejects, with the same numbers, however a chunk is cut into pieces."""

import msgspec
import numpy as np
import pytest

from homeroom import limits
from homeroom.events.jsonlines import JsonReader

BAD = (b'{"a":"x"}', b"{", b"", b" ", b"[" * 90 + b"]" * 90, b'{"a":1}{"a":2}', b'{"b":"\xff"}')


class One(msgspec.Struct):
    a: int


def drawn(rng: np.random.Generator) -> bytes:
    """Return lines of which some are broken, blank, too deep, doubled, or no UTF-8; the last may have no end."""
    count = int(rng.integers(0, 60))
    lines = [
        BAD[int(rng.integers(len(BAD)))] if rng.random() < 0.2 else b'{"a":%d}' % number
        for number in range(count)
    ]
    return b"\n".join(lines) + (b"\n" if rng.random() < 0.7 else b"")


@pytest.mark.parametrize("piece_bytes", [1, 40, 200])
@pytest.mark.parametrize("first_line", [1, 1_000])
def test_pieces_change_nothing(rng, monkeypatch, piece_bytes, first_line):
    reader = JsonReader(One)
    for _ in range(30):
        chunk = drawn(rng)
        monkeypatch.setattr(limits, "JSON_PIECE_BYTES", 1 << 30)
        whole = reader.lines(chunk, first_line)
        monkeypatch.setattr(limits, "JSON_PIECE_BYTES", piece_bytes)
        cut = reader.lines(chunk, first_line)
        assert cut.values == whole.values
        assert cut.line.tolist() == whole.line.tolist()
        assert cut.rejects == whole.rejects

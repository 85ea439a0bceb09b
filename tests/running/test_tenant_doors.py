"""Under which names a node keeps what it told clients of their batches."""

import re
import sqlite3

from homeroom import limits
from homeroom.log.log import Refusal, Refused
from tests.running.nodes import batch, event, on

HASH = re.compile("[0-9a-f]{64}")


def id_at(time_ms, rest="7abc-8def-001122334455"):
    """Return a UUID of version 7 that was drawn at a time."""
    return f"{time_ms:012x}"[:8] + "-" + f"{time_ms:012x}"[8:] + "-" + rest


def kept_names(path, *ids):
    """Return the names under which a fresh node keeps batches with these ids, in their order."""

    async def sent(node):
        for number, one in enumerate(ids):
            await node.offer("main", f"owner {number:02d}", batch(one, event(number)))

    on(path, sent)
    log = sqlite3.connect(next((path / "log").glob("*.db")))
    try:
        rows = log.execute("SELECT batch_id FROM batches ORDER BY owner").fetchall()
    finally:
        log.close()
    return [name for (name,) in rows]


def test_batches_that_come_together_are_kept_together_by_the_time_in_their_ids(tmp_path):
    made_ms = 1_709_290_000_000
    early, late = kept_names(tmp_path / "n", id_at(made_ms), id_at(made_ms + 1).upper())
    assert early.startswith(f"{made_ms:012x}")
    assert late.startswith(f"{made_ms + 1:012x}")
    assert HASH.fullmatch(early)
    assert HASH.fullmatch(late)
    assert early[12:] != late[12:]


def test_nothing_is_kept_of_an_id_that_is_no_uuid_of_version_7_of_a_time_of_ours(tmp_path):
    given = [
        "ada@example.org",
        None,
        id_at(1_709_290_000_000, "4abc-8def-001122334455"),
        id_at(limits.TIME_MS_MIN - 1),
        id_at(limits.TIME_MS_MAX),
        id_at(0x2024_1234_5678),
    ]
    for name, kept in zip(given, kept_names(tmp_path / "n", *given), strict=True):
        assert HASH.fullmatch(kept)
        assert name is None or kept[:8] != name[:8]


def test_ids_of_the_same_time_are_told_apart(tmp_path):
    one, other = (id_at(1_709_290_000_000, f"7abc-8def-00112233445{n}") for n in (5, 6))

    async def sent(node):
        first = await node.offer("main", "owner", batch(one, event(1)))
        again = await node.offer("main", "owner", batch(one, event(1)))
        changed = await node.offer("main", "owner", batch(one, event(2)))
        another = await node.offer("main", "owner", batch(other, event(3)))
        return first, again, changed, another

    first, again, changed, another = on(tmp_path / "n", sent)
    assert (first.is_repeat, again.is_repeat, another.is_repeat) == (False, True, False)
    assert again.token == first.token
    assert isinstance(changed, Refused)
    assert changed.refusal is Refusal.CONFLICT

"""Snapshots: a damaged one is told of and the one before it is taken; the log keeps what both need, and no more."""

import json

import pytest

from homeroom.errors import StoreError
from homeroom.limits import SEGMENTS_APART_MAX
from tests.running.nodes import batch, event, on, question


def filled(path, count=3):
    """Run a node several times, so that there are several snapshots; return what it says at the end."""

    def send(number):
        async def work(node):
            events = [event(n) for n in range(number * 10, number * 10 + 10)]
            sent = await node.offer("main", "key", batch(f"b{number}", *events))
            found = await node.ask("main", question("retention", interval="day"), sent.token)
            return found.answer.counts.tolist()

        return work

    return [on(path, send(number)) for number in range(count)][-1]


async def looked(node):
    found = await node.ask("main", question("retention", interval="day"), None)
    return found.answer.counts.tolist(), node.status("main").events, node.troubles


def state_files(path, ending):
    return sorted((path / "state").glob(f"*.{ending}"))


@pytest.mark.parametrize("ending", ["tensors", "dictionaries"])
@pytest.mark.parametrize("way", ["flipped", "cut off", "gone"])
def test_a_damaged_snapshot_is_told_of_and_the_one_before_it_taken(ending, way, tmp_path):
    counts = filled(tmp_path)
    newest = state_files(tmp_path, ending)[-1]
    content = bytearray(newest.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 100] = bytes(byte ^ 1 for byte in content[middle : middle + 100])
    if way == "gone":
        newest.unlink()
    else:
        newest.write_bytes(content if way == "flipped" else content[: len(content) // 2])
    found, events, troubles = on(tmp_path, looked)
    assert found == counts
    assert events == 30
    assert any("The snapshot before it was taken" in one and newest.name in one for one in troubles)
    assert on(tmp_path, looked) == (counts, 30, ()), "the next snapshot is whole again"


def test_a_damaged_manifest_is_told_of_and_the_one_before_it_taken(tmp_path):
    counts = filled(tmp_path)
    manifest = tmp_path / "homeroom.json"
    manifest.write_text(manifest.read_text().replace('"load": 3', '"load": 4'))
    found, events, troubles = on(tmp_path, looked)
    assert (found, events) == (counts, 30)
    assert any("checksum" in one for one in troubles)


def test_without_any_whole_snapshot_a_node_does_not_start(tmp_path):
    filled(tmp_path)
    for file in state_files(tmp_path, "tensors"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreError, match="damaged or cut off"):
        on(tmp_path, looked)


def test_entries_that_two_snapshots_hold_are_forgotten_and_those_after_them_are_not(tmp_path):
    filled(tmp_path, 3)
    before = json.loads((tmp_path / "homeroom.json.before").read_text())["applied"]

    async def entries(node):
        held = node._store.held()
        return {str(o): [e.number for e in node._store.read(o, 1, n)] for o, n in held.items()}

    kept = on(tmp_path, entries)
    for origin, numbers in kept.items():
        if origin.endswith("analytic"):
            assert all(number > before.get(origin, 0) for number in numbers)
        else:
            assert numbers, "what was stated is kept"
    assert any(numbers for origin, numbers in kept.items() if origin.endswith("analytic"))


def test_segments_of_many_snapshots_become_few(tmp_path):
    counts = filled(tmp_path, SEGMENTS_APART_MAX + 3)
    named = json.loads((tmp_path / "homeroom.json").read_text())["segments"]
    assert len(named) <= SEGMENTS_APART_MAX
    assert sum(one["events"] for one in named) == 10 * (SEGMENTS_APART_MAX + 3)
    assert on(tmp_path, looked) == (counts, 10 * (SEGMENTS_APART_MAX + 3), ())


def test_history_is_in_files_that_any_tool_reads(tmp_path):
    import pyarrow.parquet as pq

    filled(tmp_path, 2)
    table = pq.read_table(sorted((tmp_path / "history").glob("*.parquet")))
    assert sorted(set(table.column("verb").to_pylist())) == ["watched"]
    assert table.num_rows == 20

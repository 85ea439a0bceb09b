"""An audit log whose end was cut off: told on the health page, and from then on in the log itself."""

import asyncio
import contextlib
import json

import pytest

from homeroom.adapters.audit import CUT, verify_audit
from homeroom.errors import AuditError
from homeroom.running.audit_keeping import AuditKeeping
from homeroom.running.verifying import verify_directory
from tests.running.nodes import now_ms, running
from tests.running.worlds import RunningWorld


@contextlib.asynccontextmanager
async def keeping(folder):
    """Have a node and what keeps its audit log, stopped in order."""
    async with running(folder) as node:
        kept = await AuditKeeping.begin(node, folder / "audit.ndjson", "node", now_ms)
        try:
            yield node, kept
        finally:
            await kept.stop()


def lived(folder, records=0, who="tutor"):
    """Return what was wrong in a life of a node in which so many records were written."""

    async def live():
        async with keeping(folder) as (node, kept):
            for number in range(records):
                kept.audit.record(number, "main", who, "learner", {})
            return node.troubles

    return asyncio.run(live())


def written(folder):
    return [json.loads(line) for line in (folder / "audit.ndjson").read_text().splitlines()]


@pytest.mark.parametrize("left", [0, 1, 2])
def test_an_end_that_was_cut_off_shows_at_the_next_start_and_for_ever(tmp_path, left):
    assert lived(tmp_path, 3) == ()
    path = tmp_path / "audit.ndjson"
    before = verify_audit(path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:left]))
    (trouble,) = lived(tmp_path, 2)
    assert f"has {left} records, and had 3" in trouble
    assert before.digest in trouble
    assert lived(tmp_path) == ()
    assert verify_audit(path).cuts == (left + 1,)
    assert written(tmp_path)[left]["what"] == CUT
    assert written(tmp_path)[left]["about"] == {"records": 3, "digest": before.digest}


@pytest.mark.parametrize("records", [3, 5])
def test_another_log_in_its_place_shows(tmp_path, records):
    lived(tmp_path / "one", 3)
    lived(tmp_path / "other", records, "nobody")
    (tmp_path / "other" / "audit.ndjson").replace(tmp_path / "one" / "audit.ndjson")

    async def look():
        async with keeping(tmp_path / "one") as (node, kept):
            await kept.look()
            return node.troubles

    (trouble,) = asyncio.run(look())
    assert "it is another" in trouble


def test_nothing_is_stated_that_was_stated_before(tmp_path):
    async def epoch():
        async with keeping(tmp_path) as (node, _):
            return node.control().epoch

    lived(tmp_path, 1)
    first = asyncio.run(epoch())
    assert asyncio.run(epoch()) == first


def test_the_end_of_every_node_of_a_world_is_stated_at_its_home_and_missed_if_it_is_cut_off(
    tmp_path, monkeypatch
):
    for bound in ("AUDIT_TOLD_AGAIN_MS", "AUDIT_STATED_MS"):
        monkeypatch.setattr(f"homeroom.limits.{bound}", 20)

    async def kept_at(world, name):
        path = world.path / name / "audit.ndjson"
        return await AuditKeeping.begin(world.nodes[name], path, name, now_ms)

    async def live():
        async with RunningWorld(tmp_path, "a", "b", monkeypatch=monkeypatch) as world:
            kept = await kept_at(world, "b")
            for number in range(3):
                kept.audit.record(number, "main", "tutor", "learner", {})
            anchors = world.nodes["a"].control
            await world.until(
                lambda: "b" in anchors().anchors and anchors().anchors["b"].records == 3, "stated"
            )
            kept.audit.record(3, "main", "tutor", "learner", {})
            await kept.stop()  # it is told once more, and stated while the node is away
            await world.stop("b")
            await world.until(lambda: anchors().anchors["b"].records == 4, "stated at the stop")
            path = tmp_path / "b" / "audit.ndjson"
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
            await world.start("b")
            kept = await kept_at(world, "b")
            await world.until(lambda: kept.trouble is not None, "it is missed")
            trouble = kept.trouble
            await kept.stop()
            return trouble

    assert "has 3 records, and had 4" in asyncio.run(live())


def test_a_log_that_is_in_use_is_not_taken(tmp_path):
    async def twice():
        async with keeping(tmp_path) as (node, _):
            await AuditKeeping.begin(node, tmp_path / "audit.ndjson", "node", now_ms)

    with pytest.raises(AuditError, match="another process"):
        asyncio.run(twice())


def test_what_is_stated_of_the_audit_log_of_one_node_is_not_held_against_that_of_another(
    tmp_path, monkeypatch
):
    async def live():
        async with RunningWorld(tmp_path, "a", "b", monkeypatch=monkeypatch) as world:
            home = await AuditKeeping.begin(
                world.nodes["a"], tmp_path / "a" / "audit.ndjson", "a", now_ms
            )
            home.audit.record(0, "main", "tutor", "learner", {})
            await home.stop()
            b = world.nodes["b"]
            await world.until(lambda: "a" in b.control().anchors, "what is stated comes to b")

    asyncio.run(live())
    assert verify_directory(tmp_path / "a").damages == []
    assert verify_directory(tmp_path / "b").damages == []
    (tmp_path / "a" / "audit.ndjson").write_bytes(b"")
    (damage,) = verify_directory(tmp_path / "a").damages
    assert "its end was cut off" in damage

"""History that is kept for a while: cut by a command or because its time is over, over restarts, told in answers."""

import datetime as dt
import json
import shutil

import pytest

from homeroom.errors import ControlError
from homeroom.log.cuts import HistoryCut, HistoryKept
from homeroom.log.origins import Origin, Stream
from homeroom.regions.steps import Members
from homeroom.running.looks import Looks
from homeroom.running.opening import opened_folding
from homeroom.running.retaining import held_by_all
from homeroom.running.stating import change_directory, control_of_directory
from homeroom.state.state import rebuild
from homeroom.state.zones import day_of_date
from tests.running.nodes import batch, event, now_ms, on, question

DAY = day_of_date(dt.date(2024, 3, 11))
NOW_MS = 1_711_000_000_000
"""21 March 2024."""


async def sent(node, name, *numbers, **fields):
    return (
        await node.offer("main", "key", batch(name, *(event(n, **fields) for n in numbers)))
    ).token


async def asked(node, kind, token=None, **fields):
    return await node.ask("main", question(kind, **fields), token)


async def cut(node, day=DAY):
    return await node.change(HistoryCut(tenant="main", day=day), "somebody")


def told(found):
    return found.answer.counts.tolist(), found.is_complete, found.answer.answered_from


async def filled_and_cut(node):
    token = await sent(node, "a", *range(40))
    before = await asked(node, "retention", token, interval="day")
    await cut(node)
    return before


def test_columns_answer_what_they_did_and_history_says_where_it_begins(tmp_path):
    async def work(node):
        before = await filled_and_cut(node)
        after = await asked(node, "retention", interval="day")
        assert told(after) == told(before)
        assert after.answer.history_from is None
        by_verb = await asked(node, "retention", interval="day", entry=["verb=watched"])
        assert by_verb.answer.answered_from == "history"
        assert by_verb.answer.history_from == "2024-03-11"
        assert not by_verb.is_complete
        assert not by_verb.answer.complete.any()
        assert any("history begins on 2024-03-11" in note for note in by_verb.answer.notes)
        later = await asked(
            node, "stickiness", interval="day", filters=["verb=watched"], **{"from": "2024-03-12"}
        )
        assert (later.answer.answered_from, later.is_complete) == ("history", True)
        status = node.status("main")
        assert (status.events, status.history_from, status.lost) == (20, "2024-03-11", 0)

    on(tmp_path, work)


def test_what_comes_late_has_no_effect_and_is_counted(tmp_path):
    async def work(node):
        before = await filled_and_cut(node)
        token = await sent(node, "late", 1_000, account="new")
        after = await asked(node, "retention", token, interval="day")
        assert told(after) == told(before)
        assert (node.status("main").lost, node.status("").lost_of_all) == (1, 1)
        assert node.status("main").learners == 7
        return told(after)

    said = on(tmp_path, work)

    async def again(node):
        return told(await asked(node, "retention", interval="day")), node.status("main").lost

    assert on(tmp_path, again) == (said, 1)


def test_a_cut_survives_restarts_and_history_leaves_the_disk(tmp_path):
    import pyarrow.parquet as pq

    said = told(on(tmp_path, filled_and_cut))

    async def look(node):
        return told(await asked(node, "retention", interval="day")), node.status("main").events

    assert on(tmp_path, look) == (said, 20)
    table = pq.read_table(sorted((tmp_path / "history").glob("*.parquet")))
    assert min(table.column("time").to_pylist()).date() >= dt.date(2024, 3, 11)
    manifest = json.loads((tmp_path / "homeroom.json").read_text())
    assert (manifest["format"], manifest["cut"]["day"]) == (4, DAY)

    async def more(node):
        token = await sent(node, "b", *range(40, 60))
        found = told(await asked(node, "retention", token, interval="day"))
        await cut(node, DAY + 5)
        return found

    said = on(tmp_path, more)
    assert on(tmp_path, look) == (said, 15)
    left = {file.name for file in (tmp_path / "state").glob("*.base")}
    named = {
        json.loads((tmp_path / name).read_text())["cut"]["base"]
        for name in ("homeroom.json", "homeroom.json.before")
    }
    assert left == named
    with opened_folding(tmp_path) as (folding, troubles):
        state = folding.tenants["main"].state
        state.settle()
        assert troubles == ()
        assert rebuild(state).fingerprint() == state.fingerprint()


@pytest.mark.parametrize("which", ["the last snapshot", "the one before", "none"])
def test_a_start_from_any_snapshot_makes_the_cut_in_its_place(which, tmp_path):
    """The process is killed after the cut; what the log says after the snapshot is folded, the cut among it."""
    path, killed = tmp_path / "data", tmp_path / "killed"

    async def first(node):
        await sent(node, "a", *range(20))

    async def second(node):
        token = await sent(node, "b", *range(20, 40))
        before = await asked(node, "retention", token, interval="day")
        await cut(node)
        await sent(node, "late", 1_000, account="new")
        last = await sent(node, "c", *range(50, 60), account="a1")
        found = told(await asked(node, "retention", last, interval="day"))
        assert found[0] != told(before)[0]
        shutil.copytree(path, killed, ignore=shutil.ignore_patterns("*.sock"))
        return found, node.status("main").events, node.status("main").lost

    if which != "none":
        on(path, first)
    said = on(path, second)
    if which == "the one before":
        shutil.copy(killed / "homeroom.json", killed / "homeroom.json.before")
        (killed / "homeroom.json").write_text("{}")

    async def look(node):
        found = told(await asked(node, "retention", interval="day"))
        return found, node.status("main").events, node.status("main").lost

    assert on(killed, look) == said


def test_history_that_is_kept_for_some_days_is_cut_by_itself(tmp_path):
    clock = {"ms": NOW_MS}

    async def work(node):
        await sent(node, "a", *range(40))
        await node.change(HistoryKept(tenant="main", days=7), "somebody")
        for _ in range(2):  # the second time there is nothing to cut
            await node._facts.retention.cut_due(node.change)
        assert node.control().cuts["main"].day == day_of_date(dt.date(2024, 3, 15))
        assert node.status("main").history_from == "2024-03-15"
        epoch = node.control().epoch
        clock["ms"] += 2 * 86_400_000
        await node._facts.retention.cut_due(node.change)
        assert node.status("main").history_from == "2024-03-17"
        assert (node.control().epoch, node.troubles) == (epoch + 1, ())

    on(tmp_path, work, now_ms=lambda: clock["ms"])


def test_a_day_that_has_not_come_and_one_that_is_not_later_are_refused(tmp_path):
    async def work(node):
        await filled_and_cut(node)
        for day, why in ((DAY, "was cut at day"), (day_of_date(dt.date(2999, 1, 1)), "has come")):
            with pytest.raises(ControlError, match=why):
                await cut(node, day)
        with pytest.raises(ControlError, match="no tenant"):
            await node.change(HistoryCut(tenant="nobody", day=DAY), "somebody")
        with pytest.raises(ControlError, match="kept for -1 days"):
            await node.change(HistoryKept(tenant="main", days=-1), "somebody")

    on(tmp_path, work)


def test_a_cut_is_stated_to_a_directory_that_no_node_runs_on(tmp_path):
    async def fill(node):
        await sent(node, "a", *range(40))

    on(tmp_path, fill)
    change_directory(tmp_path, HistoryCut(tenant="main", day=DAY), now_ms)
    control = control_of_directory(tmp_path, now_ms)
    assert control.cuts["main"].day == DAY
    assert sum(control.cuts["main"].vector.values()) == 1


def test_what_was_cut_leaves_an_idle_node_with_two_snapshots(tmp_path):
    import pyarrow.parquet as pq

    async def work(node):
        token = await sent(node, "a", *range(40))
        await asked(node, "active", token)
        node.saving.save()
        await cut(node)
        writes = []
        for _ in range(4):
            node.saving.save()
            writes.append(json.loads((tmp_path / "homeroom.json").read_text())["load"])
        assert len(set(writes)) == 2, "then there is nothing left to do"
        files = sorted((tmp_path / "history").glob("*.parquet"))
        days = pq.read_table(files).column("time").to_pylist()
        assert len(files) == 1
        assert min(days).date() >= dt.date(2024, 3, 11)
        node._collecting.finish()
        assert node._store.read(token.origin, 1, 10) == [], "the log has forgotten them too"

    on(tmp_path, work)


ORIGINS = [Origin("here", f"{n:032x}", Stream.ANALYTIC) for n in range(3)]


def looks(views, **fields):
    regions = {"here": "one", **dict.fromkeys(views, "two")}
    return Looks(members=Members(5, regions, **fields), views=views)


def test_in_a_world_a_cut_covers_what_all_members_hold():
    vector = dict.fromkeys(ORIGINS, 9)
    views = {"there": {ORIGINS[0]: 9, ORIGINS[1]: 4}, "far": {ORIGINS[0]: 7, ORIGINS[1]: 9}}
    assert held_by_all(vector, looks(views)) == {ORIGINS[0]: 7, ORIGINS[1]: 4}
    gone = frozenset({ORIGINS[2]})
    assert held_by_all(vector, looks(views, collapsed=gone))[ORIGINS[2]] == 9
    assert held_by_all(vector, looks(views, fenced=frozenset({"far"})))[ORIGINS[0]] == 9


def test_nothing_is_cut_while_a_member_has_not_said_what_it_holds():
    for unheard in (looks({"there": {ORIGINS[0]: 9}, "far": {}}), Looks()):
        with pytest.raises(ControlError, match="not known here what"):
            held_by_all({ORIGINS[0]: 9}, unheard)

"""Running nodes that belong together: what one writes all have, and they prove it."""

import shutil

import pyarrow as pa
import pytest

import homeroom as hr
from homeroom.adapters.backup.choosing import choose
from homeroom.adapters.backup.restoring import restore
from homeroom.adapters.backup.verifying import verify
from homeroom.adapters.keyfile import open_key
from homeroom.errors import ControlError, DataDirectoryError, HomeElsewhereError, KeyFileError
from homeroom.log.control import MAIN, DefinitionKind, DefinitionPut, TenantPut
from homeroom.log.log import Accepted, Refusal, Refused
from homeroom.log.members import (
    AcknowledgementPut,
    MemberFenced,
    MemberJoined,
)
from homeroom.regions.steps import Level
from homeroom.running.looks import Looks
from homeroom.running.node import RunningNode
from homeroom.running.verifying import verify_directory
from tests.backups import T0, backed_up, opened
from tests.object_stores import Place
from tests.running.nodes import event, options, question
from tests.running.worlds import a_batch, active, send

# --- entries get everywhere ------------------------------------------------------------------------------------------


def test_what_is_written_anywhere_is_answered_from_everywhere(world):
    async def work(world):
        tokens = [await send(world, name, name, *range(ord(name), ord(name) + 9)) for name in "abc"]
        found = [await active(node, *tokens) for node in world.nodes.values()]
        await world.equal()
        return found, [node.troubles for node in world.nodes.values()]

    found, troubles = world(work, "a", "b", "c")
    assert found[0] == found[1] == found[2]
    assert troubles == [(), (), ()]


def test_fingerprints_are_compared_and_nobody_is_alarmed(world):
    async def work(world):
        await send(world, "b", "b1", 1, 2, 3)
        await world.until(
            lambda: all(n.status("main").world.comparisons >= 2 for n in world.nodes.values()),
            "fingerprints are compared",
        )
        return [node.status("main").world.alarms for node in world.nodes.values()]

    assert world(work, "a", "b", "c") == [0, 0, 0]


def test_a_node_that_folds_something_else_is_found(world):
    async def work(world):
        await send(world, "a", "b1", 1, 2)
        await world.equal()
        live = world.nodes["b"]._live
        with live.held("main") as one:
            partition = next(p for p in one.state.learners.partitions if p.rows)
            track = next(iter(partition.words))
            partition.words[track][0, 0] ^= 1
        await world.until(
            lambda: any("different states" in t for t in world.nodes["a"].troubles), "it is told"
        )

    world(work, "a", "b")


def test_a_node_that_is_cut_off_goes_on_and_comes_to_the_same_afterwards(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        world.cut.add("c")
        here = await send(world, "c", "b2", 2, 3)
        there = await send(world, "a", "b3", 4)
        await active(world.nodes["c"], here)
        await active(world.nodes["b"], there)
        await world.until(lambda: len(world.prints()) == 2, "one side has what the other lacks")
        world.cut.clear()
        found = [await active(node, here, there) for node in world.nodes.values()]
        await world.equal()
        return found

    found = world(work, "a", "b", "c")
    assert found[0] == found[1] == found[2]


def test_a_node_that_was_killed_has_what_it_said_yes_to_and_what_it_missed(world):
    async def work(world):
        mine = await send(world, "c", "b1", 1, 2)
        await world.equal()
        await world.kill("c")
        missed = await send(world, "a", "b2", *range(3, 40))
        await world.start("c")
        found = [await active(node, mine, missed) for node in world.nodes.values()]
        after = await send(world, "c", "b3", 41)
        await active(world.nodes["a"], after)
        await world.equal()
        return found

    found = world(work, "a", "b", "c")
    assert found[0] == found[1] == found[2]


def test_a_failed_write_of_others_entries_begins_a_new_life_of_both(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        before = world.nodes["b"]._committer.life.incarnation
        world.spoil("b")
        token = await send(world, "a", "b2", 2)
        await world.until(
            lambda: world.nodes["b"]._committer.life.incarnation != before, "another life begins"
        )
        await active(world.nodes["b"], token)
        await send(world, "b", "b3", 3)
        await world.equal()
        return world.nodes["b"].troubles

    assert world(work, "a", "b") == ()


def test_more_than_memory_may_hold_is_folded_from_the_log(world, monkeypatch):
    monkeypatch.setattr("homeroom.limits.FOLLOWED_BYTES_MAX", 0)

    async def work(world):
        tokens = [await send(world, "a", f"b{n}", n) for n in range(20)]
        await active(world.nodes["b"], tokens[-1])
        await world.equal()

    world(work, "a", "b")


def test_an_entry_from_the_future_is_durable_everywhere_and_folded_nowhere_before_its_time(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        # Two nodes alone have no median that could tell which of their clocks is wrong.
        world.ahead_ms["b"] = 60_000
        token = await send(world, "b", "b2", 2)
        await world.until(
            lambda: world.nodes["a"]._store.held()[token.origin] >= token.number, "it is durable"
        )
        early = world.nodes["a"]._live.applied[token.origin]
        await world.stop("a")
        await world.start("a")
        again = world.nodes["a"]._live.applied[token.origin]
        world.ahead_ms["a"] = 60_000
        await active(world.nodes["a"], token)
        return early < token.number, again < token.number

    assert world(work, "a", "b") == (True, True)


def test_batches_are_refused_while_the_clock_is_wrong(world):
    async def work(world):
        await send(world, "c", "b1", 1)
        await world.until(
            lambda: world.nodes["c"].belonging.looks.stray_ms is not None, "clocks are compared"
        )
        world.ahead_ms["c"] = 5_000
        refused = await world.nodes["c"].offer("main", "key", a_batch("b2", 2))
        await world.until(
            lambda: any("clock" in one for one in world.nodes["c"].troubles), "it is told"
        )
        world.ahead_ms["c"] = 0
        await send(world, "c", "b3", 3)
        return refused

    refused = world(work, "a", "b", "c")
    assert isinstance(refused, Refused)
    assert refused.refusal is Refusal.UNAVAILABLE
    assert "ahead of those of the others" in refused.why


def test_a_clock_that_is_put_back_begins_a_life_that_stamps_by_it(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        before = world.nodes["b"]._committer.life.incarnation
        world.ahead_ms["b"] = 60_000
        early = await send(world, "b", "b2", 2)

        def put_back():
            """Put the clock back and look at once: the next life may begin with the next tick only."""
            world.ahead_ms["b"] = 0
            return world.nodes["b"].belonging.refusal()

        refused = await world.nodes["b"]._committer.done(put_back)
        await world.until(
            lambda: world.nodes["b"]._committer.life.incarnation != before, "another life begins"
        )
        token = await send(world, "b", "b3", 3)
        await active(world.nodes["a"], token)
        return refused, early.hybrid > token.hybrid

    refused, is_earlier = world(work, "a", "b")
    assert is_earlier
    assert "was put back" in refused.why


# --- acknowledgements ------------------------------------------------------------------------------------------------


def test_a_batch_can_wait_for_another_region_and_for_all(world):
    async def work(world):
        node, levels = world.nodes["a"], []
        for level in (Level.REMOTE, Level.ALL):
            outcome, reached = await node.offer_held(
                "main", "key", a_batch(level.name, level), level
            )
            assert isinstance(outcome, Accepted)
            held = [one._store.held()[outcome.token.origin] for one in world.nodes.values()]
            levels.append((reached >= level, sum(n >= outcome.token.number for n in held)))
        return levels

    (remote, two), (everywhere, three) = world(work, "a", "b", "c")
    assert remote
    assert two >= 2
    assert everywhere
    assert three == 3


def test_a_batch_that_is_sent_again_after_its_life_has_collapsed_is_held_as_far_as_before(world):
    async def work(world):
        first = await send(world, "a", "b1", 1)
        await world.equal()
        await world.stop("a")
        await world.start("a")
        node = world.nodes["a"]
        await world.until(
            lambda: all(
                first.origin in n.control().members.collapsed
                and not any(first.origin in view for view in n.belonging.looks.views.values())
                for n in world.nodes.values()
            ),
            "it collapses",
        )
        return [
            await node.offer_held("main", "key", a_batch("b1", 1), level)
            for level in (Level.REMOTE, Level.ALL)
        ]

    for outcome, level in world(work, "a", "b", "c"):
        assert outcome.is_repeat
        assert level is Level.ALL


def test_what_does_not_come_in_time_is_told_with_how_far_it_came_and_stays(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        world.cut.add("c")
        node, told = world.nodes["a"], []
        outcome, reached = await node.offer_held("main", "key", a_batch("b2", 2), Level.ALL)
        told.append(reached)
        world.cut.add("b")
        alone, reached = await node.offer_held("main", "key", a_batch("b3", 3), Level.REMOTE)
        told.append(reached)
        world.cut.clear()
        again, reached = await node.offer_held("main", "key", a_batch("b3", 3), Level.ALL)
        told.append(reached)
        await active(world.nodes["c"], outcome.token, alone.token)
        return told, again.is_repeat, again.token == alone.token

    told, is_repeat, is_same = world(work, "a", "b", "c")
    assert told == [Level.REMOTE, Level.LOCAL, Level.ALL]
    assert is_repeat
    assert is_same


def test_where_there_is_no_other_region_remote_is_refused_before_anything_is_written(world):
    async def work(world):
        sent = a_batch("b1", 1)
        refused, _ = await world.nodes["a"].offer_held("main", "key", sent, Level.REMOTE)
        taken, level = await world.nodes["a"].offer_held("main", "key", sent, Level.ALL)
        return refused, taken.is_repeat, level

    refused, is_repeat, level = world(work, "a")
    assert isinstance(refused, Refused)
    assert not is_repeat
    assert level is Level.ALL


def test_a_node_whose_log_has_failed_sends_clients_elsewhere_and_does_not_say_that_it_is_alone(
    world,
):
    async def work(world):
        node = world.nodes["a"]
        # So a node looks, to whoever asks, from the moment in which its log fails until it has opened again.
        node.belonging.looks = Looks()
        refused, _ = await node.offer_held("main", "key", a_batch("b1", 1), Level.REMOTE)
        return refused.refusal

    assert world(work, "a", "b") is Refusal.UNAVAILABLE


def test_the_whole_world_is_made_to_wait_and_let_go_again_while_it_runs(world):
    async def work(world):
        levels = []
        for least in ("all", "local"):
            token = await world.nodes["a"].change(AcknowledgementPut(least=least), "somebody")
            await active(world.nodes["b"], token)
            levels.append([one.status(MAIN).world.least for one in world.nodes.values()])
        return levels

    assert world(work, "a", "b") == [["all", "all"], ["local", "local"]]


# --- what is stated --------------------------------------------------------------------------------------------------


def test_what_is_stated_at_home_counts_everywhere_and_elsewhere_it_is_refused_with_the_home(world):
    put = DefinitionPut(
        tenant="main", kind=DefinitionKind.COHORT, name="keen", written={"did": "verb=watched"}
    )

    async def work(world):
        with pytest.raises(HomeElsewhereError, match="the node a; send it there") as caught:
            await world.nodes["b"].change(put, "somebody")
        token = await world.nodes["a"].change(put, "somebody")
        await active(world.nodes["b"], token)
        return caught.value.home, [
            "keen" in one.control().definitions("main", DefinitionKind.COHORT)
            for one in world.nodes.values()
        ]

    assert world(work, "a", "b") == ("a", [True, True])


def test_a_new_tenant_is_taken_everywhere_that_has_its_key(world):
    async def work(world):
        world.share("other")
        token = await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        await active(world.nodes["b"], token)
        await world.known("other")
        outcome = await world.nodes["b"].offer("other", "key", a_batch("b1", 1))
        await world.equal()
        return outcome, world.nodes["a"]._live.tenants()

    outcome, tenants = world(work, "a", "b")
    assert isinstance(outcome, Accepted)
    assert set(tenants) == {"main", "other"}


def test_a_tenant_whose_key_is_another_one_is_left_out_and_told_until_it_is_right(world):
    async def work(world):
        open_key_of(world.path / "b" / "tenants" / "other")
        await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        outcome = await world.nodes["a"].offer("other", "key", a_batch("b1", *range(9)))
        await send(world, "a", "b2", 1)
        await active(world.nodes["b"], outcome.token)
        wrong = world.nodes["b"]
        told = [t for t in wrong.troubles if "is another key" in t]
        refused = await wrong.offer("other", "key", a_batch("b3", 1))
        await world.stop("b")
        world.copy_key("other", "b")
        await world.start("b")
        await world.equal()
        learners = [one.status("other").learners for one in world.nodes.values()]
        return told, refused, learners, world.nodes["a"].troubles

    told, refused, learners, troubles = world(work, "a", "b")
    assert len(told) == 1
    assert isinstance(refused, Refused)
    assert learners == [7, 7]
    assert troubles == ()


def open_key_of(place):
    place.mkdir(parents=True)
    open_key(place / "pseudonym.key")


def test_a_node_without_the_key_of_the_world_does_not_start(world):
    async def work(world):
        await world.stop("b")
        (world.path / "b" / "pseudonym.key").unlink()
        with pytest.raises(KeyFileError, match="copy it from"):
            await world.start("b")

    world(work, "a", "b")


def test_a_directory_of_a_world_begins_no_life_alone(world):
    async def work(world):
        await world.stop("b")
        with pytest.raises(DataDirectoryError, match="belongs to a world"):
            await RunningNode.open(world.path / "b", options(name="b"))

    world(work, "a", "b")


def test_a_world_is_not_founded_on_entries_that_nobody_would_believe(world):
    async def alone(made):
        await (await RunningNode.open(made.path / "a", options(name="somebody"))).stop()

    async def work(world):
        """Never come to this."""

    with pytest.raises(DataDirectoryError, match="has entries of somebody"):
        world(work, "a", "b", prepared=alone)


def test_a_directory_whose_log_is_not_whole_is_no_member(world):
    async def load(made):
        hr.load(made.path / "b", pa.table({name: [value] for name, value in event(1).items()}))

    async def work(world):
        """Never come to this."""

    with pytest.raises(DataDirectoryError, match="was loaded with files"):
        world(work, "a", "b", prepared=load)


# --- who belongs to it -----------------------------------------------------------------------------------------------


def test_a_node_that_joins_gets_all_that_was_written_before(world):
    async def work(world):
        tokens = [await send(world, name, name, ord(name)) for name in "ab"]
        world.prepare("d")
        await world.nodes["a"].change(
            MemberJoined(node="d", region="d", jurisdiction="x", key=world.key("d")), "somebody"
        )
        await world.start("d")
        await world.known("main")
        found = [await active(node, *tokens) for node in world.nodes.values()]
        token = await send(world, "d", "d1", 99)
        await active(world.nodes["b"], token)
        await world.equal()
        return found, [node.troubles for node in world.nodes.values()]

    found, troubles = world(work, "a", "b")
    assert found[0] == found[1] == found[2]
    assert troubles == [(), (), ()]


def test_a_node_that_is_fenced_takes_nothing_more(world):
    async def work(world):
        await world.equal()
        await world.nodes["a"].change(MemberFenced(node="b"), "somebody")
        await world.until(
            lambda: world.nodes["b"].status(MAIN).world.nodes["b"].is_fenced, "it knows"
        )
        return await world.nodes["b"].offer("main", "key", a_batch("b1", 1))

    refused = world(work, "a", "b")
    assert isinstance(refused, Refused)
    assert "is to leave it" in refused.why


def test_the_home_cannot_be_made_to_leave_nor_a_node_be_known_by_no_key(world):
    async def work(world):
        for fact, why in (
            (MemberFenced(node="a"), "is the home of the world"),
            (MemberJoined(node="b", region="b", key="ed25519:none"), "44 digits of base64"),
        ):
            with pytest.raises(ControlError, match=why):
                await world.nodes["a"].change(fact, "somebody")

    world(work, "a", "b")


# --- what is told ----------------------------------------------------------------------------------------------------


def test_an_answer_says_how_fresh_the_share_of_each_region_is(world):
    async def work(world):
        token = await send(world, "b", "b1", 1)
        await world.equal()
        await active(world.nodes["a"], token)
        fresh = (await world.nodes["a"].ask("main", question("active"), token)).freshness
        world.cut.add("b")
        await send(world, "b", "b2", 2)
        later = fresh
        while not later["b"] or later["b"] < 0.3:
            later = (await world.nodes["a"].ask("main", question("active"), None)).freshness
        return fresh, later

    fresh, later = world(work, "a", "b")
    assert fresh["b"] is not None
    assert later["b"] >= 0.3
    # Of its own share at most what it has written in the last check is missing: that waits for the marks of others.
    assert max(fresh["a"], later["a"]) < 2


def test_a_node_tells_who_there_is_and_what_they_lack(world):
    async def work(world):
        await world.equal()
        a = world.nodes["a"]
        await world.until(lambda: a.status(MAIN).world.epoch >= 4, "it tells what was stated")
        world.cut.add("b")
        await send(world, "a", "b1", 1)
        await world.until(lambda: a.status(MAIN).world.nodes["b"].lacks, "it lacks")
        return world.nodes["a"].status(MAIN).world

    told = world(work, "a", "b")
    assert (told.node, told.home, sorted(told.nodes)) == ("a", "a", ["a", "b"])
    assert told.nodes["b"].lag_s is not None
    assert told.nodes["b"].region == "b"
    assert told.epoch >= 4


# --- what lies on the disk -------------------------------------------------------------------------------------------


def test_what_others_have_written_is_whole_on_the_disk_and_found_so(world):
    async def work(world):
        token = await send(world, "a", "b1", 1, 2)
        await active(world.nodes["b"], token)
        checker = world.nodes["b"]._checker
        for _ in checker.round():
            pass
        await world.stop()
        return checker.troubles, verify_directory(world.path / "b")

    troubles, verified = world(work, "a", "b")
    assert troubles == ()
    assert verified.damages == []
    assert verified.entries > 3


def test_a_backup_of_a_node_in_a_world_is_verified_and_restored(world, tmp_path):
    async def work(world):
        token = await send(world, "a", "b1", *range(9))
        await active(world.nodes["b"], token)
        await world.stop()

    world(work, "a", "b")
    directory = tmp_path / "b"
    repository = opened(Place(str(tmp_path / "repository"), {}), tmp_path / "backup.key")
    backed_up(directory, repository, T0)
    assert verify(repository, repository.ids()).damages == []
    shutil.rmtree(directory)
    restore(repository, choose(list(repository.manifests()), "b"), directory)
    assert verify_directory(directory).damages == []

    async def again(world):
        await world.equal()

    world(again, "a", "b", is_new=False)

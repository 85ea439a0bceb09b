"""The home of a running world moves by a fact, and nobody is started again for it."""

import pytest

from homeroom.errors import ControlError, HomeElsewhereError
from homeroom.log.catalogue import IdKind, IdsRegistered
from homeroom.log.control import MAIN, DefinitionKind, DefinitionPut, TenantPut
from homeroom.log.members import HomeMoved
from homeroom.running.home_webhooks import HomeWebhooks
from homeroom.running.hosting import webhooks_of
from homeroom.serve.settings import Settings
from tests.running.nodes import batch, event, now_ms
from tests.running.test_refolding import learners
from tests.running.worlds import active, send


def definition(name):
    written = {"members": ["0" * 32]}
    return DefinitionPut(tenant=MAIN, kind=DefinitionKind.LIST, name=name, written=written)


async def move(world, node):
    return await world.nodes[node].change(HomeMoved(node=node, term=0), "somebody")


async def known(world, node, home):
    await world.until(
        lambda: world.nodes[node].home == home, f"{node} knows that {home} is the home"
    )


def names(node):
    return set(node.control().definitions(MAIN, DefinitionKind.LIST))


def test_facts_are_stated_at_the_new_home_and_the_former_one_names_it(world):
    async def work(world):
        await world.nodes["a"].change(definition("before"), "somebody")
        await world.equal()
        await move(world, "b")
        await known(world, "a", "b")
        with pytest.raises(HomeElsewhereError) as refused:
            await world.nodes["a"].change(definition("at a"), "somebody")
        await world.nodes["b"].change(definition("at b"), "somebody")
        token = await send(world, "a", "b1", 1)
        await active(world.nodes["b"], token)
        await world.equal()
        homes = {node.status(MAIN).world.home for node in world.nodes.values()}
        return refused.value.home, homes, [names(node) for node in world.nodes.values()]

    home, homes, found = world(work, "a", "b", "c")
    assert (home, homes) == ("b", {"b"})
    assert found == [{"before", "at b"}] * 3


def test_what_a_former_home_states_without_knowing_counts_for_nobody(world):
    async def work(world):
        await send(world, "a", "b1", 1)
        await world.equal()
        world.cut.add("a")
        await move(world, "b")
        await world.nodes["a"].change(definition("too late"), "somebody")
        await world.nodes["a"].change(
            IdsRegistered(tenant=MAIN, kind=IdKind.COURSE, names=("c",)), "x"
        )
        written = await send(world, "a", "b2", 2)  # under an epoch that there is not
        thought = names(world.nodes["a"])
        world.cut.clear()
        await known(world, "a", "b")
        await active(world.nodes["c"], written)
        await world.nodes["b"].change(definition("counts"), "somebody")
        await world.equal()
        await world.stop("a")
        await world.start("a")
        after = await send(world, "a", "b3", 3)
        await active(world.nodes["c"], after)
        await world.equal()
        found = [names(node) for node in world.nodes.values()]
        return thought, found, learners(world), [one.troubles for one in world.nodes.values()]

    thought, found, counts, troubles = world(work, "a", "b", "c")
    assert thought == {"too late"}
    assert found == [{"counts"}] * 3
    assert set(counts.values()) == {3}
    assert troubles == [(), (), ()]


def test_events_of_a_tenant_that_was_stated_too_late_count_once_it_is_stated_where_it_counts(world):
    async def work(world):
        world.share("other")
        await world.equal()
        world.cut.add("a")
        await move(world, "b")
        await world.nodes["a"].change(TenantPut(name="other"), "somebody")
        outcome = await world.nodes["a"].offer("other", "key", batch("o1", event(1)))
        world.cut.clear()
        await known(world, "a", "b")
        await world.equal()
        before = [set(node._live.tenants()) for node in world.nodes.values()]
        told = [bool(node.troubles) for node in world.nodes.values()]
        await world.nodes["b"].change(TenantPut(name="other"), "somebody")
        await world.nodes["b"]._folds.reached(outcome.token)
        await world.equal()
        after = [node.status("other").learners for node in world.nodes.values()]
        return before, told, after

    before, told, after = world(work, "a", "b", "c")
    assert before == [{MAIN}] * 3
    assert told == [True] * 3
    assert after == [1] * 3


def test_the_new_home_itself_says_that_it_is_and_nobody_else(world):
    async def work(world):
        for name, node in (("b", "a"), ("nobody", "a")):
            with pytest.raises(ControlError, match=r"ask b|no node of a world"):
                await world.nodes[node].change(HomeMoved(node=name, term=0), "somebody")

    world(work, "a", "b")


def test_the_home_moves_back(world):
    async def work(world):
        await move(world, "b")
        await known(world, "a", "b")
        await move(world, "a")
        await known(world, "b", "a")
        await world.nodes["a"].change(definition("here"), "somebody")
        await world.equal()
        return [names(node) for node in world.nodes.values()]

    assert world(work, "a", "b") == [{"here"}] * 2


def test_webhooks_are_delivered_at_the_home_wherever_it_is(world):
    async def work(world):
        async def hooks(name):
            path = world.path / name
            return webhooks_of(path, world.nodes[name], Settings(), now_ms)

        async with await hooks("a") as at_a, await hooks("b") as at_b:
            assert isinstance(at_a, HomeWebhooks)
            here = await at_a.list(MAIN)
            with pytest.raises(HomeElsewhereError):
                await at_b.list(MAIN)
            await move(world, "b")
            await known(world, "a", "b")
            await world.until(lambda: at_a._is_clean and at_b._running, "they moved")
            with pytest.raises(HomeElsewhereError):
                await at_a.list(MAIN)
            left = (world.path / "a" / "deliveries.db").exists()
            return here, await at_b.list(MAIN), left, at_b.troubles()

    assert world(work, "a", "b") == ([], [], False, ())


def test_what_a_home_does_by_itself_it_does_where_it_is(world):
    async def work(world):
        await move(world, "b")
        await known(world, "a", "b")
        return [node.is_home for node in world.nodes.values()]

    assert world(work, "a", "b") == [False, True]

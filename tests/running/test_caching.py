"""Nodes of a world that share a Redis: what one has made is told by the other, and nothing that it would not say."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import msgspec

from homeroom.cohorts.live import Shows, Wanted
from homeroom.cohorts.questions import parse_question
from homeroom.log.control import Scope
from homeroom.running.cache_hosting import cache_of
from homeroom.serve.access import Caller
from homeroom.serve.framing import answer_as_json, frame_as_json
from homeroom.serve.remembering import Asking
from homeroom.serve.settings import CacheSettings, Settings
from homeroom.traffic.caching.keys import Reach
from tests.redises import needs_redis, redis_server
from tests.running.erasures import ADA, erase, events_of
from tests.running.nodes import batch, event, now_ms
from tests.running.test_repairing import spoil
from tests.running.worlds import send

pytestmark = needs_redis
CALLER = Caller(name="test", tenant="main", owner="test", scopes=frozenset({Scope.READ}))
WRITTEN = {"question": "retention", "interval": "day"}

ASKED = (
    WRITTEN,
    {"question": "report", "course": "course 1"},
    {"question": "at-risk", "limit": 5},
    {"question": "paths"},
    {"question": "cohort", "cohort": {"did": "any"}},
    {"question": "lifecycle"},
)


def asking(written=WRITTEN, shows=Shows.REGISTERED, token=None):
    """Return a question of the tenant ``main`` as the interface would put it."""
    return Asking(
        tenant="main",
        question=parse_question(written),
        wanted=Wanted.of(token),
        shows=shows,
        tell=partial(answer_as_json, CALLER, written),
        frame=partial(frame_as_json, CALLER),
        parts=(msgspec.json.encode(written),),
        reach=Reach.WORLD,
    )


def shared(world, work, *names, register=None, laws=None):
    """Run ``work(world, caches, redis)`` with a cache before each node, all over one Redis."""

    async def run(world):
        if register is not None:
            for name in names:
                await world.stop(name)
                await world.start(name, erasure_register=register / f"register of {name}")
            await world.known("main")
        async with AsyncExitStack() as stack:
            caches = {}
            for name, node in world.nodes.items():
                settings = Settings(cache=CacheSettings(redis_url=redis.url, redis_ms_max=500))
                caching = cache_of(node, settings, "test", now_ms)
                caches[name] = await stack.enter_async_context(caching)
            await work(world, caches, redis)

    with redis_server() as redis:
        world(run, *names, laws=laws)


async def filled(*caches):
    """Wait until all that is on its way to the Redis is there."""
    for cache in caches:
        while cache._tasks:
            await asyncio.gather(*cache._tasks)


async def settled(world):
    """Wait until all nodes are equal and count exactly."""
    await world.equal()
    nodes = world.nodes.values()
    await world.until(lambda: all(one.live.is_settled("main") for one in nodes), "all is sealed")


def told(answer):
    return answer.found["Homeroom-Cache"]


def test_what_one_node_has_made_another_tells_without_its_engine(world):
    """They are under two laws, so only one has the texts of courses: labels, which are told to nobody here."""

    async def work(world, caches, _redis):
        events = [event(n, course=f"course {n % 3}") for n in range(20)]
        await world.nodes["a"].offer("main", "key", batch("a1", *events))
        await settled(world)
        for written in ASKED:
            made = await caches["a"].ask(asking(written))
            await filled(caches["a"])
            found = await caches["b"].ask(asking(written))
            assert [told(made), told(found)] == ["engine; current", "region; current"], written
            assert found.told == made.told
            assert found.applied.covers(made.applied)
        assert caches["b"].computed == 0

    shared(world, work, "a", "b", laws={"b": "y"})


def test_an_answer_about_a_course_run_is_shared_while_others_are_written_to(world):
    """Each node writes; what the other has made of one course run holds, and is told as of what is folded here."""

    async def work(world, caches, _redis):
        events = [event(n, course=f"course {n % 3}") for n in range(20)]
        await world.nodes["a"].offer("main", "key", batch("a1", *events))
        await settled(world)
        asked = [{"question": "retention", "filters": [f"course=course {n}"]} for n in range(3)]
        for one in asked:
            await caches["a"].ask(asking(one))
        await filled(caches["a"])
        for name in "ab":
            more = batch(f"{name}2", event(30, account=f"new {name}", course="course 1"))
            await world.nodes[name].offer("main", "key", more)
        await settled(world)
        found = [await caches["b"].ask(asking(one)) for one in asked]
        here = ["region; current", "engine; current", "region; current"]
        assert [told(one) for one in found] == here
        for one, answer in zip(asked, found, strict=True):
            question = asking(one)
            made = await world.nodes["b"].ask("main", question.question, None, tell=question.tell)
            assert answer.told == made.told
            assert made.applied.covers(answer.applied)  # marks come all the time

    shared(world, work, "a", "b")


def test_a_node_that_knows_more_takes_nothing_older_and_one_behind_takes_what_is_newer(world):
    async def work(world, caches, _redis):
        await send(world, "a", "a1", *range(5))
        await settled(world)
        world.cut.add("b")
        await caches["b"].ask(asking())  # of what it knows
        token = await send(world, "a", "a2", 50)
        a = world.nodes["a"]
        await a.reach(Wanted.of(token))
        await world.until(lambda: a.live.is_settled("main"), "all is sealed")
        newer = await caches["a"].ask(asking(token=token))
        assert told(newer) == "engine; current"
        await filled(*caches.values())
        caches["b"].lookup.resident.clear()
        found = await caches["b"].ask(asking())
        assert told(found) == "region; current"
        assert found.told == newer.told
        assert found.applied[token.origin] >= token.number

    shared(world, work, "a", "b")


def test_what_a_node_fills_that_has_not_heard_of_an_erasure_is_told_to_nobody(world, tmp_path):
    async def work(world, caches, redis):
        a, b = world.nodes["a"], world.nodes["b"]
        await a.offer("main", "key", batch("a1", *events_of(ADA, 100, 3), event(1)))
        await settled(world)
        world.cut.add("b")
        await erase(a, ADA)
        await a.erasures.settled()
        before = await caches["b"].ask(asking())
        await filled(caches["b"])
        assert redis.names()
        after = await caches["a"].ask(asking())
        assert told(after) == "engine; current"
        assert after.told != before.told
        caches["b"].lookup.resident.clear()
        world.cut.clear()
        await settled(world)
        assert (await caches["b"].ask(asking())).told == after.told
        await b.erasures.settled()
        assert not any(
            await asyncio.gather(*(_of_old(one, before.told) for one in caches.values()))
        )

    async def _of_old(cache, content):
        key = cache._key(asking())
        kept = await cache._tiers["region"].get(key)
        return kept is not None and kept.value == content

    shared(world, work, "a", "b", register=tmp_path)


def test_a_node_that_starts_has_what_others_are_asked_for(world):
    async def work(world, caches, _redis):
        await send(world, "a", "a1", *range(5))
        await settled(world)
        for _ in range(3):
            await caches["a"].ask(asking())
        await filled(caches["a"])
        await caches["a"].tell_hot()
        await caches["b"].warm()
        found = await caches["b"].ask(asking())
        assert told(found) == "process; current"

    shared(world, work, "a", "b")


def test_all_that_is_kept_may_go_at_any_moment_under_load(world):
    """Many ask two nodes while events come and everything is flushed: each is told what it has written before."""

    async def work(world, caches, redis):
        await send(world, "a", "a0", *range(5))
        for turn in range(8):
            name = "ab"[turn % 2]
            token = await send(world, name, f"turn {turn}", 100 + turn)
            one = asking(token=token)
            flushed = asyncio.to_thread(redis.client.flushall)
            caches[name].lookup.resident.clear()
            answers = await asyncio.gather(*(caches[name].ask(one) for _ in range(50)), flushed)
            for answer in answers[:-1]:
                assert answer.applied[token.origin] >= token.number
        assert caches["a"].computed + caches["b"].computed <= 3 * 8
        await settled(world)
        last = [await cache.ask(asking()) for cache in caches.values()]
        assert last[0].told == last[1].told

    shared(world, work, "a", "b")


def test_nodes_whose_states_are_apart_share_nothing_until_they_are_equal_again(world):
    async def work(world, caches, redis):
        await send(world, "a", "a1", *range(9))
        await settled(world)
        spoil(world.nodes["b"])
        await caches["b"].ask(asking())
        await filled(caches["b"])
        assert redis.names()
        both = world.nodes.values()
        await world.until(lambda: all(one.is_apart for one in both), "it is found out")
        right = await caches["a"].ask(asking())
        assert told(right) == "engine; current"
        await world.nodes["b"].upkeep.repair()
        await world.until(lambda: not any(one.is_apart for one in both), "it is repaired")
        for cache in caches.values():
            assert (await cache.ask(asking())).told == right.told
        await filled(*caches.values())
        assert not any(cache._is_doubtful for cache in caches.values())
        await filled(*caches.values())
        assert {(await cache.ask(asking())).told for cache in caches.values()} == {right.told}

    shared(world, work, "a", "b")


def test_after_all_was_folded_anew_no_tier_is_asked_until_it_is_empty(world):
    async def work(world, caches, redis):
        await send(world, "a", "a1", *range(5))
        await settled(world)
        cache = caches["a"]
        await cache.ask(asking())
        await filled(cache)
        assert redis.names()
        world.nodes["a"].live.times_anew += 1
        found = await cache.ask(asking())
        assert told(found) == "engine; current"
        await filled(cache)
        assert not cache._is_doubtful

    shared(world, work, "a", "b")

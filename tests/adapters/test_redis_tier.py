"""Answers in a real Redis: one that is killed, hangs, is flushed, is full, and holds what nobody of us put there."""

import asyncio
import secrets
import signal
import time

import pytest

from homeroom import limits
from homeroom.adapters.redis_tier import RedisPlace, RedisTier
from homeroom.adapters.sealed_values import ValueSeal
from homeroom.adapters.system_clock import steady_ms
from homeroom.errors import EntryError, SettingsError
from homeroom.traffic.caching.steps import Lease
from tests.redises import needs_redis, redis_server
from tests.traffic.caching.answers import SECRET, at, kept, key

pytestmark = needs_redis
Q = key("q")
LIFE_MS = 60_000


@pytest.fixture(scope="module")
def shared():
    with redis_server() as server:
        yield server


@pytest.fixture
def server(shared):
    shared.client.flushall()
    return shared


def tier_of(server, secret=SECRET, steady_ms=steady_ms, **place):
    where = {"world": "w", "jurisdiction": "eu", "timeout_ms": 250, **place}
    return RedisTier(RedisPlace(server.url, "", **where), lambda tenant: secret, steady_ms)


def on(server, work, **fields):
    """Run something with a tier, which is closed at the end."""

    async def run():
        tier = tier_of(server, **fields)
        try:
            return await work(tier)
        finally:
            await tier.close()

    return asyncio.run(run())


def fill(server, *answers, where=Q, **fields):
    async def work(tier):
        for one in answers:
            await tier.put(where, one, LIFE_MS)
        return await tier.get(where), tier.counts

    return on(server, work, **fields)


def test_an_answer_is_had_as_it_was_put_and_only_for_its_time(server):
    one = kept(b"value", at(a=3))
    found, counts = fill(server, one)
    assert found == one
    assert (counts["fills"], counts["hits"]) == (1, 1)
    (name,) = server.names()
    assert 0 < server.client.pttl(name) <= LIFE_MS


def test_a_slow_fill_does_not_overwrite_a_newer_one(server):
    found, counts = fill(server, kept(b"new", at(a=5)), kept(b"slow", at(a=4)))
    assert found.value == b"new"
    assert counts["kept_newer"] == 1


def test_of_nodes_that_fill_at_once_the_newest_stays(server):
    async def run():
        tiers = [tier_of(server) for _ in range(4)]
        fills = [
            tier.put(Q, kept(b"%d" % number, at(a=number)), LIFE_MS)
            for number in range(1, 13)
            for tier in (tiers[number % 4],)
        ]
        await asyncio.gather(*fills)
        found = await tiers[0].get(Q)
        for tier in tiers:
            await tier.close()
        return found

    assert asyncio.run(run()).value == b"12"


def test_nothing_that_lies_there_names_a_tenant_or_can_be_read(server):
    fill(server, kept(b"a secret answer", at(a=1)), where=key("q", tenant="acme"))
    (name,) = server.names()
    lies = name + server.client.get(name)
    assert b"acme" not in lies
    assert b"secret" not in lies
    assert b"analytic" not in lies


@pytest.mark.parametrize(
    "other",
    [{"world": "v"}, {"jurisdiction": "us"}, {"secret": b"x" * 32}],
    ids=["world", "jurisdiction", "tenant"],
)
def test_another_world_jurisdiction_or_tenant_finds_nothing(server, other):
    fill(server, kept(b"one", at(a=1)))
    assert fill(server, **other)[0] is None


@pytest.mark.parametrize("poison", ["cut", "turned", "random", "empty", "swapped", "old form"])
def test_a_poisoned_value_is_none_and_is_counted_and_replaced(server, poison):
    fill(server, kept(b"one", at(a=1)))
    (name,) = server.names()
    value = server.client.get(name)
    fill(server, kept(b"other", at(a=9)), where=key("other"))
    (other,) = set(server.names()) - {name}
    bad = {
        "cut": value[:-1],
        "turned": value[:-1] + bytes([value[-1] ^ 1]),
        "random": secrets.token_bytes(500),
        "empty": b"",
        "swapped": server.client.get(other),
        "old form": ValueSeal(SECRET, name.decode().partition(":")[0]).sealed(Q.name, b"\x93"),
    }[poison]
    server.client.set(name, bad)
    found, counts = fill(server)
    assert found is None
    assert counts["poisoned"] == 1
    assert fill(server, kept(b"again", at(a=1)))[0].value == b"again"


def test_a_key_of_another_kind_is_in_nobodys_way(server):
    fill(server, kept(b"one", at(a=1)))
    (name,) = server.names()
    server.client.delete(name)
    server.client.lpush(name, "x")
    assert fill(server)[0] is None
    server.client.delete(name)
    server.client.hset(name, "x", "y")
    assert fill(server, kept(b"again", at(a=1)))[0].value == b"again"


def test_a_value_sealed_for_another_name_or_place_does_not_open():
    one = ValueSeal(SECRET, "here")
    sealed = one.sealed(b"name", b"content")
    assert one.opened(b"name", sealed) == b"content"
    for seal, name in ((one, b"other"), (ValueSeal(SECRET, "there"), b"name")):
        with pytest.raises(EntryError):
            seal.opened(name, sealed)


def test_one_node_has_a_lease_and_gives_back_its_own_alone(server):
    async def run():
        one, other = tier_of(server), tier_of(server)
        got = [await one.lease(Q), await other.lease(Q)]
        await other.release(Q)
        got.append(await other.lease(Q))
        await one.release(Q)
        got.append(await other.lease(Q))
        await one.close()
        await other.close()
        return got

    assert asyncio.run(run()) == [Lease.GOT, Lease.TAKEN, Lease.TAKEN, Lease.GOT]
    (name,) = server.names("*lease*")
    assert 0 < server.client.pttl(name) <= limits.CACHE_LEASE_MS  # a node that dies holds nobody up


def test_a_tenant_is_removed_with_all_that_is_being_filled_and_no_other(server):
    mine = [key(str(number)) for number in range(2_500)]

    async def run():
        tier = RedisTier(
            RedisPlace(server.url, "", "w", "eu", 2_000),
            lambda tenant: SECRET if tenant == "main" else b"o" * 32,
            steady_ms,
        )
        await tier.put(key("q", tenant="other"), kept(b"theirs", at(a=1)), LIFE_MS)
        for first in range(0, 2_500, 500):
            some = mine[first : first + 500]
            await asyncio.gather(*(tier.put(one, kept(), LIFE_MS) for one in some))
        assert len(server.names()) == 2_501
        late = tier.put(Q, kept(b"late"), LIFE_MS)
        assert (await asyncio.gather(late, tier.forget("main")))[1]
        await tier.close()

    asyncio.run(run())
    assert len(server.names()) == 1


def test_what_is_asked_for_most_is_told_to_other_nodes(server):
    async def work(tier):
        await tier.tell_hot("main", "one", [Q.name])
        await tier.tell_hot("main", "two", [Q.name, key("r").name])
        names = await tier.hot("main")
        (place,) = server.names("*hot")
        server.client.hset(place, "evil", b"x" * 64)
        return names, await tier.hot("main"), tier.counts["poisoned"]

    names, again, poisoned = on(server, work)
    assert sorted(names) == sorted({Q.name, key("r").name}) == sorted(again)
    assert poisoned == 1


# --- a Redis that fails ----------------------------------------------------------------------------------------------


@pytest.fixture
def own():
    with redis_server() as server:
        yield server


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self):
        self._now_ms = 0

    def now(self):
        return self._now_ms

    def tick(self, ms):
        self._now_ms += ms


def test_one_that_is_killed_is_no_error_and_is_used_again_when_it_is_back(own):
    clock = Clock()

    async def work(tier):
        await tier.put(Q, kept(b"one"), LIFE_MS)
        own.kill()
        gone = [await tier.get(Q), await tier.lease(Q), await tier.forget("main")]
        assert tier.breaker.is_open
        own.start()
        clock.tick(limits.BREAKER_PAUSE_MS_MAX)
        await tier.put(Q, kept(b"two"), LIFE_MS)
        return gone, await tier.get(Q)

    gone, found = on(own, work, steady_ms=clock.now)
    assert gone == [None, Lease.AWAY, False]
    assert found.value == b"two"


def test_one_that_hangs_is_cut_off_in_milliseconds(own):
    async def work(tier):
        await tier.put(Q, kept(b"one"), LIFE_MS)
        own.signal(signal.SIGSTOP)
        began_s, spent_s = time.monotonic(), []
        for _ in range(200):
            before_s = time.monotonic()
            assert await tier.get(Q) is None
            spent_s.append(time.monotonic() - before_s)
        own.signal(signal.SIGCONT)
        return time.monotonic() - began_s, sorted(spent_s), tier

    all_s, spent_s, tier = on(own, work, timeout_ms=20)
    assert all_s < 1.0, "two hundred requests to what hangs for ever"
    assert spent_s[len(spent_s) // 2] < 0.002
    assert tier.breaker.times_opened == 1
    assert tier.counts["cut_off"] > 150


def test_one_that_is_flushed_has_nothing_and_takes_all(own):
    async def work(tier):
        await tier.put(Q, kept(b"one"), LIFE_MS)
        own.client.flushall()
        gone = await tier.get(Q)
        await tier.put(Q, kept(b"two"), LIFE_MS)
        return gone, (await tier.get(Q)).value

    assert on(own, work) == (None, b"two")


def test_one_that_is_full_and_may_remove_nothing_serves_what_it_has():
    with redis_server("--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as server:

        async def work(tier):
            await tier.put(Q, kept(b"one"), LIFE_MS)
            for number in range(40):
                await tier.put(key(str(number)), kept(secrets.token_bytes(100_000)), LIFE_MS)
            return await tier.get(Q), tier

        found, tier = on(server, work)
    assert found.value == b"one"
    assert tier.counts["failed"] > 0
    assert not tier.breaker.is_open


def test_an_address_with_a_password_or_that_is_none_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="redis_password_file"):
        RedisPlace("redis://:secret@localhost/0", "", "w", "eu", 25)
    with pytest.raises(SettingsError, match="redis://host:6379"):
        RedisPlace("http://localhost", "", "w", "eu", 25)
    with pytest.raises(SettingsError, match="cannot be read"):
        RedisPlace("redis://localhost", str(tmp_path / "none"), "w", "eu", 25)


def test_a_password_comes_from_a_file(tmp_path):
    file = tmp_path / "password"
    file.write_text("opens\n")
    with redis_server() as server:
        server.client.config_set("requirepass", "opens")

        async def run(named):
            tier = RedisTier(
                RedisPlace(server.url, named, "w", "eu", 250), lambda _: SECRET, steady_ms
            )
            await tier.put(Q, kept(b"one"), LIFE_MS)
            found = await tier.get(Q)
            await tier.close()
            return found

        assert asyncio.run(run(str(file))).value == b"one"
        assert asyncio.run(run("")) is None

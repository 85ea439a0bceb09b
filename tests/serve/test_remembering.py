"""Answers that are told without asking again: what the engine gave to that scope, and what still holds."""

import asyncio
import json
import signal
import time
from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.log.control import Control, Scope, Tenant
from homeroom.serve.access import Caller
from homeroom.serve.remembering import parts_of
from homeroom.serve.settings import CacheSettings, NodeSettings, Settings
from homeroom.traffic.caching.advisor import read_key_log
from homeroom.traffic.caching.keys import name_of
from tests.redises import needs_redis, redis_server
from tests.serve.clients import EVENT

RETENTION = {"question": "retention", "interval": "day"}


def cached(**fields):
    return Settings(cache=CacheSettings(**fields))


def event(number, **fields):
    return {**EVENT, "account": f"a{number}", "id": f"e{number}", **fields}


def tier(answer):
    return answer.headers.get("Homeroom-Cache")


def computed(client):
    """Return how often the engine was asked."""
    return sum(n for (tier, _, _), n in client.cache.counts.items() if tier == "engine")


def sealed(client):
    """Return when all events are sealed, as they are in a pause: from then on counts are exact."""

    async def wait():
        while not client.node.live.is_settled("main"):
            await client.node.next_fold()

    client.run(wait())


@pytest.fixture
def filled(make_client):
    """Give a function that makes a client of a node with some events, and a key that reads."""

    def make(settings=None, *scopes):
        client = make_client(settings)
        client.send(*(event(number) for number in range(5)))
        sealed(client)
        return client, client.key(*(scopes or ("read",)))

    return make


def test_the_second_answer_is_the_first_to_the_byte_and_asks_nobody(filled):
    client, reader = filled()
    first, second = client.query(reader, RETENTION), client.query(reader, RETENTION)
    assert [tier(first), tier(second)] == ["engine; current", "process; current"]
    assert first.content == second.content
    assert computed(client) == 1


def test_what_was_sent_is_in_the_next_answer(filled):
    client, reader = filled()
    before = client.query(reader, RETENTION).json()
    client.send(event(77))
    after = client.query(reader, RETENTION)
    assert tier(after) == "engine; current"
    assert after.json()["answer"]["source"]["learners"] == 6
    assert before["answer"]["source"]["learners"] == 5


def test_what_touches_another_tenant_leaves_answers_and_is_in_their_vector(filled):
    client, reader = filled()
    writer = client.key("write", tenant="other", name="w")
    client.query(reader, RETENTION)
    token = client.send(event(1), key=writer).headers["Homeroom-Token"]
    answer = client.query(reader, RETENTION, Homeroom_After=token)
    assert tier(answer) == "process; current"
    origin, number, _ = token.rsplit("/", 2)
    assert answer.json()["vector"][origin] >= int(number)
    assert answer.json()["complete"]


def test_a_reader_reads_what_it_wrote_however_much_is_kept(filled):
    client, reader = filled(cached(stale_seconds=3_600.0))
    client.query(reader, RETENTION)
    token = client.send(event(9)).headers["Homeroom-Token"]
    answer = client.query(reader, RETENTION, Homeroom_After=token)
    assert answer.json()["answer"]["source"]["learners"] == 6
    assert "stale" not in answer.json()


def test_stale_answers_are_told_where_settings_let_them_and_say_so(filled):
    client, reader = filled(cached(stale_seconds=5.0))
    first = client.query(reader, RETENTION).json()
    client.send(event(9))
    old = client.query(reader, RETENTION)
    assert tier(old) == "process; stale"
    assert old.json()["stale"] is True
    assert old.json()["answer"] == first["answer"]
    assert not old.json()["complete"]
    settle(client)
    assert tier(client.query(reader, RETENTION)) == "process; current"
    client.send(event(10))
    client.now_ms += 5_000
    assert tier(client.query(reader, RETENTION)) == "engine; current"


def test_a_reader_that_says_how_fresh_is_told_what_is_as_fresh(filled):
    client, reader = filled()
    client.query(reader, RETENTION)
    client.send(event(9))
    client.now_ms += 1_500
    assert tier(client.query(reader, RETENTION, Homeroom_Fresh="2s")) == "process; within"
    assert tier(client.query(reader, RETENTION, Homeroom_Fresh="1s")) == "engine; current"


def test_counts_become_exact_as_they_do_without_a_cache(filled):
    client, reader = filled()
    client.send(event(9))
    client.query(reader, RETENTION)
    sealed(client)
    exact = client.query(reader, RETENTION)
    assert exact.json()["answer"]["source"]["events_accepted"] == 6
    assert client.query(reader, RETENTION).content == exact.content


# --- parts -----------------------------------------------------------------------------------------------------------


PHYSICS = {"question": "active", "filters": ["course=physics"]}


def test_an_answer_about_a_course_run_stays_while_only_others_are_written_to(filled):
    client, reader = filled()
    first = client.query(reader, PHYSICS).json()["answer"]
    token = client.send(event(9, course="art")).headers["Homeroom-Token"]
    second = client.query(reader, PHYSICS, Homeroom_After=token)
    assert tier(second) == "process; current"
    said = second.json()
    assert said["answer"]["active"] == first["active"]
    assert said["answer"]["source"]["learners"] == 6
    assert said["vector"][token.rsplit("/", 2)[0]] >= int(token.rsplit("/", 2)[1])
    assert said["complete"]
    client.send(event(10))
    third = client.query(reader, PHYSICS)
    assert tier(third) == "engine; current"
    assert third.json()["answer"]["active"]["day"]["values"] == [6]


def test_what_was_told_is_what_the_engine_tells_to_the_byte(filled):
    client, reader = filled()
    client.query(reader, PHYSICS)
    client.send(event(9, course="art", time="2026-11-23T11:30:00Z"))
    sealed(client)
    told = client.query(reader, PHYSICS)
    client.cache.lookup.resident.clear()
    made = client.query(reader, PHYSICS)
    assert [tier(told), tier(made)] == ["process; current", "engine; current"]
    assert told.content == made.content
    assert made.json()["answer"]["as_of"].startswith("2026-11-23T11:30")


def test_a_key_that_sees_a_course_run_is_told_what_is_kept_while_others_are_written_to(filled):
    client, _ = filled()
    limited = client.key("read", name="c", courses=("physics",))
    client.query(limited, RETENTION)
    client.send(event(9, course="art"))
    assert tier(client.query(limited, RETENTION)) == "process; current"
    client.send(event(10))
    assert tier(client.query(limited, RETENTION)) == "engine; current"


def test_the_cohorts_of_a_learner_stay_while_others_are_written_to(filled):
    client, reader = filled(None, "read", "persons")
    rules = {"cohort": {"keen": {"did": "verb=read", "at_least": 2}}}
    members = {"question": "members", "cohort": {"did": "any"}}
    some = client.query(reader, members).json()["answer"]["members"]
    asked = [{"question": "learner", "learner": one, "definitions": rules} for one in some]
    for one in asked:
        client.query(reader, one)
    client.send({**event(1), "id": "again"})
    client.now_ms += limits.FROZEN_MS_MAX  # history is not asked of a state from before that
    found = [client.query(reader, one) for one in asked]
    assert sorted(map(tier, found)) == ["engine; current", *4 * ["process; current"]]
    keen = [one.json()["answer"]["cohorts"][0]["member"] for one in found]
    assert keen.count(True) == 1
    assert tier(found[keen.index(True)]) == "engine; current"


def test_the_first_event_of_a_new_day_makes_an_answer_anew(filled):
    client, reader = filled()
    client.query(reader, PHYSICS)
    client.send(event(9, course="art", time="2026-11-24T00:00:00Z"))
    answer = client.query(reader, PHYSICS)
    assert tier(answer) == "engine; current"
    assert answer.json()["answer"]["active"]["day"]["values"] == [5, 0]


def test_what_no_event_had_may_come_with_any_event(filled):
    client, reader = filled()
    never = {**PHYSICS, "filters": ["course=physics", "verb=danced"]}
    assert client.query(reader, never).json()["answer"]["notes"]
    client.send(event(9, course="art", verb="danced"))
    assert not client.query(reader, never).json()["answer"]["notes"]


# --- scopes ----------------------------------------------------------------------------------------------------------


def test_each_scope_has_answers_of_its_own(filled):
    """The same question of all kinds of keys: what each is told is what it is told without a cache."""
    client, _ = filled()
    client.send(event(3, course="chemistry", id="c3"))
    sealed(client)
    keys = {
        "read": client.key("read", name="r"),
        "persons": client.key("read", "persons", name="p"),
        "labels": client.key("read", "labels", name="l"),
        "aggregate": client.key("aggregate", name="a"),
        "physics": client.key("read", name="c", courses=("physics",)),
        "chemistry": client.key("read", name="d", courses=("chemistry",)),
        "school": client.key("read", name="s", organisations=("school",)),
        "other": client.key("read", "persons", tenant="other", name="o"),
    }
    asked = [
        RETENTION,
        {"question": "at-risk", "limit": 5},
        {"question": "report"},
        {"question": "learner", "learner": "0" * 32},
    ]
    cold = {}
    for question in asked:
        for name, key in keys.items():
            client.run(client.cache.forget("main"))
            client.run(client.cache.forget("other"))
            cold[name, question["question"]] = client.query(key, question).content
    for _ in range(2):
        for question in asked:
            for name, key in keys.items():
                assert client.query(key, question).content == cold[name, question["question"]]
    assert len({cold[name, "retention"] for name in ("read", "physics", "chemistry", "other")}) == 4


def test_whatever_makes_an_answer_another_one_makes_another_name():
    """Of the caller, the question, the definitions and the tenant's bound: each alone, whatever else guards it too."""
    other = Tenant(name="main", timezone="UTC", regions=(), suppress_below=99)
    control, bound = Control(), Control(tenants={"main": other})
    base = Caller(name="x", tenant="main", owner="o", scopes=frozenset({Scope.READ}))
    scopes = [frozenset({Scope.READ, one}) for one in (Scope.PERSONS, Scope.LABELS)]
    callers = [
        base,
        replace(base, tenant="other"),
        *(replace(base, scopes=some) for some in scopes),
        replace(base, courses=("physics",)),
        replace(base, organisations=("physics",)),
        replace(base, courses=("physics", "chemistry")),
        replace(base, courses=("physics, chemistry",)),
    ]
    names = [parts_of(one, RETENTION, control, b"d") for one in callers]
    names += [
        parts_of(base, {**RETENTION, "interval": "week"}, control, b"d"),
        parts_of(base, RETENTION, control, b"e"),
        parts_of(base, RETENTION, bound, b"d"),
    ]
    assert len({name_of(b"k", one) for one in names}) == len(names)
    same = replace(base, name="y", owner="p", scopes=frozenset({Scope.READ, Scope.WRITE}))
    assert parts_of(same, RETENTION, control, b"d") == names[0]


def test_keys_of_the_same_scope_share_answers(filled):
    client, reader = filled()
    first = client.query(reader, RETENTION)
    second = client.query(client.key("read", name="second"), RETENTION)
    assert tier(second) == "process; current"
    assert second.json()["answer"] == first.json()["answer"]


def test_a_definition_that_changes_is_another_question(filled):
    client, reader = filled()
    admin = client.key("admin", name="boss")
    question = {"question": "cohort", "cohort": "many"}
    sizes = []
    for least in (1, 2):
        rule = {"did": "any", "at_least": least, "unit": "events"}
        assert client("PUT", "/v1/cohorts/many", admin, json=rule).status_code in (200, 201)
        sizes.append([client.query(reader, question).text for _ in range(2)])
    assert sizes[0][0] == sizes[0][1]
    assert sizes[0][0] != sizes[1][0]


def test_who_looks_at_a_person_is_written_down_also_where_the_answer_is_kept(filled, tmp_path):
    client, reader = filled(None, "read", "persons")
    about = {
        "question": "cohort",
        "cohort": {"did": "any"},
        "changed": ["2026-11-22", "2026-11-23"],
    }
    for _ in range(3):
        answer = client.query(reader, about)
    assert tier(answer) == "process; current"
    lines = client.audit.path.read_text().splitlines()
    assert sum('"cohort"' in line for line in lines) == 3


def test_a_question_that_cannot_be_answered_is_refused_the_same_from_the_cache(filled):
    client, reader = filled()
    bad = {"question": "cohort", "cohort": "none of ours"}
    first, second = client.query(reader, bad), client.query(reader, bad)
    assert first.status_code == 400
    assert first.content == second.content


# --- what is taken away ----------------------------------------------------------------------------------------------


@pytest.fixture
def erasing(filled, tmp_path):
    def make(**fields):
        node = NodeSettings(erasure_register=str(tmp_path / "register"), jurisdiction="eu")
        return filled(
            Settings(node=node, cache=CacheSettings(**fields)), "read", "persons", "admin"
        )

    return make


def erase(client, key, account="a1"):
    body = {"learners": [{"issuer": "", "account": account}]}
    return client("POST", "/v1/erasures", key, json=body)


def test_after_an_erasure_nothing_from_before_is_told_also_where_stale_answers_are(erasing):
    client, reader = erasing(stale_seconds=3_600.0, stale_on_error_seconds=3_600.0)
    assert client.query(reader, RETENTION).json()["answer"]["source"]["learners"] == 5
    answer = erase(client, reader)
    assert answer.status_code in (200, 201, 202), answer.text
    after = client.query(reader, RETENTION)
    assert after.json()["answer"]["source"]["learners"] == 4
    assert tier(after) == "engine; current"


@needs_redis
def test_an_erasure_removes_what_is_kept_in_all_tiers_and_its_certificate_says_so(erasing):
    with redis_server() as redis:
        client, reader = erasing(redis_url=redis.url, redis_ms_max=500)
        client.query(reader, RETENTION)
        settle(client)
        assert len(redis.names()) == 1
        erase(client, reader)
        client.run(client.node.erasures.settled())
        assert redis.names() == []
        assert len(client.cache.lookup.resident) == 0
        (certificate,) = client.node.erasures.certificates("main")
        (line,) = (one for one in certificate.lines if one.place == "caches")
        assert line.done_ms is not None


@needs_redis
def test_a_certificate_stays_open_while_the_redis_cannot_be_reached(erasing):
    with redis_server() as redis:
        client, reader = erasing(redis_url=redis.url)
        client.query(reader, RETENTION)
        redis.kill()
        erase(client, reader)
        client.run(client.node.erasures.settled())
        (certificate,) = client.node.erasures.certificates("main")
        (line,) = (one for one in certificate.lines if one.place == "caches")
        assert line.done_ms is None
        assert "Redis" in line.note


# --- the region ------------------------------------------------------------------------------------------------------


def settle(client):
    """Have all that is on its way to other tiers done."""

    async def done():
        while client.cache._tasks:
            await asyncio.gather(*client.cache._tasks)

    client.run(done())


@needs_redis
def test_what_lies_in_redis_is_used_after_the_process_has_forgotten(filled):
    with redis_server() as redis:
        client, reader = filled(cached(redis_url=redis.url, redis_ms_max=500))
        first = client.query(reader, RETENTION)
        settle(client)
        client.cache.lookup.resident.clear()
        second = client.query(reader, RETENTION)
        assert tier(second) == "region; current"
        assert second.content == first.content
        client.send(event(50))
        assert tier(client.query(reader, RETENTION)) == "engine; current"


@needs_redis
@pytest.mark.parametrize(
    "fault",
    [
        "hung",
        pytest.param("killed", marks=pytest.mark.slow),
        pytest.param("flushed", marks=pytest.mark.slow),
        pytest.param("poisoned", marks=pytest.mark.slow),
    ],
)
def test_whatever_becomes_of_redis_answers_are_right_and_come_soon(filled, fault):
    with redis_server() as redis:
        client, reader = filled(cached(redis_url=redis.url))
        wanted = client.query(reader, RETENTION).content
        settle(client)
        if fault == "killed":
            redis.kill()
        elif fault == "hung":
            redis.signal(signal.SIGSTOP)
        elif fault == "flushed":
            redis.client.flushall()
        else:
            for name in redis.names():
                redis.client.set(name, b"\x00" * 100)
        spent_s = []
        for _ in range(20):
            client.cache.lookup.resident.clear()
            began_s = time.monotonic()
            answer = client.query(reader, RETENTION)
            spent_s.append(time.monotonic() - began_s)
            assert answer.content == wanted
        if fault == "hung":
            redis.signal(signal.SIGCONT)
        assert sorted(spent_s)[len(spent_s) // 2] < 0.2
        assert client("GET", "/health/ready").status_code == 200


@needs_redis
def test_a_new_node_begins_with_what_others_are_asked_for(filled):
    with redis_server() as redis:
        client, reader = filled(cached(redis_url=redis.url, redis_ms_max=500))
        client.query(reader, RETENTION)
        client.query(reader, RETENTION)
        settle(client)
        client.run(client.cache.tell_hot())
        held = list(client.cache.lookup.resident.keys())
        client.cache.lookup.resident.clear()
        client.run(client.cache.warm())
        assert list(client.cache.lookup.resident.keys()) == held
        assert tier(client.query(reader, RETENTION)) == "process; current"


# --- a herd ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_herd_on_one_question_costs_one_computation(filled):
    """The short one is that of the lookup alone: `tests/traffic/caching/test_lookup.py`."""
    client, _ = filled()
    reader = client.key("read", name="many")
    before = computed(client)
    asking = client.interface.remembering.ask
    seen = []

    async def noted(one):
        seen.append(one)
        return await asking(one)

    async def herd():
        first = await client.asked("POST", "/v1/query", reader, json=RETENTION)
        client.cache.lookup.resident.clear()
        began = sum(client.cache.counts.values())
        told = await asyncio.gather(*(asking(seen[0]) for _ in range(10_000)))
        assert sum(client.cache.counts.values()) == began + 10_000
        return first, told

    calls = []
    compute = client.node.computed

    async def counted(*args):
        calls.append(args)
        return await compute(*args)

    object.__setattr__(client.interface.remembering, "ask", noted)
    client.node.computed = counted
    first, told = client.run(herd())
    assert len(calls) == 2  # the first one, and one for the ten thousand
    assert {json.loads(one.told)["source"]["learners"] for one in told} == {5}
    assert first.status_code == 200
    assert before == 0


def test_metrics_and_status_tell_of_each_tier_and_kind(filled):
    client, reader = filled()
    for _ in range(3):
        client.query(reader, RETENTION)
    page = client("GET", "/metrics").text
    line = 'homeroom_cache_answers_total{kind="retention",standing="current",tier="process"} 2.0'
    assert line in page
    assert "homeroom_cache_entries 1.0" in page
    status = client("GET", "/v1/status", client.key("admin", name="boss")).json()
    assert status["cache"]["told"] == {"engine current": 1, "process current": 2}
    assert "cache" not in client("GET", "/v1/status", reader).json()


def test_no_cache_is_kept_where_settings_want_none(filled):
    client, reader = filled(cached(megabytes=0))
    assert client.cache is None
    assert tier(client.query(reader, RETENTION)) is None


def test_a_log_of_keys_is_written_where_one_is_wanted_and_the_advisor_reads_it(filled, tmp_path):
    log = tmp_path / "keys.log"
    client, reader = filled(cached(key_log=str(log), key_log_share=1.0))
    for _ in range(3):
        client.query(reader, RETENTION)
    client.send(event(9))
    client.query(reader, RETENTION)
    client.run(client.cache.stop())
    requests = read_key_log(log.read_text().splitlines(), "log").requests
    assert len(requests) == 4
    assert len({key for key, _ in requests}) == 2


@needs_redis
def test_an_answer_that_takes_long_comes_from_another_region_and_who_is_who_does_not(filled):
    """Two Redis servers: that of the region, and that of another one."""
    with redis_server() as near, redis_server() as far:
        fields = {"redis_url": near.url, "redis_world_url": far.url, "redis_ms_max": 500}
        client, reader = filled(cached(**fields))
        client.cache.lookup._costs["retention"] = 10_000.0  # as if the engine had been that slow
        people = client.key("read", "persons", name="people")
        own = {**RETENTION, "cohort": {"did": "any"}}
        for key, question in ((people, RETENTION), (reader, own), (reader, RETENTION)):
            assert tier(client.query(key, question)) == "engine; current"
            settle(client)
            client.cache.lookup._costs["retention"] = 10_000.0
        assert (len(near.names()), len(far.names())) == (3, 1)
        near.client.flushall()
        client.cache.lookup.resident.clear()
        assert tier(client.query(reader, RETENTION)) == "world; current"
        assert tier(client.query(people, RETENTION)) == "engine; current"


def test_an_engine_that_raises_whatever_is_told_and_holds_nobody_up(filled):
    client, reader = filled()
    computed = client.node.computed

    async def broken(*args):
        raise ZeroDivisionError

    client.node.computed = broken
    assert client.query(reader, RETENTION).status_code == 500
    client.node.computed = computed
    assert client.query(reader, RETENTION).status_code == 200
    assert not client.cache._asking


def test_an_engine_that_fails_is_stood_in_for_where_settings_let_it(filled):
    client, reader = filled(cached(stale_on_error_seconds=60.0))
    first = client.query(reader, RETENTION).json()
    client.send(event(9))

    async def broken(*args):
        raise TimeoutError

    client.node.computed = broken
    answer = client.query(reader, RETENTION)
    assert answer.json()["stale"] is True
    assert answer.json()["answer"] == first["answer"]
    client.now_ms += 60_000
    assert client.query(reader, RETENTION).status_code == 503

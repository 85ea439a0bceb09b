"""Ten thousand clients before a region that dies and comes back: they move, and do not keep the others down later."""

import random

import pytest

from homeroom import limits
from homeroom.client.measures import Kind
from tests.client.storms import Moody, Server, Storm

EVERY_MS = 10_000
DIES_S, BACK_S = 20, 50


def stormed(clients, share, until_s, sheds_at_ms=float("inf"), **how):
    """Have clients ask every ten seconds; each of two endpoints can take so large a share of that, and one dies."""
    per_second = share * clients * 1_000 / EVERY_MS
    dead = {"a": (DIES_S * 1_000, BACK_S * 1_000), "b": (0, 0)}
    servers = {url: Server(per_second, when, sheds_at_ms) for url, when in dead.items()}
    storm = Storm(servers, clients, EVERY_MS, **how)
    storm.run(until_s * 1_000)
    return storm


def came(storm, first_s, last_s):
    """Return how many attempts reached an endpoint, for each request that was begun then."""
    seconds = range(first_s, last_s)
    reached = sum(server.came[s] for server in storm.servers.values() for s in seconds)
    return reached / sum(storm.begun[s] for s in seconds)


def retries_are_within_the_budget(storm, clients):
    earned = clients * limits.RETRY_RESERVE + storm.requests * limits.RETRIES_PER_REQUEST
    # A move on credit is made once by each request that was at the dead endpoint or tried whether it is back.
    on_credit = clients * (2 + (BACK_S - DIES_S) * 1_000 / limits.CIRCUIT_MS_MAX)
    assert storm.attempts - storm.requests <= earned + on_credit


@pytest.mark.parametrize("kind", Kind)
def test_where_the_others_can_carry_it_nobody_notices_that_a_region_dies(kind):
    storm = stormed(400, 1.2, 90, kind=kind)
    assert not storm.bad
    assert sorted(storm.took_ms)[int(0.999 * len(storm.took_ms))] < 1_000
    assert came(storm, 0, 80) < 1.02
    retries_are_within_the_budget(storm, 400)


def well_again_within_ten_seconds(clients):
    # Half a second of waiting is what a node lets build up before it sheds.
    storm = stormed(clients, 0.65, 90, 500)
    assert storm.share_good(0, DIES_S) == 1
    assert storm.share_good(BACK_S + 10, 75) > 0.99
    assert came(storm, BACK_S + 10, 80) < 1.15
    retries_are_within_the_budget(storm, clients)


def test_overload_that_a_dead_region_brings_ends_when_it_is_back():
    well_again_within_ten_seconds(400)


@pytest.mark.slow
def test_overload_of_ten_thousand_clients_ends_when_the_region_is_back():
    well_again_within_ten_seconds(10_000)


@pytest.mark.slow
def test_endpoints_that_shed_nothing_are_let_catch_up_and_naive_clients_would_never_let_them():
    clients = 200
    naive = stormed(clients, 0.65, 300, is_naive=True)
    assert naive.share_good(200, 260) < 0.01, "the outage outlives its cause"
    ours = stormed(clients, 0.65, 660)
    assert came(ours, 500, 650) < 1.1
    assert ours.share_good(500, 620) > 0.99


MINUTE_MS = 60_000


def moody(seed):
    """Return endpoints with random spells, of which at each moment two are well."""
    rng = random.Random(seed)
    spells = {url: [] for url in "abc"}
    for number in range(6):
        first = 20_000 * number
        mood = rng.choice(("dead", "hung", "slow", "sheds"))
        spells[rng.choice("abc")].append((first, first + rng.randrange(5_000, 20_000), mood))
    return {url: Moody(some) for url, some in spells.items()}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("seed", range(8))
def test_whatever_befalls_one_endpoint_after_the_other_no_request_fails(seed, kind):
    clients = 12
    storm = Storm(moody(seed), clients, 2_000, seed=seed, kind=kind, time_ms_max=60_000)
    storm.run(4 * MINUTE_MS)
    assert not storm.bad
    assert max(storm.took_ms) < 60_000, "the time that a request has"
    # Nobody is left behind: after the last spell all is as before.
    assert storm.share_good(130, 175) == 1
    retries = clients * limits.RETRY_RESERVE + storm.requests * limits.RETRIES_PER_REQUEST
    hedges = clients * limits.HEDGE_RESERVE + storm.requests * limits.HEDGES_PER_READ
    assert storm.attempts - storm.requests <= retries + hedges + clients * limits.RETRY_DEBT_MAX


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "lost_max"), [(Kind.READ, 0), (Kind.WRITE, 7)])
def test_hardly_a_request_of_seldom_clients_runs_out_of_its_minute(kind, lost_max):
    lost = requests = 0
    for seed in range(40, 80):
        storm = Storm(moody(seed), 12, 2_000, seed=seed, kind=kind, time_ms_max=60_000)
        storm.run(4 * MINUTE_MS)
        lost += sum(storm.bad.values())
        requests += storm.requests
    assert requests > 57_000
    assert lost <= lost_max, "as decision 0033 says"

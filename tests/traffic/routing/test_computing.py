"""Where requests go as nodes fall, return, are busy, and are ordered away."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeroom import limits
from homeroom.traffic.detection.health import Readiness, Verdict
from homeroom.traffic.routing.computing import compute
from homeroom.traffic.routing.orders import About, Do
from tests.traffic.routing.scenes import GONE, SUSPECTED, WELL, Scene

HOLD_MS = limits.ROUTE_HOLD_MS


def test_a_world_that_is_well_serves_everywhere():
    scene = Scene()
    assert {scene.state(name) for name in scene.places} == {("serving", 1.0)}
    assert scene.routes.why == {}


def test_nothing_changes_while_nothing_happens():
    scene = Scene()
    before = scene.routes.regions
    assert scene.go(3_600_000, step_ms=60_000).regions == before


def test_a_region_that_is_suspected_loses_its_clients_at_once_and_is_not_taken_out():
    scene = Scene().set("east", **SUSPECTED)
    scene.go()
    assert scene.state("east") == ("suspected", 0.0)


def test_a_region_that_is_confirmed_to_be_gone_is_taken_out():
    scene = Scene().set("east", **GONE)
    scene.go()
    assert scene.state("east") == ("evacuated", 0.0)


def test_a_region_of_which_one_node_is_gone_serves_with_the_other():
    scene = Scene().set("east-1", **GONE)
    scene.go()
    assert scene.state("east") == ("serving", 1.0)
    assert scene.weights("east") == {"east-1": 0.0, "east-2": 1.0}


def test_a_node_that_says_that_it_does_not_serve_gets_nothing():
    scene = Scene().set("east-1", readiness=Readiness.NOT_READY)
    scene.go()
    assert scene.weights("east") == {"east-1": 0.0, "east-2": 1.0}


def test_after_a_first_short_fall_a_region_is_whole_again_once_the_hold_is_over():
    scene = Scene().set("east", **SUSPECTED)
    scene.go(1_000)
    scene.set("east", **WELL).go(HOLD_MS - 500)
    assert scene.state("east") == ("suspected", 0.0)
    scene.go(1_000)
    assert scene.state("east") == ("serving", 1.0)


def test_a_region_that_was_taken_out_returns_by_degrees():
    scene = Scene().set("east", **GONE)
    scene.go(1_000)
    scene.set("east", **WELL).go(HOLD_MS)
    assert scene.state("east") == ("returning", limits.ROUTE_RETURN_SHARE)


def fall(scene, name="east", step_ms=500):
    """Let a region fall and be well again at once; return how long it was away after that."""
    scene.set(name, **SUSPECTED).go(500)
    scene.set(name, **WELL).go()
    began_ms = scene.now_ms
    while scene.state(name)[1] == 0:
        scene.go(step_ms, step_ms)
    return scene.now_ms - began_ms


def test_the_hold_doubles_with_each_fall_and_is_forgotten_after_a_calm_while():
    scene = Scene()
    assert [fall(scene) for _ in range(3)] == [HOLD_MS, 2 * HOLD_MS, 4 * HOLD_MS]
    for _ in range(8):
        away_ms = fall(scene, step_ms=10_000)
    assert away_ms == limits.ROUTE_HOLD_MS_MAX
    scene.go(60_000)
    scene.now_ms += limits.ROUTE_FORGET_MS
    assert fall(scene) == HOLD_MS


def test_a_region_that_fell_again_returns_by_degrees():
    scene = Scene()
    fall(scene)
    fall(scene)
    shares = [scene.state("east")]
    while shares[-1][1] < 1:
        scene.go(limits.ROUTE_RETURN_STEP_MS)
        shares.append(scene.state("east"))
    assert [share for _, share in shares] == [round(n / 10, 1) for n in range(1, 11)]
    assert shares[0][0] == "returning"
    assert shares[-1][0] == "serving"


def test_a_region_that_returns_gets_no_more_while_it_is_busy():
    scene = Scene()
    fall(scene)
    fall(scene)
    scene.set("east", load=0.95).go(60_000)
    assert scene.state("east")[1] <= limits.ROUTE_RETURN_SHARE


def test_a_region_that_was_drained_keeps_nothing_and_returns_by_degrees_without_a_hold():
    scene = Scene().order(About.REGION, "east", Do.DRAIN)
    scene.go()
    assert scene.state("east") == ("draining", 0.0)
    assert scene.routes.drained == {"east-1", "east-2"}
    scene.order(About.REGION, "east", Do.SERVE).go()
    assert scene.state("east") == ("returning", limits.ROUTE_RETURN_SHARE)
    assert scene.routes.drained == frozenset()


def test_an_order_to_return_ends_a_hold():
    scene = Scene()
    for _ in range(5):
        fall(scene)
    scene.set("east", **SUSPECTED).go(500)
    scene.set("east", **WELL).go(500)
    assert scene.state("east")[1] == 0
    scene.order(About.REGION, "east", Do.RETURN).go()
    assert scene.state("east") == ("returning", limits.ROUTE_RETURN_SHARE)


def test_a_node_is_drained_while_others_of_its_region_serve():
    scene = Scene().order(About.NODE, "east-1", Do.DRAIN)
    scene.go()
    assert scene.state("east") == ("serving", 1.0)
    assert scene.weights("east") == {"east-1": 0.0, "east-2": 1.0}
    assert scene.routes.drained == {"east-1"}


def test_draining_all_nodes_of_a_region_drains_it():
    scene = Scene().order(About.NODE, "east-1", Do.DRAIN).order(About.NODE, "east-2", Do.DRAIN)
    scene.go()
    assert scene.state("east") == ("draining", 0.0)


def test_the_last_region_that_serves_is_not_drained():
    scene = Scene("east", "west")
    scene.order(About.REGION, "east", Do.EVACUATE).order(About.REGION, "west", Do.EVACUATE).go()
    assert scene.state("east") == ("evacuated", 0.0)
    assert scene.state("west") == ("serving", 1.0)
    assert scene.routes.drained == {"east-1", "east-2"}


def test_what_was_drained_serves_again_where_nothing_else_is_left():
    scene = Scene("east", "west").order(About.REGION, "east", Do.DRAIN)
    scene.go()
    scene.set("west", **GONE).go()
    assert scene.state("east") == ("serving", 1.0)
    assert scene.routes.drained == frozenset()
    assert "nothing else serves" in scene.routes.why[About.REGION, "east"]


def test_who_believes_all_to_be_dead_serves_them_all():
    scene = Scene().set("east", "west", "europe", "asia", **SUSPECTED)
    scene.go()
    assert {scene.state(name) for name in scene.places} == {("serving", 1.0)}
    assert all(set(scene.weights(name).values()) == {1.0} for name in scene.places)


def test_a_region_is_drained_only_as_far_as_the_others_have_room():
    scene = Scene("east", "west").set("east", "west", load=0.7)
    scene.order(About.REGION, "east", Do.DRAIN).go()
    state, share = scene.state("east")
    assert state == "serving"
    assert 0.75 <= share < 0.85  # 0.3 of its 1.4 busy nodes have room
    assert scene.routes.drained == frozenset()


def test_a_region_is_drained_further_as_room_comes():
    scene = Scene("east", "west").set("east", "west", load=0.7)
    scene.order(About.REGION, "east", Do.DRAIN).go()
    scene.set("east", load=0.2).set("west", load=0.3).go(limits.ROUTE_SETTLE_MS + 5_000)
    assert scene.state("east") == ("draining", 0.0)


def test_more_is_not_taken_out_than_the_others_can_carry():
    scene = Scene().set("east", "west", "europe", "asia", load=0.6)
    scene.set("east", "west", **GONE).go()
    assert [scene.state(one)[0] for one in ("east", "west")] == ["suspected", "suspected"]
    assert any("cannot carry" in one for one in scene.routes.why[About.REGION, "east"])


def test_a_region_that_is_too_busy_sends_some_clients_on_before_it_must_turn_them_away():
    scene = Scene().set("east", load=0.95)
    scene.go()
    state, share = scene.state("east")
    assert state == "serving"
    assert limits.ROUTE_GOOD_LOAD <= share < 0.85
    scene.set("east", load=0.5).go(60_000)
    assert scene.state("east") == ("serving", 1.0)


def test_where_all_are_busy_nobody_sends_clients_on():
    scene = Scene().set("east", "west", "europe", "asia", load=1.2)
    scene.go(60_000)
    assert {scene.state(name) for name in scene.places} == {("serving", 1.0)}


def test_a_busy_node_gets_less_than_the_others_of_its_region():
    scene = Scene().set("east-1", load=0.75)
    scene.go(limits.ROUTE_SHIFT_MS)
    assert scene.weights("east") == {"east-1": 0.5, "east-2": 1.0}


def test_a_node_that_joins_is_let_in_when_it_has_been_heard():
    scene = Scene()
    whole = dict(scene.places)
    scene.without("east-2")
    del scene.health["east-2"]
    scene.go()
    scene.places = whole
    scene.go()
    assert scene.weights("east")["east-2"] == 0.0
    scene.health["east-2"] = scene.health["east-1"]
    scene.go()
    assert scene.weights("east")["east-2"] == 1.0


def test_a_world_without_addresses_has_no_routes():
    scene = Scene("east", nodes=0)
    assert scene.routes.regions == ()


# --- whatever happens ------------------------------------------------------------------------------------------------

happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("health"),
            st.sampled_from(["east", "west", "europe", "asia", "east-1", "west-2"]),
            st.fixed_dictionaries(
                {},
                optional={
                    "verdict": st.sampled_from(Verdict),
                    "load": st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.5]),
                    "readiness": st.sampled_from(Readiness),
                },
            ),
        ),
        st.tuples(
            st.just("order"),
            st.sampled_from(
                [
                    (About.REGION, "east"),
                    (About.REGION, "west"),
                    (About.REGION, "europe"),
                    (About.REGION, "asia"),
                    (About.NODE, "east-1"),
                    (About.NODE, "east-2"),
                ]
            ),
            st.sampled_from(Do),
        ),
        st.tuples(st.just("time"), st.sampled_from([500, 5_000, 30_000]), st.none()),
    ),
    max_size=25,
)


def happen(scene, what):
    kind, which, how = what
    if kind == "health":
        scene.set(which, **how)
    elif kind == "order":
        scene.order(*which, how)
    else:
        scene.now_ms += which


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(happenings)
def test_whatever_happens_there_is_somewhere_to_go(story):
    scene = Scene()
    for what in story:
        happen(scene, what)
        before = scene.memory
        scene.go()
        again = compute((scene.places, scene.health), scene.orders, before, scene.now_ms)
        assert again == scene.routes, "the same input gives the same routes"
        check(scene)


def check(scene):
    """Check what must hold of any routes."""
    regions = scene.routes.regions
    assert {one.name for one in regions} == set(scene.places)
    going = [one for one in regions if one.weight > 0]
    assert going, "never empty"
    assert all(0 <= one.weight <= 1 for one in regions)
    assert all(any(node.weight > 0 for node in one.nodes) for one in going)
    serving = {one.name for one in regions if one.state in ("serving", "returning")}
    assert {one.name for one in going} == serving
    well = {name for name, one in scene.health.items() if one.verdict is Verdict.FINE}
    for one in regions:
        nodes = {node.name for node in one.nodes}
        if one.state == "evacuated" and nodes & well:
            order = scene.orders.of(About.REGION, one.name)
            assert order is not None, "taken out though it is well, and nobody ordered so"
            assert order.leaves
    assert not scene.routes.drained & {node.name for one in _only(regions) for node in one.nodes}


def _only(regions):
    """Return the region that serves, if it is the only one."""
    serving = [one for one in regions if one.weight > 0]
    return serving if len(serving) == 1 and len(serving[0].nodes) == 1 else []


@pytest.mark.parametrize("verdict", [Verdict.SUSPECTED, Verdict.CONFIRMED])
def test_drained_regions_that_fall_are_still_called_drained(verdict):
    scene = Scene().order(About.REGION, "east", Do.DRAIN)
    scene.go()
    scene.set("east", verdict=verdict).go()
    assert scene.state("east") == ("draining", 0.0)


def test_a_first_fall_is_no_more_than_that_it_was_away():
    # Whoever has just started may never have seen it otherwise.
    scene = Scene().set("east", **SUSPECTED)
    scene.go(1_000)
    scene.set("east", **WELL).go(1_000)
    why = scene.routes.why[About.REGION, "east"]
    assert why == ("well for 1 s, and held for 2 s more: it was away",)
    scene.go(60_000)
    fall(scene)
    scene.set("east", **SUSPECTED).go(500)
    scene.set("east", **WELL).go(500)
    assert "it fell 3 times in a row" in scene.routes.why[About.REGION, "east"][0]

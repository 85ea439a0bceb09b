"""Why a client goes where it goes, and what an order would move."""

from homeroom.client.routes import RouteState
from homeroom.traffic.routing.computing import compute
from homeroom.traffic.routing.explaining import explained, rehearsed
from homeroom.traffic.routing.orders import About, Do
from tests.traffic.routing.scenes import GONE, SUSPECTED, Scene

NEW_YORK = (40.7, -74.0)


def stops(scene, place=NEW_YORK, open_to=None):
    found = explained(scene.routes, place, open_to)
    return [(one.region, one.share) for one in found.stops]


def test_a_client_goes_to_the_nearest_region():
    scene = Scene()
    assert stops(scene)[0] == ("east", 1.0)
    assert [name for name, _ in stops(scene)] == ["east", "west", "europe", "asia"]
    assert stops(scene, (48.9, 2.4))[0] == ("europe", 1.0)


def test_a_client_of_a_suspected_region_goes_to_the_next_and_hears_why():
    scene = Scene().set("east", **SUSPECTED)
    scene.go()
    assert stops(scene)[0] == ("west", 1.0)
    last = explained(scene.routes, NEW_YORK).stops[-1]
    assert (last.region, last.state) == ("east", RouteState.SUSPECTED)
    assert "east-1: silent for 1.2 s" in last.why


def test_clients_of_a_busy_region_are_divided():
    scene = Scene().set("east", load=0.95)
    scene.go()
    (_, here), (_, there), *_ = stops(scene)
    assert here + there == 1
    assert there > 0


def test_a_client_of_a_pinned_tenant_goes_only_to_its_jurisdiction():
    scene = Scene()
    found = explained(scene.routes, NEW_YORK, {"europe"})
    assert [one.region for one in found.stops] == ["europe"]
    assert found.barred == ("asia", "east", "west")
    scene.set("europe", **GONE).go()
    assert stops(scene, open_to={"europe"}) == [("europe", 1.0)]


def rehearse(scene, name, do=Do.EVACUATE):
    orders = scene.orders.given(About.REGION, name, do)
    then = compute((scene.places, scene.health), orders, scene.memory, scene.now_ms)
    return rehearsed(scene.places, scene.health, scene.routes, then)


def test_a_rehearsal_says_what_moves_where():
    scene = Scene().set("east", load=0.4)
    scene.go()
    found = rehearse(scene, "east")
    assert found.is_carried
    moved = {one.region: (one.load_before, one.load_then) for one in found.moved}
    assert moved["east"] == (0.8, 0.0)
    assert moved["west"] == (0.0, 0.8)


def test_a_rehearsal_says_that_the_rest_cannot_carry_it():
    scene = Scene("east", "west").set("east", "west", load=0.7)
    scene.go()
    found = rehearse(scene, "east")
    assert not found.is_carried
    assert any("room for" in one for one in found.why)


def test_a_rehearsal_names_jurisdictions_that_would_have_no_region():
    assert rehearse(Scene(), "europe").alone == ("eu",)

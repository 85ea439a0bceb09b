"""Running nodes judge each other and say where requests go."""

import asyncio

import httpx
import pytest

from homeroom import limits
from homeroom.cli.route_text import rehearsal_lines
from homeroom.errors import ControlError
from homeroom.regions.fabric import Box
from homeroom.running.route_requests import OrderAsked, RoutesAsked, Undoes
from homeroom.traffic.detection.heartbeats import Heartbeat, write_heartbeat
from homeroom.traffic.detection.steps import HeartbeatCame, Tick
from homeroom.traffic.routing.orders import About, Do
from tests.running.traffic_worlds import TrafficWorld


def run(story):
    asyncio.run(asyncio.wait_for(story, 60))


def serving(world, *regions):
    """Say whether regions serve, as all nodes have it; all regions if none is named."""
    return all(
        {world.states(name).get(one) for one in regions or world.names} == {"serving"}
        for name in world.traffic
    )


@pytest.mark.slow
def test_a_region_that_dies_is_suspected_then_taken_out_and_returns_by_degrees(
    tmp_path, monkeypatch
):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b", "c") as world:
            await world.routes(lambda: serving(world), "all serve")
            seen, shares, generations = ["serving"], [], []

            def note(until):
                table = world.table("a")
                (region,) = [one for one in table.regions if one.name == "c"]
                generations.append(table.generation)
                if seen[-1] != region.state:
                    seen.append(str(region.state))
                if region.state == "returning":
                    shares.append(region.weight)
                return region.state == until

            await world.silence("c")
            await world.stop("c")
            await world.routes(lambda: note("evacuated"), "c is taken out")
            await world.routes(lambda: world.states("b")["c"] == "evacuated", "b says so too")
            await world.start("c")
            await world.serve("c")
            await world.routes(lambda: note("serving"), "c serves again")
            assert seen == [
                "serving",
                "suspected",
                "evacuated",
                "suspected",
                "returning",
                "serving",
            ]
            assert sorted(set(shares)) == [round(n / 10, 1) for n in range(1, 10)]
            assert shares == sorted(shares)
            assert generations == sorted(generations)

    run(story())


def test_a_node_is_drained_from_anywhere_and_what_comes_to_it_is_served(tmp_path, monkeypatch):
    async def story():
        async with (
            TrafficWorld(tmp_path, monkeypatch, "a", "b") as world,
            httpx.AsyncClient() as http,
        ):
            key = await world.allow()
            await world.routes(lambda: serving(world), "all serve")
            ordering = world.traffic["a"].ordering
            drain = OrderAsked(about=About.REGION, name="b", do=Do.DRAIN)
            tried = ordering.asked(
                OrderAsked(about=About.REGION, name="b", do=Do.DRAIN, is_rehearsal=True)
            )
            assert (tried.orders, tried.rehearsal.alone) == ((), ())
            assert serving(world)
            ordering.asked(drain)
            await world.routes(lambda: world.traffic["b"].is_draining, "b is drained")
            assert world.states("a")["b"] == "draining"
            ready = await http.get(f"{world.url('b')}/health/ready")
            assert ready.status_code == 503
            assert ready.json() == {"ready": False, "troubles": [], "draining": True}
            said = await http.post(
                f"{world.url('b')}/v1/query",
                json={"question": "active"},
                headers={"authorization": f"Bearer {key}"},
            )
            assert said.status_code == 200
            # That it says so is no reason to suspect it, however often it is asked.
            asked = world.traffic["a"].detector.statistics().get("probes: answer", 0)
            await world.routes(
                lambda: (
                    world.traffic["a"].detector.statistics().get("probes: answer", 0) > asked + 3
                ),
                "asked",
            )
            assert world.traffic["a"].status().nodes["b"].verdict == "fine"
            world.traffic["b"].ordering.asked(OrderAsked(about=About.REGION, name="b", do=Do.SERVE))
            await world.routes(lambda: serving(world), "b serves again")
            assert not world.traffic["b"].is_draining
            assert (await http.get(f"{world.url('b')}/health/ready")).status_code == 200
            routes = await http.get(f"{world.url('b')}/v1/routes")
            assert routes.content == world.traffic["b"].document()
            metrics = (
                await http.get(
                    f"{world.url('b')}/metrics", headers={"authorization": f"Bearer {key}"}
                )
            ).text
            assert 'homeroom_traffic_share{region="b"} 1.0' in metrics
            status = await http.get(
                f"{world.url('a')}/v1/status", headers={"authorization": f"Bearer {key}"}
            )
            assert status.json()["world"]["traffic"]["regions"]["b"]["state"] == "serving"

    run(story())


def test_operators_hear_what_is_not_there_and_why_clients_go_where_they_go(tmp_path, monkeypatch):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b") as world:
            await world.routes(lambda: serving(world), "all serve")
            ordering = world.traffic["a"].ordering
            with pytest.raises(
                ControlError,
                match=r"no region or node 'atlantis'; there are regions: a, b; nodes: a, b",
            ):
                ordering.asked(OrderAsked(about=None, name="atlantis", do=Do.DRAIN))
            with pytest.raises(
                ControlError, match=r"no region 'atlantis'; there are regions: a, b$"
            ):
                ordering.asked(OrderAsked(about=About.REGION, name="atlantis", do=Do.EVACUATE))
            with pytest.raises(ControlError, match="a region and a node"):
                ordering.asked(OrderAsked(about=None, name="b", do=Do.DRAIN))
            with pytest.raises(ControlError, match="no region"):
                ordering.asked(RoutesAsked(region="atlantis"))
            with pytest.raises(ControlError, match="no tenant"):
                ordering.asked(RoutesAsked(tenant="nobody"))
            told = ordering.asked(RoutesAsked(region="b", tenant="main"))
            assert [one.region for one in told.explanation.stops] == ["b", "a"]
            # What comes from nobody, or is none, changes nothing and is told.
            box = world.boxes["a"]
            assert isinstance(box, Box)
            box.bring("stranger", write_heartbeat(Heartbeat("x", 1, 1, generation=1 << 40)))
            box.bring("b", write_heartbeat(Heartbeat("x", 1, 1))[:-1])
            await world.routes(lambda: world.traffic["a"].status().refused >= 2, "both are refused")
            # A table may be made meanwhile for other reasons; the number that a stranger said is in none.
            assert world.traffic["a"].status().generation < 1 << 40
            assert any("refused" in one.text for one in world.traffic["a"].troubles())
            assert world.nodes["a"].belonging.alarms.all() == []
            # What has come is heard before anybody is judged, also if it was not said that it has come.
            traffic = world.traffic["a"]
            traffic._at.fabric.beating = None
            before = traffic.detector.statistics()["heard"]
            await world.routes(
                lambda: traffic.detector.statistics()["heard"] >= before + 3, "b is heard"
            )

    run(story())


def test_what_fails_in_hearing_is_told_though_ticks_go_on_and_others_are_heard(
    tmp_path, monkeypatch
):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b", "c") as world:
            await world.routes(lambda: serving(world), "all serve")
            a, failed, ticks, heard = world.traffic["a"], [], [], []
            a._at.fabric.beating = None  # it hears within its ticks alone
            step = a.detector.step

            def faulty(event, now_ms):
                if isinstance(event, HeartbeatCame) and event.sender == "b" and not failed:
                    failed.append(event)
                    raise ValueError("what it says is not told")
                if failed:
                    ticks.extend([event] * isinstance(event, Tick))
                    heard.extend([event] * isinstance(event, HeartbeatCame))
                return step(event, now_ms)

            monkeypatch.setattr(a.detector, "step", faulty)
            await world.routes(lambda: len(ticks) >= 3, "it goes on")
            (told,) = (one.text for one in a.troubles() if "a fault of homeroom" in one.text)
            assert "ValueError" in told
            assert "what it says" not in told
            await world.routes(lambda: {one.sender for one in heard} == {"b", "c"}, "all are heard")
            monkeypatch.setattr(limits, "ROUTES_REFUSED_TOLD_MS", 0)
            assert a.troubles() == ()

    run(story())


def test_a_table_that_is_too_long_is_told_and_tried_until_it_goes(tmp_path, monkeypatch):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b") as world:
            await world.routes(lambda: serving(world), "all serve")
            a = world.traffic["a"]

            def is_told():
                return any("the routing table has" in one.text for one in a.troubles())

            before, told = a.document(), a.status()
            with monkeypatch.context() as bounds:
                bounds.setattr(limits, "ROUTES_BYTES_MAX", 100)
                a.ordering.asked(OrderAsked(about=About.REGION, name="b", do=Do.DRAIN))
                tried = a.router.routes
                await world.routes(is_told, "it is told")
                await world.routes(lambda: a.router.routes is not tried and is_told(), "again")
                assert (a.document(), a.status().generation) == (before, told.generation)
                assert a.status().tables == told.tables
            await world.routes(lambda: world.states("a")["b"] == "draining", "it goes")
            assert not is_told()

    run(story())


def test_a_node_that_starts_again_has_its_table_and_orders_at_once(tmp_path, monkeypatch):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b") as world:
            await world.routes(lambda: serving(world), "all serve")
            drain = OrderAsked(about=About.REGION, name="b", do=Do.DRAIN)
            world.traffic["a"].ordering.asked(drain)
            kept = world.traffic["a"].document()
            await world.silence("b")
            await world.silence("a")
            await world.serve("a")
            traffic = world.traffic["a"]
            assert traffic.document() == kept
            assert [one.do for one in traffic.router.orders] == [Do.DRAIN]
            await world.silence("a")
            (tmp_path / "a" / "routes.json").write_bytes(b"damaged")
            (tmp_path / "a" / "routes.orders").write_bytes(b"damaged")
            await world.serve("a")
            assert world.traffic["a"].document() == b""
            assert any("does not count" in one.text for one in world.traffic["a"].troubles())
            await world.routes(lambda: world.table("a") is not None, "there is a table again")

    run(story())


def test_what_nobody_ordered_away_is_told_apart_from_what_is_away_by_itself(tmp_path, monkeypatch):
    async def story():
        async with TrafficWorld(tmp_path, monkeypatch, "a", "b") as world:
            await world.routes(lambda: serving(world), "all serve")
            ordering = world.traffic["a"].ordering
            back = OrderAsked(about=About.REGION, name="b", do=Do.RETURN)
            assert ordering.asked(back).undoes is Undoes.NOTHING
            assert ordering.asked(back).orders == ()
            await world.silence("b")
            await world.stop("b")
            await world.routes(lambda: world.states("a")["b"] != "serving", "b is away")
            told = ordering.asked(back)
            assert told.undoes is Undoes.ABSENCE
            assert [one.do for one in told.orders] == [Do.RETURN]
            words = rehearsal_lines(told, back)
            assert words[0].startswith("Nothing was ordered of region b, and it is away by itself,")

    run(story())

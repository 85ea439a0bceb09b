"""Both forms of the client in a world of real nodes whose first region dies: nothing fails, is lost or counts twice."""

import itertools
import threading

import pytest

from homeroom.client import Sender, SenderOptions, Wanted
from homeroom.errors import UnavailableError
from tests.client.faulty import proxied
from tests.client.forms import FORMS
from tests.client.tables import PLACES, known, node, region, signed, table
from tests.client.test_client import event
from tests.client.worlds import ClientWorld

pytestmark = pytest.mark.slow  # three nodes in a process take seconds

COUNT = itertools.count()
NAMES = ("a", "b", "c")


def following(world, path=None):
    """Return options of a client that follows tables of this world."""
    return {"world": known("a", "b", "c", file=path), "ack": "remote"}


def published(world, *names, generation=1, by=None):
    """Have all regions hand out a table in which some of them stand."""
    regions = [
        region(place, node(name, world.proxies[name].url))
        for place, name in zip(PLACES, names, strict=False)
    ]
    made = table(*regions, publisher="b", generation=generation)
    for proxy in world.proxies.values():
        proxy.routes = signed(made, by)


def until_known(client, world, generation):
    """Make requests until a table has come."""
    for _ in range(200):
        client.status()
        client.clock.ms += 1_000
        world.proxies["a"].asked_for_routes.wait(1)
        if client.client.statistics()["generation"] == generation:
            return
    raise AssertionError(client.client.statistics())


@pytest.fixture
def world(tmp_path, monkeypatch):
    with ClientWorld(tmp_path, monkeypatch, *NAMES) as world:
        yield world


def events(count):
    return [event(account=f"learner {next(COUNT)}") for _ in range(count)]


def has_own_writes(client):
    """Ask, and say whether the answer holds what this client has written last."""
    found = client.query({"question": "active"})
    origin, _, number = client.token.rpartition("/")[0].rpartition("/")
    return found.vector.get(origin, 0) >= int(number)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_region_dies_between_requests_and_no_client_notices(world, form):
    client = form(world.urls, world.key.text, ack="remote")
    sent = 0
    for number in range(12):
        if number == 5:
            world.die("a")
        sent += client.send(events(3)).accepted
        assert has_own_writes(client)
    assert sent == 36
    client.close()
    world.heal("a")
    assert world.events() == sent


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_read_holds_what_was_written_before_the_move_or_is_not_answered(world, form):
    client = form(world.urls, world.key.text, ack="local", time_s_max=20)
    world.part("a")
    first = client.send(events(1)).token
    world.die("a")
    second = client.send(events(1)).token
    assert first.partition("/")[0] != second.partition("/")[0]
    with pytest.raises(UnavailableError):
        client.query({"question": "active"}, Wanted(wait_s=0.1))
    # The last token alone would not have kept the answer back: the node has that entry, and not the one before.
    origin, number, _ = first.rsplit("/", 2)
    client.client.token = second
    assert client.query({"question": "active"}).vector.get(origin, 0) < int(number)
    client.client.token = f"{first}, {second}"
    world.heal("a")
    assert world.events() == 2
    assert client.query({"question": "active"}).vector[origin] >= int(number)
    client.close()


def test_a_region_dies_under_senders_and_readers_and_every_event_counts_once(world):
    client = FORMS[0](world.urls, world.key.text, ack="remote").client
    halfway, failed, reads = threading.Event(), [], []

    def read():
        try:
            while not halfway.is_set() or len(reads) < 20:
                reads.append(client.query({"question": "active"}))
        except Exception as error:  # noqa: BLE001 - the test says what it was
            failed.append(error)

    reader = threading.Thread(target=read)
    told = []
    with Sender(client, told.append, SenderOptions(batch_events_max=5)) as sender:
        reader.start()
        for number in range(200):
            if number == 100:
                world.die("a")
                halfway.set()
            sender.add(event(account=f"sent {number}"))
    reader.join()
    assert not failed
    assert sum(one.receipt.accepted for one in told) == sender.statistics().accepted == 200
    client.close()
    world.heal("a")
    assert world.events() == 200


@pytest.mark.parametrize("fault", ["lose", "half"])
def test_a_batch_whose_answer_died_with_its_region_is_taken_elsewhere_and_counts_once(world, fault):
    # The batch is durable in the first region, and the client cannot know.
    fates = iter([fault])
    world.proxies["a"].fault = lambda _method, _path: next(fates, None)
    client = FORMS[0](world.urls, world.key.text)
    receipt = client.send(events(4))
    assert receipt.accepted == 4
    assert world.proxies["b"].met == [None]
    client.close()
    assert world.events() == 4


def test_what_only_the_home_takes_goes_there_whatever_region_is_preferred(world):
    client = FORMS[0](world.urls[::-1], world.key.text)
    assert client.put_cohort("readers", {"did": "verb=read"}, version=0).version == 1
    client.close()


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_one_address_is_enough_where_tables_are_followed(world, tmp_path, form):
    published(world, *NAMES)
    client = form(world.urls[0], world.key.text, **following(world, tmp_path / "table"))
    until_known(client, world, 1)
    assert client.send(events(2)).accepted == 2
    world.die("a")
    assert client.send(events(2)).accepted == 2
    assert has_own_writes(client)
    client.close()
    # Another one that is given the dead region alone goes by the table that was kept.
    client = form(world.urls[0], world.key.text, **following(world, tmp_path / "table"))
    assert client.send(events(2)).accepted == 2
    client.close()
    world.heal("a")
    assert world.events() == 6
    for proxy in world.proxies.values():
        assert proxy.keys <= {None, f"Bearer {world.key.text}"}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_forged_table_gets_no_key_and_changes_nothing(world, form):
    with proxied("http://127.0.0.1:1", lambda _method, _path: "refuse") as thief:
        published(world, "b")
        client = form(world.urls[0], world.key.text, **following(world))
        until_known(client, world, 1)
        forged = table(region("east", node("b", thief.url)), publisher="b", generation=9)
        for proxy in world.proxies.values():
            proxy.routes = signed(forged, by="thief")
            proxy.asked_for_routes.clear()
        for _ in range(40):
            client.clock.ms += 1_000
            assert client.send(events(1)).accepted == 1
        assert world.proxies["b"].asked_for_routes.wait(5)
        told = client.client.statistics()
        assert told["generation"] == 1
        assert "signed by no node" in told["trouble"]
        assert list(told["endpoints"]) == [world.urls[1], world.urls[0]]
        assert not thief.keys
        client.close()

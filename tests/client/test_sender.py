"""Senders: batches of events that are added one by one, whatever the way to the node does to them."""

import asyncio
import itertools
import threading

import pytest

from homeroom.client import AsyncSender, Client, ClientOptions, Sender, SenderOptions
from homeroom.errors import InputError, QueueFullError, SettingsError, UnavailableError
from tests.client.faulty import FAULTS, proxied
from tests.client.forms import FORMS, Jumping

COUNT = itertools.count()


def event(**fields):
    number = next(COUNT)
    base = {"account": f"a {number}", "verb": "wrote", "time": "2026-11-23T10:00:00Z"}
    return {**base, **fields}


@pytest.fixture(params=FORMS, ids=lambda form: form.__name__)
def form(request):
    return request.param


@pytest.fixture
def client(form, node):
    made = form(node.url, node.everything)
    yield made
    made.close()


def held(client):
    # What another client has sent may be durable and not folded yet.
    while not client.query({"question": "active"}).complete:
        pass
    return client.status()["events"]


# --- without a node --------------------------------------------------------------------------------------------------


def nobody(**options):
    """Return a client of an address where nobody listens, and whose pauses take no time."""
    clock = Jumping()
    return Client(
        "http://127.0.0.1:1",
        "hr_key",
        ClientOptions(**options),
        now_ms=clock.now,
        sleep_ms=clock.sleep,
    )


def test_a_sender_that_cannot_send_says_so_and_keeps_the_events():
    sender = Sender(nobody(time_s_max=1), options=SenderOptions(batch_events_max=2))
    sent = [event() for _ in range(2)]
    for one in sent:
        sender.add(one)
    with pytest.raises(UnavailableError, match="sending 2 events: no connection"):
        sender.flush()
    with pytest.raises(UnavailableError):
        sender.add(event())
    with pytest.raises(UnavailableError):
        sender.close()
    (batch,) = sender.unsent()
    assert len(batch.lines) == 2
    assert batch.batch_id[14] == "7"
    assert sender.statistics().waiting == 2


def test_a_loop_hears_of_a_sender_that_cannot_send_too():
    async def send():
        made = FORMS[1]("http://127.0.0.1:1", "hr_key", time_s_max=1).client
        async with AsyncSender(made) as sender:
            await sender.add(event())
            with pytest.raises(UnavailableError):
                await sender.flush()
            with pytest.raises(UnavailableError):
                await sender.add(event())
            assert len(sender.unsent()) == 1

    with pytest.raises(UnavailableError):
        asyncio.run(send())


def test_a_closed_sender_takes_nothing():
    sender = Sender(nobody())
    sender.close()
    sender.close()
    with pytest.raises(QueueFullError, match="is closed"):
        sender.add(event())


def test_what_is_no_event_is_refused_where_it_is_added():
    with Sender(nobody()) as sender, pytest.raises(InputError, match="event 1 cannot be written"):
        sender.add({"account": object()})


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_events_max": 0}, "batch_events_max is 0, must be over 0"),
        ({"batch_events_max": 50, "queue_events_max": 20}, "must be at most queue_events_max"),
        ({"under_way_max": 1_000}, "under_way_max is 1000, must be over 0 and at most 16"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, match):
    with pytest.raises(SettingsError, match=match):
        SenderOptions(**options)


# --- with one --------------------------------------------------------------------------------------------------------

slow = pytest.mark.slow  # a process takes seconds to import what a node is made of
SMALL = SenderOptions(batch_events_max=5, queue_events_max=20)


@slow
def test_every_event_is_sent_once_whatever_fails(form, node, client, rng):
    before, told = held(client), []
    faults = [one for one in FAULTS if one != "late"]

    def fault(_method, _path):
        return str(rng.choice(faults)) if rng.random() < 0.4 else None

    with proxied(node.url, fault) as proxy:
        made = form(proxy.url, node.everything, time_s_max=3_600)
        sender = made.sending([event() for _ in range(203)], told.append, SMALL)
        made.close()
    statistics = sender.statistics()
    assert (statistics.accepted, statistics.refused, statistics.waiting) == (203, 0, 0)
    assert sum(one.receipt.accepted for one in told) == 203
    assert statistics.batches == len(told) == 41
    assert not sender.unsent()
    assert held(client) == before + 203


@slow
def test_refused_events_are_handed_back_as_they_were_added(client):
    told = []
    bad = event(time="yesterday", course="physics")
    client.sending([event(), bad, event()], told.append, SMALL)
    ((refused,),) = [one.refused for one in told]
    assert (refused.event, refused.reason) == (bad, "time_format")
    assert bad["account"] not in repr(told)


@slow
def test_a_batch_that_is_too_large_for_the_node_is_sent_in_parts(form, node, client):
    before, told = held(client), []
    with proxied(node.url, lambda _method, _path: None) as proxy:
        proxy.batch_events_max = 2
        made = form(proxy.url, node.everything)
        made.sending([event() for _ in range(9)], told.append, SenderOptions(batch_events_max=9))
        made.close()
    assert sum(one.receipt.accepted for one in told) == 9
    assert max(one.receipt.accepted for one in told) <= 2
    assert len({one.receipt.batch_id for one in told}) == len(told)
    assert held(client) == before + 9


@slow
def test_an_event_that_is_too_large_for_the_node_is_refused_and_the_others_are_sent(form, node):
    told = []
    with proxied(node.url, lambda _method, _path: None) as proxy:
        proxy.batch_events_max = 0
        made = form(proxy.url, node.everything)
        sender = made.sending([event(), event()], told.append, SMALL)
        made.close()
    assert [one.refused[0].reason for one in told] == ["too_large", "too_large"]
    assert (sender.statistics().refused, sender.statistics().waiting) == (2, 0)


@slow
def test_whoever_adds_waits_while_the_queue_is_full_and_offers_are_refused(node):
    may_go = threading.Event()

    def fault(_method, _path):
        may_go.wait()

    options = SenderOptions(
        batch_events_max=1, queue_events_max=2, batch_bytes_max=100_000, under_way_max=1
    )
    with proxied(node.url, fault) as proxy:
        client = Client(proxy.url, node.everything)
        sender = Sender(client, options=options)
        sender.offer(event())
        sender.offer(event())
        with pytest.raises(QueueFullError, match="2 events wait to be sent"):
            sender.offer(event())
        waiting = threading.Thread(target=sender.add, args=[event()])
        waiting.start()
        assert sender.statistics().accepted == 0
        may_go.set()
        waiting.join(30)
        assert not waiting.is_alive()
        sender.close()
        assert sender.statistics().accepted == 3
        client.close()


@slow
def test_a_small_batch_is_sent_when_it_is_old_enough(node):
    heard = threading.Event()
    with Client(node.url, node.everything) as client:
        sender = Sender(client, lambda _: heard.set(), SenderOptions(batch_age_s_max=0.01))
        sender.add(event())
        assert heard.wait(30)
        sender.close()


@slow
def test_what_stopped_a_sender_is_not_lost_and_counts_once_when_it_is_sent_again(node):
    """The answer was lost and the sender gave up; whoever has its batches sends them under their ids."""
    with Client(node.url, node.everything) as direct:
        before = held(direct)
        with proxied(node.url, lambda _method, _path: "lose") as proxy:
            clock = Jumping()
            client = Client(
                proxy.url,
                node.everything,
                ClientOptions(time_s_max=1),
                now_ms=clock.now,
                sleep_ms=clock.sleep,
            )
            sender = Sender(client)
            for _ in range(3):
                sender.add(event())
            with pytest.raises(UnavailableError):
                sender.close()
            client.close()
        (batch,) = sender.unsent()
        assert direct.send_lines(batch.lines, batch.batch_id).is_repeat
        assert held(direct) == before + 3


@slow
def test_what_a_listener_raises_stops_the_sender(node):
    def fail(_):
        raise RuntimeError("the disk of refused events is full")

    with Client(node.url, node.everything) as client:
        sender = Sender(client, fail)
        sender.add(event())
        with pytest.raises(RuntimeError, match="the disk"):
            sender.close()
        assert not sender.unsent()
        assert sender.statistics().accepted == 1

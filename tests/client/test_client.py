"""Both forms of the client against a real node, straight and through a proxy that loses, delays and repeats."""

import contextlib
import inspect
import itertools

import pytest

from homeroom.client import AsyncClient, Change, Client, ClientOptions, Freshness, Wanted
from homeroom.errors import (
    ConflictError,
    InputError,
    KeyRefusedError,
    QuestionError,
    RequestRefusedError,
    SettingsError,
    UnavailableError,
)
from tests.client.faulty import FAULTS, proxied
from tests.client.forms import FORMS

COUNT = itertools.count()


def event(**fields):
    return {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", **fields}


def events(count):
    """Return events that nobody has sent before."""
    return [event(account=f"learner {next(COUNT)}") for _ in range(count)]


@pytest.fixture(params=FORMS, ids=lambda form: form.__name__)
def form(request):
    return request.param


@pytest.fixture
def client(form, node):
    made = form(node.url, node.everything)
    yield made
    made.close()


def held(client):
    """Return how many events the node has, with all that was acknowledged."""
    # What another client has sent may be durable and not folded yet.
    while not client.query({"question": "active"}).complete:
        pass
    return client.status()["events"]


def test_an_answer_holds_what_is_wanted_of_it(form, client, node):
    receipts = [client.send(events(2)) for _ in range(2)]
    other = form(node.url, node.everything)
    tokens = [one.token for one in receipts]
    found = other.query({"question": "active"}, Wanted(after=tokens, fresh_s=5, wait_s=0.5))
    later = other.query({"question": "active"}, Wanted(after=found.vector, fresh_s=0.001))
    other.close()
    origin, _, number = tokens[-1].rpartition("/")[0].rpartition("/")
    assert found.vector[origin] >= int(number)
    assert later.vector[origin] >= found.vector[origin]
    assert "freshness" not in found.to_json()
    assert found.to_json()["vector"] == found.vector


def test_of_a_vector_what_is_in_answers_is_named():
    wanted = Wanted(after={"a/0/analytic": 3, "a/0/control": 2, "a/0/document": 9})
    assert wanted.entries() == ("a/0/analytic/3", "a/0/control/2")


@pytest.mark.parametrize("wanted", [Wanted(fresh_s=-1), Wanted(wait_s=1e9), Wanted(after="a\nb")])
def test_what_cannot_be_wanted_is_said_before_anything_is_sent(wanted):
    with pytest.raises(QuestionError, match="must be"):
        Client("http://127.0.0.1:1", "hr_key").query({"question": "active"}, wanted)


# --- without a node --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_key_never_shows(kind, monkeypatch):
    monkeypatch.setenv("HOMEROOM_KEY", "hr_secret")
    client = kind("http://127.0.0.1:1")
    assert "secret" not in repr(client) + repr(vars(client)) + repr(client.options)
    with pytest.raises(SettingsError) as caught:
        kind("http://127.0.0.1:1", "hr_secret and more")
    assert "secret" not in str(caught.value)


def test_without_a_key_it_is_said_where_one_comes_from(monkeypatch):
    monkeypatch.delenv("HOMEROOM_KEY", raising=False)
    with pytest.raises(SettingsError, match="HOMEROOM_KEY"):
        Client("http://127.0.0.1:1")


@pytest.mark.parametrize(
    "url",
    ["", "node", "ftp://node", "http://", "http://a:b@node", "http://node?x=1", "http://[::1"],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SettingsError, match="the address of the node must be like"):
        Client(url, "hr_key")


def test_both_forms_do_the_same_under_the_same_names():
    def offered(kind):
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if callable(member) and not name.startswith("_")
        }

    assert offered(Client) == offered(AsyncClient)


def test_where_nobody_listens_is_told_after_the_time_limit(form):
    made = form("http://127.0.0.1:1", "hr_key", time_s_max=5)
    with pytest.raises(
        UnavailableError, match=r"sending 1 events: no connection .* no time left of 5 s"
    ):
        made.send([event()])
    assert 0 < made.clock.ms <= 5_000
    made.close()


@pytest.mark.parametrize(
    ("sent", "match"),
    [
        ([], "0 events"),
        ([event()] * 20_001, "20,001 events"),
        ([event(), {"account": object()}], "event 2 cannot be written"),
        ([[1]], "event 1 is list"),
    ],
)
def test_a_batch_that_makes_no_sense_is_not_sent(form, sent, match):
    made = form("http://127.0.0.1:1", "hr_key")
    with pytest.raises(InputError, match=match):
        made.send(sent)
    made.close()


# --- with one --------------------------------------------------------------------------------------------------------

slow = pytest.mark.slow  # a process takes seconds to import what a node is made of


@slow
def test_what_was_sent_is_in_what_is_asked_next(client):
    before = held(client)
    receipt = client.send(events(3))
    assert (receipt.accepted, receipt.events_refused, receipt.is_repeat) == (3, 0, False)
    assert receipt.batch_id[14] == "7"
    assert client.token == receipt.token
    assert held(client) == before + 3


@slow
def test_a_batch_that_is_sent_again_counts_once(client):
    before, batch = held(client), events(2)
    assert not client.send(batch, batch_id=f"{before}-again").is_repeat
    assert client.send(batch, batch_id=f"{before}-again").is_repeat
    assert held(client) == before + 2
    with pytest.raises(ConflictError):
        client.send(events(2), batch_id=f"{before}-again")


@slow
def test_events_that_are_refused_are_told_and_the_others_count(client):
    receipt = client.send([*events(1), {"account": "x", "verb": "read", "time": "yesterday"}])
    assert receipt.accepted == 1
    assert [(one.position, one.reason) for one in receipt.refused] == [(2, "time_format")]
    assert client.send([{"account": "x"}]).accepted == 0


@slow
def test_a_large_batch_is_compressed_and_taken(client):
    before = held(client)
    assert client.send(events(5_000)).accepted == 5_000
    assert held(client) == before + 5_000


@slow
def test_events_without_a_time_take_that_of_their_batch(client):
    assert client.send([{"account": "clockless", "verb": "read"}]).accepted == 1


@slow
def test_questions_are_objects_or_toml(client):
    held(client)
    asked = client.query('question = "retention"\ninterval = "month"\nfrom = 2026-11-02')
    assert asked.answer["question"]["interval"] == "month"
    assert asked.complete
    with pytest.raises(QuestionError, match="not TOML"):
        client.query("question =")
    with pytest.raises(QuestionError, match="one by one"):
        client.query('[[question]]\nquestion = "active"')
    with pytest.raises(RequestRefusedError, match="asking: ") as caught:
        client.query({"question": "retention", "interval": "fortnight"})
    assert (caught.value.name, caught.value.status) == ("bad-question", 400)


@slow
def test_cohorts_are_put_read_changed_and_deleted(client, form):
    name = f"early {form.__name__}"
    put = client.put_cohort(name, {"did": "verb=read"}, version=0)
    assert (put.version, put.in_words) == (1, client.cohort(name).in_words)
    assert client.put_cohort(name, {"did": "verb=wrote"}, version=1).version == 2
    with pytest.raises(ConflictError) as caught:
        client.put_cohort(name, {"did": "verb=read"}, version=1)
    assert caught.value.name == "precondition-failed"
    assert name in [one.name for one in client.cohorts()]
    client.delete_cohort(name)
    with pytest.raises(RequestRefusedError) as caught:
        client.cohort(name)
    assert caught.value.name == "not-found"


@slow
def test_a_key_that_opens_nothing_is_refused_at_once(form, node):
    made = form(node.url, "hr_nothing")
    with pytest.raises(KeyRefusedError) as caught:
        made.send(events(1))
    assert (caught.value.status, made.clock.ms) == (401, 0)
    assert "hr_nothing" not in str(caught.value)
    made.close()


@slow
def test_changes_are_followed(client, form):
    name = f"followed {form.__name__}"
    client.put_cohort(name, {"did": f"course={name}"})
    if form is FORMS[0]:
        told = client.follow(name)
        next(one for one in told if isinstance(one, Freshness) and one.holds(client.token))
        client.send([event(course=name)])
        found = next(one for one in told if isinstance(one, Change))
    else:
        found = client.runner.run(first_change(client.client, name))
    assert (found.cohort, found.version, found.change) == (name, 1, "entered")


async def first_change(client, name):
    async with contextlib.aclosing(client.follow(name)) as told:
        async for one in told:
            if isinstance(one, Change):
                return one
            if isinstance(one, Freshness) and one.holds(client.token):
                await client.send([event(course=name)])
    raise AssertionError("a stream does not end")


# --- through a proxy -------------------------------------------------------------------------------------------------


def in_turn(faults):
    waiting = iter(faults)
    return lambda _method, _path: next(waiting, None)


@slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_batch_survives_each_fault_and_counts_once(form, node, client, fault):
    before = held(client)
    with proxied(node.url, in_turn([fault])) as proxy:
        made = form(proxy.url, node.everything, attempt_s_max=0.5 if fault == "late" else 30)
        assert made.send(events(2)).accepted == 2
        made.close()
    assert proxy.met[0] == fault
    assert held(client) == before + 2


@slow
def test_whatever_fails_every_event_that_was_accepted_counts_once(form, node, client, rng):
    before, sent, unknown = held(client), 0, []
    faults = [one for one in FAULTS if one != "late"]

    def fault(_method, _path):
        return str(rng.choice(faults)) if rng.random() < 0.5 else None

    with proxied(node.url, fault) as proxy:
        made = form(proxy.url, node.everything, time_s_max=2)
        for number in range(60):
            batch, batch_id = events(int(rng.integers(1, 6))), f"{form.__name__}-{number}"
            try:
                receipt = made.send(batch, batch_id)
            except UnavailableError:
                unknown.append((batch, batch_id))
            else:
                assert receipt.accepted == len(batch)
                sent += len(batch)
        made.close()
    # Nobody knows of these whether they were taken; sent again under their ids they count once.
    for batch, batch_id in unknown:
        sent += client.send(batch, batch_id).accepted
    assert set(faults) <= set(proxy.met)
    assert held(client) == before + sent


@slow
def test_a_definition_that_was_put_before_its_answer_was_lost_is_put_once(form, node, client):
    name = f"lost {form.__name__}"
    with proxied(node.url, in_turn(["lose", None, None, "lose", None])) as proxy:
        made = form(proxy.url, node.everything)
        assert made.put_cohort(name, {"did": "verb=read"}, version=0).version == 1
        made.delete_cohort(name, version=1)
        made.close()
    assert name not in [one.name for one in client.cohorts()]


@slow
def test_a_proxy_that_sends_elsewhere_gets_no_key_there(form, node):
    with proxied(node.url, in_turn([])) as elsewhere, proxied(node.url, in_turn([])) as proxy:
        proxy.http.close()
        proxy.http = type("Redirects", (), {"request": staticmethod(redirect(elsewhere.url))})
        proxy.http.close = lambda: None
        made = form(proxy.url, node.everything)
        with pytest.raises(RequestRefusedError, match="307, and is none of a node's"):
            made.send(events(1))
        made.close()
        assert not elsewhere.met


def redirect(url):
    def answer(*_words, **_named):
        import httpx

        return httpx.Response(307, headers={"location": f"{url}/v1/events"})

    return answer


def test_options_out_of_their_bounds_are_refused():
    with pytest.raises(SettingsError, match="time_s_max is 0, must be over 0"):
        ClientOptions(time_s_max=0)

"""Rights of persons on a running node: a copy of all that is kept, consent, restriction; and over a restart."""

import asyncio
import io
import json
import zipfile

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from homeroom.errors import ControlError, InputError
from homeroom.log.compliance import PurposesPut
from homeroom.log.consents import ANALYTICS, EVERYTHING, Need, Says
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.log.origins import Stream
from homeroom.log.payloads import open_parts, unpack
from homeroom.running.person_requests import PersonAsked, PersonDo
from tests.running.erasures import ADA as ADA_OF_FILL
from tests.running.erasures import BOB as BOB_OF_FILL
from tests.running.erasures import erasing, fill, person, record, statement
from tests.running.nodes import batch, event, on, question, running
from tests.serve.xapi.test_statements_attachments import BOUNDARY, signed

ADA = ("", "a3")
ANALYTIC_STREAM = Stream.ANALYTIC


async def send(node, *events):
    accepted = await node.offer("main", "lms", batch(None, *events))
    await node.ask("main", question("active"), accepted.token)


async def learners(node):
    """Return how many learners answers know, from columns and from history alike."""
    whole = await node.ask("main", question("retention", interval="week"), None)
    watched = question("retention", interval="week", filters=["verb=watched"])
    parts = await node.ask("main", watched, None)
    first, second = (sum(one.answer.to_json()["sizes"]) for one in (whole, parts))
    assert first == second == whole.answer.source.learners
    return first


def opened(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.testzip() is None
        return {name: files.read(name) for name in files.namelist()}


def filled(work, **fields):
    """Return what makes a node whose first learner is Ada, and does something with it."""

    async def run(node):
        await send(node, *(event(n, course=f"c{n % 2}", **fields) for n in range(21)))
        return await work(node)

    return run


def test_a_copy_holds_all_that_is_kept_of_a_person_and_nothing_of_anybody_else(tmp_path):
    async def work(node):
        key = node.persons.raw_key("main", ADA)
        others = [node.persons.raw_key("main", ("", f"a{n}")) for n in range(7) if n != 3]
        return await node.persons.archive("main", key), key, others

    archive, key, others = on(tmp_path, filled(work))
    files = opened(archive)
    events = json.loads(files["events.json"])
    assert [one["time"] for one in events] == sorted(one["time"] for one in events)
    assert len(events) == 3
    assert {one["learner"] for one in events} == {f"{key:032x}"}
    assert {one["course"] for one in events} == {"c0", "c1"}, "their own ids are told as they came"
    assert files["events.csv"].decode().count("\r\n") == 4
    profile = json.loads(files["profile.json"])
    assert (profile["first_day"], profile["last_day"]) == ("2024-03-04", "2024-03-18")
    assert len(profile["days"]["any"]) == 3
    assert len(json.loads(files["enrolments.json"])) == 2
    assert json.loads(files["consents.json"])["allowed"][ANALYTICS] is True
    index = files["index.html"].decode()
    assert all(name in index for name in files if name != "index.html")
    whole = b"".join(files.values())
    for other in others:
        assert f"{other:032x}".encode() not in whole


def test_a_copy_has_what_a_person_wrote_and_names_nobody_else(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            found = []
            for account in (ADA_OF_FILL, BOB_OF_FILL):
                key = node.persons.raw_key("main", account)
                found.append(opened(await node.persons.archive("main", key)))
            return found

    ada, bob = asyncio.run(work())
    (one,) = json.loads(ada["statements.json"])
    assert one["statement"]["result"]["response"] == "an answer of ada-account"
    assert {one["name"] for one in json.loads(ada["names.json"])} == {"Ada Lovelace-Byron"}
    documents = json.loads(ada["documents.json"])
    assert sorted(one["id"] for one in documents) == ["p", "s"]
    assert ada[documents[0]["file"]] == b'{"about": "ada-document"}'
    assert [one["name"] for one in json.loads(ada["cohorts.json"])["cohorts"]] == ["watchers"]
    assert len(json.loads(bob["statements.json"])) == 2
    assert b"urn:homeroom:somebody" in bob["statements.json"]
    everything_of_bob, everything_of_ada = (b"".join(each.values()) for each in (bob, ada))
    assert b"ada-account" not in everything_of_bob
    assert b"Lovelace" not in everything_of_bob
    assert b"bob-account" not in everything_of_ada


def test_a_copy_has_no_signature_since_everybody_is_in_it(tmp_path):
    async def work(node):
        teacher = person(("https://lms.example", "teacher-account"))
        sent = statement(ADA_OF_FILL, 1, context={"instructor": teacher})
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        kind = f'multipart/mixed; boundary="{BOUNDARY}"'
        answer = await record(
            node,
            "POST",
            "statements",
            content=signed(sent, key),
            headers={"Content-Type": kind},
        )
        assert answer.status_code == 200, answer.text
        return await node.persons.archive("main", node.persons.raw_key("main", ADA_OF_FILL))

    files = opened(on(tmp_path, work))
    assert b"urn:homeroom:somebody" in files["statements.json"]
    assert not [name for name in files if name.startswith("attachments/")]


def test_who_is_restricted_leaves_cohorts_and_enters_them_again(tmp_path):
    async def work(node):
        keen = {"did": "verb=watched"}
        fact = DefinitionPut(tenant="main", kind=DefinitionKind.COHORT, name="keen", written=keen)
        token = await node.change(fact, "me")
        key = node.persons.raw_key("main", ADA)
        sizes = [(await node.members("main", "keen", 0, 100, token)).cohort.size]
        for says in (Says.RESTRICTED, Says.LIFTED):
            await node.persons.say("main", key, EVERYTHING, says)
            sent = await node.offer("main", "lms", batch(None, event(len(sizes) * 7)))
            sizes.append((await node.members("main", "keen", 0, 100, sent.token)).cohort.size)
        changes = node.changes("main", 0, 100, "keen").changes
        return sizes, [one.entered for one in changes if one.learner == f"{key:032x}"]

    sizes, entered = on(tmp_path, filled(work), now_ms=lambda: 1_711_000_000_000)
    assert sizes == [7, 6, 7]
    assert entered[-2:] == [False, True]


def test_what_an_erased_person_said_is_in_no_entry_and_nothing_more_is_taken(tmp_path):
    async def work():
        async with erasing(tmp_path) as node:
            await fill(node)
            key = node.persons.raw_key("main", ADA_OF_FILL)
            await node.persons.say("main", key, ANALYTICS, Says.REFUSED)
            await node.erasures.erase("main", [key], "a test")
            await node.erasures.settled()
            with pytest.raises(ControlError, match="this person was erased"):
                await node.persons.say("main", key, ANALYTICS, Says.GIVEN)
            store = node.persons._rights.store
            held = store.held()
            entries = [
                e for o in held for e in store.read(o, 1, held[o]) if o.stream is ANALYTIC_STREAM
            ]
            parts = [part for e in entries for part in open_parts(unpack(e.payload).content)]
            files = opened(await node.persons.archive("main", key))
            return [part.consents for part in parts if part.consents], files, node.troubles

    consents, files, troubles = asyncio.run(work())
    assert consents == []
    assert json.loads(files["consents.json"])["stated"] == []
    assert json.loads(files["events.json"]) == []
    assert len(json.loads(files["erasures.json"])) == 1
    assert troubles == ()


def test_who_is_restricted_is_in_no_answer_but_in_their_own_copy_and_comes_back(tmp_path):
    async def work(node):
        key = node.persons.raw_key("main", ADA)
        found = [await learners(node)]
        await node.persons.say("main", key, EVERYTHING, Says.RESTRICTED)
        await send(node, event(3 + 7 * 5))
        found.append(await learners(node))
        events = json.loads(opened(await node.persons.archive("main", key))["events.json"])
        allowed = node.persons.allowed("main", key)
        await node.persons.say("main", key, EVERYTHING, Says.LIFTED)
        found.append(await learners(node))
        return found, len(events), allowed

    found, events, allowed = on(tmp_path, filled(work))
    assert found == [7, 6, 7]
    assert events == 4, "what came meanwhile is kept, and told to them"
    assert not any(allowed.values())


def test_what_was_said_holds_over_a_restart(tmp_path):
    async def first(node):
        key = node.persons.raw_key("main", ADA)
        await node.persons.say("main", key, ANALYTICS, Says.REFUSED)
        await node.change(
            PurposesPut(tenant="main", purposes={ANALYTICS: Need.NOTHING, "ads": Need.CONSENT}), "x"
        )

    async def second(node):
        key = node.persons.raw_key("main", ADA)
        found = [await learners(node)]
        await node.persons.say("main", key, ANALYTICS, Says.GIVEN)
        await node.change(
            PurposesPut(tenant="main", purposes={ANALYTICS: Need.CONSENT}), "somebody"
        )
        return [*found, await learners(node)]

    async def third(node):
        key = node.persons.raw_key("main", ADA)
        return await learners(node), len(node.persons.said("main", key)), node.troubles

    on(tmp_path, filled(first))
    assert on(tmp_path, second) == [6, 1]
    assert on(tmp_path, third) == (1, 2, ())


def test_to_say_the_same_again_writes_nothing_and_another_word_takes_the_place_of_the_first(
    tmp_path,
):
    async def work(node):
        key = node.persons.raw_key("main", ADA)
        first = await node.persons.say("main", key, "research", Says.GIVEN)
        again = await node.persons.say("main", key, "research", Says.GIVEN)
        assert again == first
        other = await node.persons.say("main", key, "research", Says.REFUSED)
        return [(one.consent.says, one.stands) for one in other], node.persons.allowed("main", key)

    said, allowed = on(tmp_path, filled(work))
    assert sorted(said) == [(Says.GIVEN, False), (Says.REFUSED, True)]
    assert allowed == {ANALYTICS: True, "personalisation": False, "research": False}


def test_words_and_purposes_that_there_are_not_are_refused(tmp_path):
    async def work(node):
        key = node.persons.raw_key("main", ADA)
        with pytest.raises(ControlError, match="there is no purpose 'ads'; there are: analytics"):
            await node.persons.say("main", key, "ads", Says.GIVEN)
        with pytest.raises(InputError, match="restricted is not what is said"):
            await node.persons.say("main", key, ANALYTICS, Says.RESTRICTED)

    on(tmp_path, filled(work))


def test_what_a_command_asks_is_written_down_by_pseudonym(tmp_path):
    noted = []

    async def work(node):
        node.persons.audit_with(lambda *done: noted.append(done))
        asked = PersonAsked(do=PersonDo.ACCESS, tenant="main", author="command line", learner=ADA)
        told = await node.persons.asked(asked)
        return told.archive, node.persons.raw_key("main", ADA)

    archive, key = on(tmp_path, filled(work))
    assert "profile.json" in opened(archive)
    assert noted == [("main", "command line", "person.access", {"learner": f"{key:032x}"})]


def test_a_copy_of_somebody_of_whom_nothing_is_kept_is_empty_and_whole(tmp_path):
    async def run():
        async with running(tmp_path) as node:
            return await node.persons.archive("main", node.persons.raw_key("main", ("", "nobody")))

    files = opened(asyncio.run(run()))
    assert json.loads(files["events.json"]) == []
    assert json.loads(files["profile.json"]) is None


# --- put right -------------------------------------------------------------------------------------------------------


def right(number, **fields):
    return {"verb": "watched", "time": f"2024-05-{number:02d}T10:00:00Z", **fields}


async def told(node):
    archive = await node.persons.archive("main", node.persons.raw_key("main", ADA))
    return json.loads(opened(archive)["events.json"])


def test_events_of_a_person_are_voided_and_others_take_their_place_once(tmp_path):
    async def work(node):
        new = [right(1, attributes={"country": "DE"}), right(2)]
        for _ in range(2):
            assert await node.persons.rectify("main", ADA, ["e3", "e10"], new) == {
                "voided": 2,
                "sent": 2,
            }
        archive = await node.persons.archive("main", node.persons.raw_key("main", ADA))
        return await told(node), json.loads(opened(archive)["profile.json"])

    events, profile = on(tmp_path, filled(work))
    assert [(one["time"][:10], one["voided"]) for one in events] == [
        ("2024-03-04", True),
        ("2024-03-11", True),
        ("2024-03-18", False),
        ("2024-05-01", False),
        ("2024-05-02", False),
    ]
    assert profile["attributes"]["country"]["value"] == "DE"
    assert profile["first_day"] == "2024-03-18"


def test_if_anything_is_refused_all_is_as_it_was(tmp_path):
    async def work(node):
        before = await learners(node), len(await told(node))
        with pytest.raises(ControlError, match="id 2 is of no event of this person"):
            await node.persons.rectify("main", ADA, ["e3", "e4"], [right(1)])
        with pytest.raises(ControlError, match="1 of 2 events were refused"):
            await node.persons.rectify("main", ADA, ["e3"], [right(1), right(2, time="never")])
        with pytest.raises(InputError, match="event 1 has account"):
            await node.persons.rectify("main", ADA, [], [right(1, account="a4")])
        with pytest.raises(InputError, match="nothing is to be put right"):
            await node.persons.rectify("main", ADA, [], [])
        after = await learners(node), sum(not one["voided"] for one in await told(node))
        assert after == before

    on(tmp_path, filled(work))

"""Ids of a node's events: hashed wherever they are written, and the same answers as from the files themselves."""

import asyncio
import json
import re

import pyarrow as pa
import pytest

import homeroom as hr
from homeroom.cohorts.live import Shows
from homeroom.errors import ControlError
from homeroom.events.ids import HASHED_ID, IdHasher
from homeroom.events.projection import Projection
from homeroom.limits import ATTRIBUTE_VALUES_MAX
from homeroom.log.catalogue import IdKind, IdsRegistered, IdsWithdrawn
from tests.reports import EVENTS
from tests.running.nodes import batch, event, on, question, running

HOME = "https://lms.example/"
"""What activities are called by: ids of which the last part is what people say."""


def sent_events():
    """Return the events of a course run as a client sends them."""
    found = []
    for number, one in enumerate(EVENTS):
        said = {"id": f"e{number}", "time": one.time_ms, "account": one.account, "verb": one.verb}
        for name in ("activity", "course", "track", "section", "answer", "score", "progress"):
            if getattr(one, name) is not None:
                said[name] = getattr(one, name)
        for name in ("success", "duration_ms", "position_s", "position_from_s", "length_s"):
            if getattr(one, name) is not None:
                said[name] = getattr(one, name)
        if one.standing != "none":
            said["standing"] = one.standing
        if one.activity is not None:
            said["activity"] = HOME + one.activity
        found.append({**said, "attributes": dict(one.attributes)})
    return found


def table(events):
    """Return the same events as a table."""
    flat = [{**one, **one["attributes"]} for one in events]
    names = {name: None for one in flat for name in one if name != "attributes"}
    return pa.table({name: [one.get(name) for one in flat] for name in names})


COHORT = {
    "cohort": {
        "keen": {"all": [{"did": ["activity=film", "course=run"]}, {"attribute": "country=DE"}]}
    }
}
QUESTIONS = [
    question("report", course=["run"]),
    question("funnel", steps=["activity=film", "activity=puzzle", f"activity={HOME}page"]),
    question("paths", by="activity"),
    question("paths", by="verb"),
    question("active", filters=["section=week 1", "answer=a"]),
    question("at-risk", sort="course"),
    question("active", filters=["activity!=film", "verb=edx.forum.thread.created"]),
    question("active", breakdown="country"),
    question("retention", breakdown="course", interval="week"),
    question("members", cohort="keen", definitions=COHORT),
]


def said(answer):
    """Return what an answer says beside what was read for it."""
    return {k: v for k, v in answer.to_json().items() if k not in ("source", "question")}


async def asked(node, one, token=None, shows=Shows.LABELS):
    return (await node.ask("main", one, token, shows)).answer


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Give what a node answers, with labels and without, what the directory that it leaves does, and what files do."""
    path = tmp_path_factory.mktemp("hashed") / "data"

    async def work(node):
        sent = await node.offer("main", "key", batch("b", *sent_events()))
        return [
            [said(await asked(node, one, sent.token, shows)) for one in QUESTIONS]
            for shows in (Shows.LABELS, Shows.REGISTERED)
        ]

    shown, hidden = on(path, work)
    files = hr.read(table(sent_events()), key=path / "pseudonym.key")
    left = hr.open(path)
    return {
        "labels": shown,
        "hashes": hidden,
        "directory": [said(left.ask(one)) for one in QUESTIONS],
        "files": [said(files.ask(one)) for one in QUESTIONS],
    }


@pytest.mark.parametrize("number", range(len(QUESTIONS)), ids=[one.name for one in QUESTIONS])
def test_answers_over_hashes_are_those_over_the_files(both, number):
    assert both["labels"][number] == both["files"][number]
    assert both["directory"][number] == both["files"][number]


def numbers(answer):
    """Return all numbers in an answer, those within ids left out."""
    text = HASHED_ID.sub("", json.dumps(answer)).replace("week 1", "").replace("week 2", "")
    return sorted(re.findall(r"\d+(?:\.\d+)?", text))


def test_without_labels_answers_say_the_same_of_hashes(both):
    for hidden, shown in zip(both["hashes"], both["labels"], strict=True):
        assert numbers(hidden) == numbers(shown)
    text = json.dumps(both["hashes"])
    assert HASHED_ID.search(text)
    # What a question names is told again; nothing else is.
    assert f"{HOME}film" not in text
    assert "other run" not in text
    assert "DE" in text, "values of attributes that may be kept are shown"
    assert "edx.forum.thread.created" in text, "verbs of the verb table are no secret"


def test_registering_changes_what_is_shown_and_nothing_that_is_counted(tmp_path):
    paths = question("paths", by="activity")
    narrow = question("active", filters=[f"activity={HOME}film"])

    def activities(answer):
        return {node["value"] for node in answer.to_json()["nodes"]}

    async def work(node):
        events = sent_events()
        await node.offer("main", "key", batch("b1", *events[::2]))
        register = IdsRegistered(tenant="main", kind=IdKind.ACTIVITY, names=(f"{HOME}f*",))
        await node.change(register, "me")
        sent = await node.offer("main", "key", batch("b2", *events))
        seen = await asked(node, paths, sent.token, Shows.REGISTERED)
        count = said(await asked(node, narrow))
        with pytest.raises(ControlError, match="not registered"):
            await node.change(IdsWithdrawn(tenant="main", kind=IdKind.COURSE, names=("x",)), "me")
        withdraw = IdsWithdrawn(tenant="main", kind=IdKind.ACTIVITY, names=(f"{HOME}f*",))
        await node.change(withdraw, "me")
        later = await asked(node, paths, None, Shows.REGISTERED)
        # A text that is registered whole needs no label: its hash can be computed.
        return activities(seen), count, activities(later), node.status("main").events

    seen, count, later, events = on(tmp_path, work)
    assert {one for one in seen if one.startswith(HOME)} == {f"{HOME}film", f"{HOME}forum"}
    assert len(seen) == len(later) == 5, "four activities, and none"
    assert not {one for one in later if one.startswith(HOME)}
    assert count == said(hr.read(table(sent_events())).ask(narrow))
    assert events == len(EVENTS), "what came again after it was registered is the same event"


def test_ids_that_were_loaded_and_ids_that_were_sent_are_the_same_ones(tmp_path):
    events = sent_events()
    hr.load(tmp_path, table(events[: len(events) // 2]))

    async def work(node):
        sent = await node.offer("main", "key", batch("b", *events))
        answers = [said(await asked(node, one, sent.token)) for one in QUESTIONS]
        count = node.status("main").events
        with node._live.held("main") as one:
            return answers, count, one.state.enrolments.rows

    answers, count, enrolments = on(tmp_path, work)
    files = hr.read(table(events), key=tmp_path / "pseudonym.key")
    assert count == len(EVENTS)
    assert enrolments == files._node.state.enrolments.rows
    assert answers == [said(files.ask(one)) for one in QUESTIONS]


def test_files_can_be_loaded_where_a_node_has_run_and_a_node_goes_on_from_there(tmp_path):
    events = sent_events()
    third = len(events) // 3

    async def first(node):
        await node.offer("main", "key", batch("b", *events[:third]))

    async def second(node):
        sent = await node.offer("main", "key", batch("c", *events))
        return [said(await asked(node, one, sent.token)) for one in QUESTIONS]

    on(tmp_path, first)
    loaded = hr.load(tmp_path, table(events[: 2 * third]))
    files = hr.read(table(events[: 2 * third]), key=tmp_path / "pseudonym.key")
    for halfway in (loaded, hr.open(tmp_path)):
        assert [said(halfway.ask(one)) for one in QUESTIONS[:3]] == [
            said(files.ask(one)) for one in QUESTIONS[:3]
        ]
    whole = hr.read(table(events), key=tmp_path / "pseudonym.key")
    assert on(tmp_path, second) == [said(whole.ask(one)) for one in QUESTIONS]


def test_labels_are_there_after_a_start_and_where_the_vault_was_lost(tmp_path):
    paths = question("paths", by="activity")

    async def first(node):
        sent = await node.offer("main", "key", batch("b", *sent_events()))
        return said(await asked(node, paths, sent.token))

    async def later(node):
        return said(await asked(node, paths)), node.troubles

    before = on(tmp_path, first)
    assert on(tmp_path, later) == (before, ())
    for file in tmp_path.glob("documents.db*"):
        file.unlink()
    assert on(tmp_path, later) == (before, ())


def test_a_label_whose_write_failed_is_kept_with_the_next_one(tmp_path):
    async def work(node):
        await node.offer("main", "key", batch("b1", event(1)))
        spoiled = asyncio.Event()
        loop = asyncio.get_running_loop()

        def spoil():
            node._store._files[-1]._writer.execute("PRAGMA query_only = ON")
            loop.call_soon_threadsafe(spoiled.set)

        node._committer.work(spoil)
        await spoiled.wait()
        lost = event(2, activity="https://x.example/lost")
        await node.offer("main", "key", batch("b2", lost))
        sent = await node.offer("main", "key", batch("b2", lost))
        await asked(node, question("active"), sent.token)

    async def later(node):
        return (await asked(node, question("paths", by="activity"))).to_json()["nodes"]

    on(tmp_path, work)
    assert "https://x.example/lost" in {one["value"] for one in on(tmp_path, later)}


def test_a_batch_that_is_too_large_with_its_labels_leaves_nothing_behind(tmp_path, rng):
    def texts(count):
        return ["".join(rng.choice(list("abcdefghijklmnop"), 1_000)) for _ in range(count)]

    async def work(node):
        large = [event(n, activity=text) for n, text in enumerate(texts(2_200))]
        refused = await node.offer("main", "key", batch("large", *large))
        taken = await node.offer("main", "key", batch("small", event(1)))
        return refused, json.loads(taken.answer)

    refused, taken = on(tmp_path, work)
    assert "smaller batches" in refused.why
    assert taken == {"accepted": 1, "refused": []}


def test_an_attribute_that_may_not_be_kept_is_left_out_and_that_is_told(tmp_path):
    async def work(node):
        one = event(1, attributes={"country": "NO", "platform": "web"})
        first = await node.offer("main", "key", batch("b1", one))
        withdraw = IdsWithdrawn(tenant="main", kind=IdKind.ATTRIBUTE, names=("platform",))
        await node.change(withdraw, "me")
        other = event(2, attributes={"country": "NO", "platform": "web"})
        second = await node.offer("main", "key", batch("b2", other, event(3)))
        again = await node.offer("main", "key", batch("b3", one))
        await asked(node, question("paths"), again.token)
        return [json.loads(sent.answer) for sent in (first, second)], node.status("main").events

    (first, second), events = on(tmp_path, work)
    assert first == {"accepted": 1, "refused": []}
    left = second["left_out"]
    assert [(one["field"], one["events"]) for one in left] == [("attributes.platform", 1)]
    assert second["accepted"] == 2
    assert events == 3, "an event that comes again under another list is the same event"


def test_values_of_an_attribute_are_bounded_over_all_starts(tmp_path):
    def some(first, count):
        return [event(n, attributes={"organisation": f"o{n}"}) for n in range(first, first + count)]

    async def send(node, first, count):
        sent = await node.offer("main", "key", batch(f"b{first}-{count}", *some(first, count)))
        await asked(node, question("active"), sent.token)
        with node._live.held("main") as one:
            known = one.state.dictionaries
            return json.loads(sent.answer), len(known.attributes["organisation"].stored)

    whole = on(tmp_path, lambda node: send(node, 0, ATTRIBUTE_VALUES_MAX))
    assert whole == ({"accepted": ATTRIBUTE_VALUES_MAX, "refused": []}, ATTRIBUTE_VALUES_MAX)

    async def more(node):
        return await send(node, 5_000, 10), await send(node, 0, 3)

    over, known = on(tmp_path, more)
    assert (over[0]["left_out"][0]["events"], over[1]) == (9, ATTRIBUTE_VALUES_MAX + 1)
    assert "left_out" not in known[0], "values that were there before go on to be"


def test_an_id_has_one_hash_whatever_it_is_an_id_of_and_a_tenant_its_own():
    one, other = IdHasher.under(bytes(32)), IdHasher.under(bytes([1] * 32))
    assert one.hashed("a") == one.hashed("a") != other.hashed("a")
    assert HASHED_ID.fullmatch(one.hashed("ü" * 500))
    doors = Projection(bytes(32)).dictionaries
    assert doors.course.codes(["a"], 1).tolist() == [0]
    assert doors.activity.codes(["b", "a"], 2).tolist() == [0, 1]
    assert doors.course.stored[0] == doors.activity.stored[1] == one.hashed("a")
    # What looks like a hash is a text like any other when it comes in: nobody can write to an id that is not theirs.
    assert doors.verb.codes([one.hashed("a")], 1).tolist() == [0]
    assert doors.verb.stored[0] != one.hashed("a")


def test_two_nodes_never_mix_the_ids_of_tenants(tmp_path):
    async def work():
        async with running(tmp_path / "a") as one, running(tmp_path / "b") as other:
            found = []
            for node in (one, other):
                sent = await node.offer("main", "key", batch("b", event(1, activity="x")))
                paths = await asked(
                    node, question("paths", by="activity"), sent.token, Shows.REGISTERED
                )
                found.append({node["value"] for node in paths.to_json()["nodes"]})
            return found

    one, other = asyncio.run(work())
    assert not one & other

"""Two regions that conflict, for each rule: both take what they are told, and both come to what the rule says."""

import asyncio
import re

import numpy as np
import pytest

from homeroom.cohorts.live import Shows
from homeroom.errors import HomeElsewhereError
from homeroom.log.consents import Says
from homeroom.log.log import Accepted, Refused
from homeroom.log.members import AcknowledgementPut
from homeroom.log.voiding import EventsVoided
from homeroom.state.settling import RULES, TOLD, Domain
from homeroom.state.standing import COMPLETED, FAILED, GRADE, LEFT, OUTCOME, REVOKED, STATUS
from tests.running.erasures import register_of
from tests.running.nodes import batch, question
from tests.running.worlds import RunningWorld
from tests.tree import ROOT

DAYS = 3_660
TIE = "2024-03-06T10:00:00Z"


def said(account, time=TIE, **fields):
    return {"account": account, "verb": "said", "time": time, **fields}


def course(account, standing, time=TIE, **fields):
    return said(account, time, course="physics", standing=standing, **fields)


def day(number):
    return f"2024-03-{number:02d}T10:00:00Z"


HERE = [
    said("active", day(4), verb="read"),
    course("graded", "graded", score=0.9),
    course("left", "enrolled"),
    course("failed", "failed"),
    course("revoked", "completed", completion=False),
    said("moved", day(9), attributes={"country": "SE"}),
    said("twice", day(4), id="the same"),
    said("void", day(4), id="to be void"),
    said("refuses", day(4)),
]
THERE = [
    said("active", day(5), verb="read"),
    course("graded", "graded", score=0.4),
    course("left", "left"),
    course("failed", "passed"),
    course("revoked", "completed", completion=True),
    said("moved", day(8), attributes={"country": "NO"}),
    said("twice", day(5), id="the same"),
]
"""What two regions are told of the same learners; the first has what counts by the rule, or all of it counts."""
TESTED_ELSEWHERE = {
    Domain.MERGE: "tests/state/test_identities.py",
    Domain.STATEMENT: "tests/adapters/vault/test_keeping.py",
    Domain.DOCUMENT: "tests/adapters/vault/test_keeping.py",
}
"""Rules of what no two running nodes of the world below can conflict about, and where those have their tests."""


async def send(node, *events, name=None):
    outcome = await node.offer("main", "key", batch(name, *events))
    assert isinstance(outcome, Accepted), outcome
    return outcome.token


def values(node, kind, name):
    """Return what the enrolments of a node have in a column."""

    def look(state):
        found = []
        for partition in state.enrolments.partitions:
            column = getattr(partition, kind).get(name)
            if column is not None:
                some = column[: partition.rows]
                found += (
                    some[~np.isnan(some)].tolist()
                    if kind == "numbers"
                    else some[some >= 0].tolist()
                )
        return found

    return node._live.read("main", look)


async def days_of(node, **fields):
    found = await node.ask("main", question("active", **fields), None, Shows.LABELS)
    series = found.answer.day
    return [
        one
        for one, count in zip(series.periods, series.values.tolist(), strict=True)
        for _ in range(count)
    ]


async def conflicted(world):
    """Have two nodes that are cut off from each other be told different things of the same, and heal them."""
    a, b = world.nodes["a"], world.nodes["b"]
    first = await send(a, said("erased", day(4)), said("refuses", day(4)), name="same id")
    await b._asked.folds.reached(first)
    world.cut.add("b")
    await send(a, *HERE)
    await send(b, *THERE)
    assert not isinstance(
        await b._facts.alone("void", "main", EventsVoided(("to be void",))), Refused
    )
    key = a.persons.raw_key("main", ("", "refuses"))
    await a.persons.say("main", key, "analytics", Says.GIVEN)
    await b.persons.say("main", key, "analytics", Says.REFUSED)
    await send(b, said("erased", day(5)))
    await a.erasures.erase("main", a.erasures.raw_keys("main", [("", "erased")]), "somebody")
    # The same id for another batch: this node refuses it, the other one cannot know.
    again = await a.offer("main", "key", batch("same id", said("batch", day(4))))
    assert isinstance(again, Refused)
    await send(b, said("batch", day(4)), name="same id")
    world.cut.clear()
    await world.equal()
    return a, b


@pytest.fixture(scope="module")
def settled(tmp_path_factory):
    """Give what each of two nodes says after they conflicted in every way."""

    async def work(monkeypatch):
        path = tmp_path_factory.mktemp("world")
        world = RunningWorld(path, "a", "b", monkeypatch=monkeypatch)
        await world.start("b")
        await world.start("a", erasure_register=register_of(path))
        await world.known("main")
        try:
            nodes = await conflicted(world)
            told = [await one_node(node) for node in nodes]
            with pytest.raises(HomeElsewhereError):
                await nodes[1].change(AcknowledgementPut(least="all"), "somebody")
            return told
        finally:
            await world.stop()

    with pytest.MonkeyPatch.context() as monkeypatch:
        return asyncio.run(work(monkeypatch))


async def one_node(node):
    span = node._live.read("main", lambda state: state.time_range_ms)
    return {
        Domain.ACTIVITY: await days_of(node, filters=["verb=read"]),
        Domain.SPAN: span,
        Domain.GRADE: values(node, "numbers", GRADE),
        Domain.STATUS: values(node, "codes", STATUS),
        Domain.OUTCOME: values(node, "codes", OUTCOME),
        Domain.COMPLETION: values(node, "codes", COMPLETED),
        Domain.ATTRIBUTE: [
            len(await days_of(node, filters=[f"country={one}"])) for one in ("SE", "NO")
        ],
        "days": await days_of(node),
        "learners": node.status("main").learners,
        "conflicts": await node.conflicts("main", DAYS),
    }


RULED = {
    Domain.ACTIVITY: ["2024-03-04", "2024-03-05"],
    Domain.GRADE: [0.9],
    Domain.STATUS: [LEFT],
    Domain.OUTCOME: [FAILED],
    Domain.COMPLETION: [REVOKED],
    Domain.ATTRIBUTE: [2, 0],
}


@pytest.mark.parametrize("domain", RULED)
def test_both_regions_come_to_what_the_rule_says(settled, domain):
    assert [one[domain] for one in settled] == [RULED[domain]] * 2, RULES[domain].rule


def test_both_regions_have_the_first_and_the_last_of_what_either_was_told(settled):
    first, last = (
        np.datetime64(f"2024-03-{n:02d}T10:00:00").astype("datetime64[ms]").astype(int)
        for n in (4, 9)
    )
    assert [one[Domain.SPAN] for one in settled] == [(first, last)] * 2


def test_of_events_all_count_but_what_is_void_erased_or_withheld(settled):
    # Two events under one id count, and the batch that the other region took; nothing of who is erased or refuses.
    counts = {"2024-03-04": 3, "2024-03-05": 2, "2024-03-06": 4, "2024-03-08": 1, "2024-03-09": 1}
    expected = [one for one, count in counts.items() for _ in range(count)]
    assert [one["days"] for one in settled] == [expected] * 2


def test_operators_see_the_same_conflicts_in_both_regions(settled):
    here, there = (one["conflicts"] for one in settled)
    assert here == there
    assert here.is_whole
    found = {one.domain: one for one in here.newest}
    domains = TOLD - {Domain.CONSENT, Domain.STATEMENT}
    assert found.keys() == domains
    assert here.counts == {**dict.fromkeys(domains, 1), Domain.CONSENT: 1}
    assert {one.nodes for one in here.newest} == {("a", "b")}
    assert {one.values for one in here.newest} == {2}
    assert found[Domain.ATTRIBUTE].field == "country"
    assert all(len(one.entries) == 2 for one in here.newest)


def test_every_rule_has_a_test_in_which_two_regions_conflict():
    here = {
        *RULED,
        Domain.SPAN,
        Domain.EVENT,
        Domain.BATCH,
        Domain.VOID,
        Domain.ERASURE,
        Domain.CONSENT,
        Domain.STATED,
    }
    assert here | TESTED_ELSEWHERE.keys() == set(Domain) == set(RULES)
    assert all((ROOT / path).is_file() for path in TESTED_ELSEWHERE.values())


def test_the_page_about_regions_has_the_table_of_the_code():
    page = (ROOT / "docs/explanation/regions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z, ]+) \| ([^|]+) \| ([^|]+) \| (yes|no) \|$", page, re.MULTILINE)
    told = [
        (domain.value, rule.conflict, rule.rule, "yes" if domain in TOLD else "no")
        for domain, rule in RULES.items()
    ]
    assert rows == told

"""Why a cell became other, asked of running nodes and of their directories."""

import asyncio
from dataclasses import replace

import pytest

from homeroom.cohorts.cells import Cell
from homeroom.cohorts.live import Shows, Wanted
from homeroom.errors import ControlError, NotYetError, QuestionError
from homeroom.log.log import Accepted
from homeroom.log.origins import Origin, Stream, Token, Vector
from homeroom.node.explained import CellAsked, Folded, span_of
from homeroom.running.explaining import explain_directory
from tests.running.nodes import batch, on, question
from tests.running.worlds import RunningWorld

WEEKLY = question("retention", to="2024-03-17")
SECOND_WEEK = Cell("2024-03-04", "1")


def at(account, day, **fields):
    return {"account": account, "verb": "watched", "time": f"2024-03-{day:02d}T10:00:00Z", **fields}


async def send(node, *events):
    outcome = await node.offer("main", "key", batch(None, *events))
    assert isinstance(outcome, Accepted), outcome
    return outcome.token


async def ask(node, *tokens):
    wanted = Wanted(after=Vector({one.origin: one.number for one in tokens}))
    return await node.ask("main", WEEKLY, wanted)


def asked(since, until=None, cell=SECOND_WEEK):
    return CellAsked(question=WEEKLY, cell=cell, since=since, until=until)


def named(found):
    return [(one["node"], one["region"], one["number"]) for one in found["entries"]]


def test_an_explanation_names_the_entries_of_each_region_wherever_it_is_asked(
    tmp_path, monkeypatch
):
    async def work():
        async with RunningWorld(tmp_path, "a", "b", "c", monkeypatch=monkeypatch) as world:
            nodes = world.nodes
            first = await send(nodes["a"], at("ada", 4), at("bob", 5), at("cyd", 4))
            before = await ask(nodes["b"], first)
            sent = [
                await send(nodes["b"], at("ada", 12), at("bob", 6)),
                await send(nodes["c"], at("ada", 13)),
                await send(nodes["c"], at("dan", 13)),
                await send(nodes["a"], at("cyd", 11)),
            ]
            after = await ask(nodes["a"], *sent)
            told = [
                (await node.explain("main", asked(before.applied), Shows.LABELS)).to_json()
                for node in nodes.values()
                if await ask(node, *sent)
            ]
            bounded = await nodes["a"].explain(
                "main", asked(before.applied, until=after.applied), Shows.LABELS
            )
            one = await nodes["a"].explain("main", asked(sent[1]._replace(number=0)), Shows.LABELS)
            return told, bounded.to_json(), one.to_json(), (before, after), sent

    told, bounded, one, (before, after), sent = asyncio.run(work())
    mattered = [sent[0], sent[1], sent[3]]
    for found in (*told, bounded):
        assert sorted(named(found)) == sorted(
            (t.origin.node, t.origin.node, t.number) for t in mattered
        )
        assert {entry["entry"] for entry in found["entries"]} == set(map(str, mattered))
        assert (found["entered"], found["left"], found["looked_at"]) == (2, 0, 4)
    counts = [one.answer.counts[0, 1] for one in (before, after)]
    assert [told[0]["before"], told[0]["after"]] == counts == [0, 2]
    ages = [entry["late_s"][0] for entry in told[0]["entries"]]
    assert min(ages) > 600 * 86_400  # what was sent is of long ago
    # With the token of an entry only what came later of its origin is looked at.
    assert {entry["node"] for entry in one["entries"]} <= {"c"}


def test_a_directory_explains_as_its_node_did_while_nothing_is_forgotten(tmp_path):
    async def work(node):
        first = await send(node, at("ada", 4), at("bob", 4))
        before = await ask(node, first)
        late = await send(node, at("ada", 12))
        await ask(node, late)
        found = await node.explain("main", asked(before.applied), Shows.REGISTERED)
        return before.applied, late, found.to_json()

    before, late, there = on(tmp_path / "n", work, region="north")
    found = explain_directory(tmp_path / "n", "main", asked(before)).to_json()
    assert [one["entry"] for one in found["entries"]] == [str(late)]
    assert named(there) == [("node", "north", late.number)]
    told = ("entered", "left", "before", "after")
    assert {name: found[name] for name in told} == {name: there[name] for name in told}
    with pytest.raises(ControlError, match="no tenant 'nobody'"):
        explain_directory(tmp_path / "n", "nobody", asked(before))


def test_what_cannot_be_explained_is_said(tmp_path):
    nobody = Origin("nobody", "0" * 32, Stream.ANALYTIC)

    async def work(node):
        token = await send(node, at("ada", 4), at("ada", 12))
        now = (await ask(node, token)).applied

        async def refused(why, *ends, error=QuestionError, **fields):
            with pytest.raises(error, match=why):
                await node.explain("main", asked(*ends, **fields), Shows.LABELS)

        await refused("exchange them", now, Vector({}))
        await refused("within", Vector({nobody: 1}), error=NotYetError)
        await refused("within", Vector(), Vector({nobody: 1}), error=NotYetError)
        await refused("row is '2024-01-01'", Vector(), cell=Cell("2024-01-01", "1"))
        node._store.begins = lambda: Vector({token.origin: token.number})
        await refused(f"forgotten entries 1 to {token.number} of", Vector())
        found = await node.explain(
            "main", asked(Vector({token.origin: token.number})), Shows.LABELS
        )
        assert not found.change.entries
        found = await node.explain("main", asked(Token(nobody, 5, 0)), Shows.LABELS)
        assert found.change.looked_at == 0

    on(tmp_path / "n", work, wait_ms=50)


def test_while_lives_that_are_over_are_not_here_no_vector_says_which_entries_are_meant():
    over = Origin("a", "0" * 32, Stream.ANALYTIC)
    here = Origin("b", "0" * 32, Stream.ANALYTIC)
    since, applied = Vector({here: 1}), Vector({here: 3, over: 2})
    gone = frozenset({over})
    lacking = Folded(applied, Vector(), gone, lambda _: gone, lacks_collapsed=True)
    with pytest.raises(QuestionError, match="all of lives that are over"):
        span_of(asked(since), lacking)
    assert span_of(asked(Token(here, 1, 0)), lacking).before[here] == 1
    assert span_of(asked(since), replace(lacking, lacks_collapsed=False)).before == Vector(
        {here: 1, over: 2}
    )

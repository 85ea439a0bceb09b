"""``homeroom scale`` shows the shards of a node, and has another number of them while it answers."""

import asyncio
import json

from homeroom.cli import main, status
from tests.running.nodes import on
from tests.running.sharding.regions import QUESTIONS, drawn
from tests.running.sharding.same import same
from tests.running.sharding.test_leading import asked, sent, shards, there

EVENTS = drawn(600, 50)


def said(path, capsys, *words, expected=status.CLEAN):
    capsys.readouterr()
    assert main(["scale", "--data", str(path), *words]) == expected
    out = capsys.readouterr()
    return out.err if expected == status.FAILED else out.out


def test_shards_are_shown_with_their_load_and_what_a_machine_would_bring(tmp_path, capsys):
    async def look(node):
        await there(node)
        await sent(node, EVENTS)
        await asked(node, "triangle")
        text = await asyncio.to_thread(said, tmp_path, capsys)
        return text, json.loads(await asyncio.to_thread(said, tmp_path, capsys, "--json", "-"))

    text, told = on(tmp_path, look, shards=shards())
    assert text.startswith("3 shards on 1 machine, ")
    assert "One more machine: 1 shard would move, " in text
    assert [one["slots"] for one in told["shards"]] == [[0, 1365], [1365, 2730], [2730, 4096]]
    assert sum(one["events"] for one in told["shards"]) == 600
    assert all(one["questions"] == 1 for one in told["shards"])
    assert told["more"]["learners_after"] < told["more"]["learners_before"]
    assert told["machines"] == [{"name": "here", "processors": 2, "shards": [0, 1, 2]}]


def test_shards_become_more_and_fewer_while_questions_are_answered(tmp_path, capsys):
    """None is wrong, none fails; a restart has as many as there were."""

    async def scale(node):
        await there(node)
        await sent(node, EVENTS[:450])
        expected = (await asked(node, "triangle")).figures()
        answers, stop = [], asyncio.Event()

        async def ask():
            while not stop.is_set():
                answers.append((await asked(node, "triangle")).figures())

        asking = asyncio.create_task(ask())
        for count in (5, 1, 2):
            text = await asyncio.to_thread(said, tmp_path, capsys, "--shards", str(count))
            assert text.startswith(f"{count} shard")
        stop.set()
        await asking
        assert len(answers) > 3
        assert all(same(one, expected) for one in answers)
        await sent(node, EVENTS[450:])
        return {name: (await asked(node, name)).figures() for name in QUESTIONS}

    async def again(node):
        await there(node, 2)
        assert node._shards.engine.shards == 2
        return {name: (await asked(node, name)).figures() for name in QUESTIONS}

    found = on(tmp_path, scale, shards=shards())
    assert sorted(one.name for one in (tmp_path / "shards").glob("of-*")) == ["of-2"]
    for name, figures in on(tmp_path, again, shards=shards()).items():
        assert same(found[name], figures), name


def test_a_number_that_cannot_begin_leaves_all_as_it_is(tmp_path, capsys):
    async def scale(node):
        await there(node)
        await sent(node, EVENTS)
        node._shards._cluster.is_full = True
        why = await asyncio.to_thread(
            said, tmp_path, capsys, "--shards", "4", expected=status.FAILED
        )
        assert "there is no room" in why
        assert node._shards.engine.shards == 3
        assert (await asked(node, "triangle")).source.learners > 30

    on(tmp_path, scale, shards=shards())


def test_a_node_without_shards_says_how_it_has_some(tmp_path, capsys):
    async def look(node):
        del node
        why = await asyncio.to_thread(said, tmp_path, capsys, expected=status.FAILED)
        assert "set shards.count" in why

    on(tmp_path, look)
    assert "no node runs" in said(tmp_path, capsys, expected=status.FAILED)

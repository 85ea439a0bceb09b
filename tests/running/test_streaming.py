"""Listeners of a running node who want changes, and those who do not for now."""

import asyncio
from contextlib import aclosing

from homeroom import limits
from homeroom.log.control import DefinitionKind, DefinitionPut
from tests.running.nodes import batch, event, on

SEEN = DefinitionPut(
    tenant="main", kind=DefinitionKind.COHORT, name="seen", written={"did": "any", "at_least": 1}
)


async def told(heard, holds):
    """Return the first thing told for which something holds."""
    async with asyncio.timeout(20):
        async for one in heard:
            if holds(one):
                return one
    raise AssertionError("a listener is told for ever")


def test_who_wants_no_changes_for_now_is_told_how_far_they_have_come_and_of_all_after_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(limits, "FRESHNESS_MS", 5)

    async def work(node):
        wanted = False
        await node.change(SEEN, "me")
        begun = node.changes("main", 0, 1, None).last
        async with aclosing(node.heed("main", begun, lambda: wanted)) as heard:
            await node.offer("main", "key", batch("b1", event(1), event(2)))
            passed = (await told(node.listen("main", begun), lambda one: one.changes)).last
            unheard = await told(heard, lambda one: one.changes or one.last >= passed)
            assert unheard.changes == ()
            assert not unheard.missed
            wanted = True
            await node.offer("main", "key", batch("b2", event(3)))
            [change] = (await told(heard, lambda one: one.changes)).changes
        every = node.changes("main", begun, 10, None).changes
        assert [one.number for one in every if one.number > passed] == [change.number]
        assert len({one.learner for one in every}) == 3

    on(tmp_path, work)

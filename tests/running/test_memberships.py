"""Memberships of a running node: fresh after a read that waits, true at midnight, told in order."""

import asyncio
import datetime as dt
import shutil

import pytest

from homeroom import limits
from homeroom.errors import NotYetError, QuestionError
from homeroom.log.control import DefinitionDeleted, DefinitionKind, DefinitionPut, TenantPut
from tests.running.nodes import batch, event, on, question

DAY_MS = 86_400_000
NOON_MS = 1_710_504_000_000
"""2024-03-15T12:00:00Z; the newest event of `event` is of the 20th."""


class Clock:
    """A clock that a test moves."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def put(name, kind=DefinitionKind.COHORT, **written):
    return DefinitionPut(tenant="main", kind=kind, name=name, written=written)


def on_march(day, number, **fields):
    return event(number, time=f"2024-03-{day:02d}T10:00:00Z", **fields)


async def names_of(node, cohort, after=None):
    return set((await node.members("main", cohort, 0, 100, after)).members)


async def until(node, holds):
    """Wait until the changes say so; a node that never does ends in the time limit of the test."""
    async with asyncio.timeout(20):
        async for told in node.listen("main", 0):
            if holds(told):
                return told
    raise AssertionError("a listener is told for ever")


def test_members_are_those_of_the_question_and_change_with_an_acknowledged_event(tmp_path):
    clock = Clock()

    async def work(node):
        sent = await node.offer("main", "key", batch("b1", *(on_march(15, n) for n in range(3))))
        token = await node.change(put("keen", did="verb=watched", at_least=2), "me")
        before = await node.members("main", "keen", 0, 100, token)
        assert before.members == ()
        assert before.cohort.version == 1
        assert before.moment.applied[sent.token.origin] == sent.token.number
        more = await node.offer("main", "key", batch("b2", on_march(14, 7)))
        after = await node.members("main", "keen", 0, 100, more.token)
        answer = await node.ask(
            "main",
            question(
                "members",
                cohort="keen",
                as_of="2024-03-15T12:00:00Z",
                definitions={"cohort": {"keen": {"did": "verb=watched", "at_least": 2}}},
            ),
            more.token,
        )
        assert set(after.members) == set(answer.answer.members)
        assert after.cohort.size == 1
        [change] = node.changes("main", 0, 10, "keen").changes
        assert (change.learner, change.entered, change.cause) == (after.members[0], True, "event")
        assert (change.at_ms, change.token) == (NOON_MS, more.token)
        mine = await node.cohorts_of("main", change.learner, None)
        assert mine.cohorts == (("keen", 1),)
        assert (await node.cohorts_of("main", "0" * 32, None)).cohorts == ()

    on(tmp_path, work, now_ms=clock)


def test_silence_becomes_true_at_the_local_midnight(tmp_path):
    clock = Clock()

    async def work(node):
        await node.change(TenantPut(name="other"), "me")
        await node.offer("main", "key", batch("b1", on_march(12, 1), on_march(15, 2)))
        token = await node.change(put("quiet", stopped="any", quiet="4d"), "me")
        assert await names_of(node, "quiet", token) == set()
        # 23:59:59.999 of the 15th in Oslo, which is an hour ahead of UTC; then midnight.
        clock.now_ms = NOON_MS + 11 * 3_600_000 - 1
        sent = await node.offer("main", "key", batch("b2", on_march(15, 3)))
        assert await names_of(node, "quiet", sent.token) == set()
        clock.now_ms += 1
        told = await until(node, lambda told: told.changes)
        [change] = told.changes
        assert (change.cohort, change.entered, change.cause) == ("quiet", True, "time")
        assert change.at_ms == NOON_MS + 11 * 3_600_000
        assert await names_of(node, "quiet") == {change.learner}
        assert (await node.cohorts("main", None)).date == dt.date(2024, 3, 16)

    on(tmp_path, work, now_ms=clock, timezone="Europe/Oslo")


def test_a_definition_that_says_something_else_changes_its_members_and_a_new_one_has_them_at_once(
    tmp_path,
):
    async def work(node):
        await node.offer("main", "key", batch("b1", *(on_march(15, n) for n in range(9))))
        token = await node.change(put("some", did="verb=watched"), "me")
        assert len(await names_of(node, "some", token)) == 7
        assert node.changes("main", 0, 10, None).changes == ()
        token = await node.change(put("some", did="verb=watched", at_least=2), "me")
        assert len(await names_of(node, "some", token)) == 2
        page = node.changes("main", 0, 100, "some")
        assert {(one.entered, one.cause, one.version) for one in page.changes} == {
            (False, "definition", 2)
        }
        assert len(page.changes) == 5
        gone = DefinitionDeleted(tenant="main", kind=DefinitionKind.COHORT, name="some")
        token = await node.change(gone, "me")
        with pytest.raises(QuestionError, match="no cohort 'some'"):
            await node.members("main", "some", 0, 10, token)

    on(tmp_path, work, now_ms=Clock())


def test_a_cohort_of_what_nobody_did_so_far_says_so_and_begins_when_somebody_does(tmp_path):
    async def work(node):
        await node.offer("main", "key", batch("b1", on_march(15, 1)))
        token = await node.change(put("writers", did="verb=wrote"), "me")
        [cohort] = (await node.cohorts("main", token)).cohorts
        assert cohort.size == 0
        assert "no event has verb 'wrote'" in cohort.problem
        sent = await node.offer("main", "key", batch("b2", on_march(15, 2, verb="wrote")))
        [cohort] = (await node.cohorts("main", sent.token)).cohorts
        assert (cohort.size, cohort.problem) == (1, None)

    on(tmp_path, work, now_ms=Clock())


def test_what_changed_while_the_node_was_not_there_is_told_once_after_the_start(tmp_path):
    clock = Clock()

    async def first(node):
        await node.offer("main", "key", batch("b1", on_march(12, 1), on_march(15, 2)))
        token = await node.change(put("quiet", stopped="any", quiet="7d"), "me")
        assert await names_of(node, "quiet", token) == set()
        return node.changes("main", 0, 10, None).last

    async def second(node):
        page = node.changes("main", last, 10, None)
        assert not page.missed
        return [(one.cohort, one.cause, one.entered) for one in page.changes], page.last

    last = on(tmp_path, first, now_ms=clock)
    clock.now_ms += 5 * DAY_MS
    told, last = on(tmp_path, second, now_ms=clock)
    assert told == [("quiet", "start", True)]
    assert on(tmp_path, second, now_ms=clock)[0] == []


def test_a_membership_file_that_is_damaged_is_told_and_made_anew(tmp_path):
    clock = Clock()

    async def first(node):
        await node.offer("main", "key", batch("b1", on_march(15, 2)))
        await node.change(put("all", did="any"), "me")

    async def second(node):
        return await names_of(node, "all")

    on(tmp_path, first, now_ms=clock)
    file = tmp_path / "membership.tensors"
    file.write_bytes(file.read_bytes()[:-5])
    assert len(on(tmp_path, second, now_ms=clock)) == 1
    shutil.copy(file, tmp_path / "copy")
    assert len(on(tmp_path, second, now_ms=clock)) == 1


def test_a_listener_hears_changes_in_order_and_how_fresh_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "FRESHNESS_MS", 10)

    async def work(node):
        await node.change(put("all", did="any"), "me")
        heard = []

        async def listen():
            async for told in node.listen("main", None):
                heard.append(told)
                if sum(len(one.changes) for one in heard) == 7:
                    return

        listening = asyncio.create_task(listen())
        for number in range(7):
            await node.offer("main", "key", batch(f"b{number}", on_march(15, number)))
        await asyncio.wait_for(listening, 20)
        numbers = [change.number for told in heard for change in told.changes]
        assert numbers == sorted(set(numbers))
        later = await until(node, lambda told: not told.changes and told.last == numbers[-1])
        assert later.moment.applied == node.status("main").applied

    on(tmp_path, work, now_ms=Clock())


def test_whoever_listens_too_late_is_told_that_something_is_missed(tmp_path, monkeypatch):
    async def work(node):
        await node.change(put("all", did="any"), "me")
        first = node.changes("main", 0, 1, None).last
        for number in range(5):
            sent = await node.offer("main", "key", batch(f"b{number}", on_march(15, number)))
            await node.cohorts("main", sent.token)
        page = node.changes("main", first, 10, None)
        assert page.missed
        assert len(page.changes) < 5
        assert not node.changes("main", page.last, 10, None).missed

    monkeypatch.setattr(
        "homeroom.cohorts.membership.changes.Changes.__init__.__defaults__", (None, 2)
    )
    on(tmp_path, work, now_ms=Clock())


def test_many_learners_are_asked_beside_the_fold(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "SURVEY_AT_ONCE_LEARNERS_MAX", 0)

    async def work(node):
        await node.offer("main", "key", batch("b1", *(on_march(15, n) for n in range(9))))
        token = await node.change(put("some", did="verb=watched"), "me")
        with pytest.raises(NotYetError, match="being asked about some"):
            await node.members("main", "some", 0, 10, None)
        assert len(await names_of(node, "some", token)) == 7

    on(tmp_path, work, now_ms=Clock())


def test_pages_go_on_where_the_last_one_ended(tmp_path):
    async def work(node):
        await node.offer("main", "key", batch("b1", *(on_march(15, n) for n in range(9))))
        token = await node.change(put("some", did="verb=watched"), "me")
        found, cursor = [], 0
        while cursor is not None:
            page = await node.members("main", "some", cursor, 3, token)
            found += page.members
            cursor = page.cursor
        assert len(found) == len(set(found)) == page.cohort.size == 7
        with pytest.raises(QuestionError, match="limit is 0"):
            await node.members("main", "some", 0, 0, None)
        with pytest.raises(QuestionError, match="no pseudonym"):
            await node.cohorts_of("main", "somebody@example.org", None)

    on(tmp_path, work, now_ms=Clock())

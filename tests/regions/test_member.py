"""What a member decides as a whole."""

from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Origin, Stream
from homeroom.log.rulings import Ruling
from homeroom.regions.steps import Members, Recovered
from tests.log.chains import sign
from tests.regions.nodes import REGIONS, WALL_MS, Driven

STATED = Origin("here", "9" * 32, Stream.CONTROL)


def test_no_facts_are_stated_before_those_that_are_held_and_wait_for_their_time():
    entry = make_entry(STATED, Head(), ((WALL_MS + 20_000) << 16, 0), b"facts", sign)
    node = Driven(heads={STATED: entry.head})
    node.step(Recovered((entry,), WALL_MS))
    assert not node.member.may_state(WALL_MS)
    node.tick(20_000, wall_ms=WALL_MS + 20_000)
    assert node.member.may_state(WALL_MS + 20_000)


def test_no_facts_are_stated_before_those_that_were_folded_before_the_clock_was_put_back():
    entry = make_entry(STATED, Head(), ((WALL_MS + 20_000) << 16, 0), b"facts", sign)
    node = Driven(heads={STATED: entry.head})
    node.step(Recovered((entry,), WALL_MS + 20_000))
    assert node.folded() == {STATED: 1}
    assert node.member.facts_ahead(WALL_MS) == (STATED, WALL_MS + 20_000)
    now = {STATED: (Ruling(1, 1, WALL_MS << 16),)}
    node.step(Members(4, REGIONS, rulings=now))
    assert node.member.may_state(WALL_MS)

"""Parts come together at the same places, in whatever look at the question a shard is; who does not answer is named."""

import pytest

from homeroom.cohorts.questions import Retention
from homeroom.errors import ShardsAwayError
from homeroom.log.origins import Vector
from homeroom.scaling.asked import Asked
from homeroom.scaling.gathering import Again, Done, Gathering, Part
from homeroom.state.columns_alone import HistoryNeededError
from homeroom.state.running import Sequential

ASKED = Asked("s", "main", Retention(), Vector())


class _Come:
    def __init__(self, step):
        self._step = step

    def result(self, _wait_ms):
        if isinstance(self._step, Exception):
            raise self._step
        return self._step


class Scripted:
    """A shard that says what it was told to say, and notes what it hears."""

    def __init__(self, number, *steps):
        self.number, self._steps, self.heard = number, list(steps), []

    def begin(self, asked):
        self.heard.append(asked)
        return _Come(self._steps.pop(0))

    def go_on(self, session, joined):
        self.heard.append(joined)
        return _Come(self._steps.pop(0))

    def end(self, session):
        self.heard.append("end")


def gathering(*members):
    made = Gathering(Sequential(), members, ASKED, 100, lambda value: value)
    made.begin_look()
    return made


def test_parts_are_joined_in_order_and_go_back_with_the_next_question():
    one, other = Scripted(0, Part(1, "a"), Part(1, "c")), Scripted(1, Part(1, "b"), Part(1, "d"))
    run = gathering(one, other)
    assert run.gathered("", "".join) == "ab"
    assert run.gathered("-", "".join) == "-cd"
    run.end()
    assert one.heard == other.heard == [ASKED, "ab", "end"]


def test_a_shard_that_needs_history_has_all_begin_again():
    ahead = Scripted(0, Part(1, 1), Part(2, 10), Part(2, 20))
    behind = Scripted(1, Part(1, 2), Part(1, 3), Part(2, 100), Part(2, 200))
    run = gathering(ahead, behind)
    assert run.gathered(0, sum) == 3
    with pytest.raises(HistoryNeededError):
        run.gathered(0, sum)
    assert run.begin_look() == 2
    assert run.gathered(0, sum) == 110
    assert run.gathered(0, sum) == 220
    assert ahead.heard == [ASKED, 3, 110]
    assert behind.heard == [ASKED, 3, Again(), 110]


def test_a_head_that_needs_history_first_has_all_begin_again():
    one = Scripted(0, Part(1, 1), Part(2, 5))
    run = gathering(one)
    assert run.gathered(0, sum) == 1
    run.begin_look()
    assert run.gathered(0, sum) == 5
    assert one.heard == [ASKED, Again()]


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (ShardsAwayError("it is gone"), "it is gone"),
        (Done("a fault"), "a fault"),
        (Done(), "another end"),
    ],
)
def test_who_does_not_answer_is_named(step, why):
    run = gathering(Scripted(0, Part(1, 1)), Scripted(7, step))
    with pytest.raises(ShardsAwayError, match=f"shard 7: .*{why}"):
        run.gathered(0, sum)
    assert list(run.late) == [7]

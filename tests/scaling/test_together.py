"""Shards say from what they answer, and there is no answer from two different states."""

import pytest

from homeroom.cohorts.answers import Source
from homeroom.cohorts.questions import Retention
from homeroom.errors import ShardsApartError
from homeroom.events.dictionary import Dictionaries
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.scaling.asked import Asked
from homeroom.scaling.together import Opening, ask_together, codes_of
from homeroom.state.running import Sequential
from homeroom.state.state import State
from homeroom.state.zones import load_zone

ORIGIN = Origin("one", 32 * "a", Stream.ANALYTIC)


def dictionaries(*verbs):
    made = Dictionaries.under(bytes(32))
    made.verb.codes(list(verbs), len(verbs))
    return made


class Beside(Sequential):
    """A run beside which another shard has opened with something."""

    def __init__(self, other):
        self._other = other

    def gathered(self, part, join):
        return join([part, self._other]) if isinstance(part, Opening) else part


def ask(known, other):
    state = State(load_zone("UTC"), known)
    asked = Asked("s", "main", Retention(interval="day"), Vector())
    return ask_together(state, asked, Beside(other), Source(events_read=1, learners=2))


def test_the_range_and_what_was_read_are_those_of_all():
    known = dictionaries("read")
    other = Opening(Vector(), codes_of(known), (0, 86_400_000), Source(events_read=4, learners=3))
    answer = ask(known, other)
    assert answer.periods == ("1970-01-01", "1970-01-02")
    assert (answer.source.events_read, answer.source.learners) == (5, 5)


def test_texts_in_another_order_make_no_answer():
    other = Opening(Vector(), codes_of(dictionaries("b", "a")), None, Source())
    with pytest.raises(ShardsApartError, match="other codes") as told:
        ask(dictionaries("a", "b"), other)
    assert told.value.places == (1,)


def test_other_entries_make_no_answer():
    known = dictionaries()
    other = Opening(Vector({ORIGIN: 1}), codes_of(known), None, Source())
    with pytest.raises(ShardsApartError, match="other entries"):
        ask(known, other)

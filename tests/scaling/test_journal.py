"""A journal tells in which order entries were given, also after it was written down."""

from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream
from homeroom.scaling.journal import Journal, read_portion, written_portion

ONE, OTHER = (Origin(name, 32 * "a", Stream.ANALYTIC) for name in ("one", "other"))


def entry(origin, number):
    nothing = {"previous": b"", "payload": b"", "payload_digest": b"", "signature": b""}
    return Entry(origin=origin, number=number, hybrid=0, epoch=0, **nothing)


def test_neighbours_of_one_origin_are_one_stretch():
    journal = Journal("life")
    assert journal.note([entry(ONE, 1), entry(ONE, 2), entry(OTHER, 1), entry(ONE, 3)]) == 1
    assert list(journal.after(0)) == [(1, ((ONE, 1, 2), (OTHER, 1, 1), (ONE, 3, 3)))]


def test_what_comes_meanwhile_is_told_too():
    journal = Journal("life")
    journal.note([entry(ONE, 1)])
    told = journal.after(0)
    assert next(told)[0] == 1
    journal.note([entry(ONE, 2)])
    assert next(told) == (2, ((ONE, 2, 2),))
    assert list(journal.after(journal.last)) == []


def test_a_portion_is_what_was_written_of_it():
    journal = Journal("life")
    journal.note([entry(ONE, 1), entry(OTHER, 1)])
    journal.note([entry(ONE, 2)])
    portions = [portion for _, portion in journal.after(0)]
    again = Journal("life", [read_portion(written_portion(one)) for one in portions])
    assert list(again.after(0)) == list(journal.after(0))

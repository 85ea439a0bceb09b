"""Answers as they are kept: bytes that hold or do not, and which one stays."""

import pytest

from homeroom.errors import EntryError
from homeroom.traffic.caching.entries import pack, replaces, unpack
from tests.traffic.caching.answers import at, kept, key


def test_an_answer_is_read_as_it_was_written():
    one = kept(b"x" * 10, at(a=3, b=9), newest=7, epoch=2, whole_ms=5, is_partial=True, cost_ms=1.5)
    assert unpack(key("q").name, pack(key("q").name, one)) == one


def test_bytes_that_are_cut_changed_or_of_another_question_are_no_answer():
    name = key("q").name
    written = pack(name, kept(b"value", at(a=3)))
    for size in range(len(written)):
        with pytest.raises(EntryError):
            unpack(name, written[:size])
    for bad in (written + b"x", b"", b"\xff" * 50, written.replace(b"analytic", b"analytix")):
        with pytest.raises(EntryError):
            unpack(name, bad)
    with pytest.raises(EntryError, match="another question"):
        unpack(key("other").name, written)


def test_a_fill_replaces_what_is_there_unless_it_is_not_newer():
    old = kept(applied=at(a=3, b=3))
    assert replaces(old, None)
    assert replaces(kept(applied=at(a=4, b=3)), old)
    assert not replaces(kept(applied=at(a=2, b=3)), old)
    assert not replaces(kept(applied=at(a=3)), old)
    assert replaces(kept(applied=at(a=4, b=1)), old)  # each knows what the other does not
    assert not replaces(kept(applied=at(a=3, b=3)), old)
    assert replaces(kept(applied=at(a=3, b=3), life_ms=90_000), old)
    rough = kept(applied=at(a=3, b=3), is_settled=False)
    assert replaces(old, rough)
    assert not replaces(rough, old)

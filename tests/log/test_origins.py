"""Names of who numbers entries, and of streams: three, and one for each jurisdiction that documents are sealed for."""

import copy
import pickle

import pytest

from homeroom import limits
from homeroom.log.origins import Origin, Stream, Vector


def test_the_stream_of_what_is_sealed_for_a_jurisdiction_is_one_and_says_for_which():
    stream = Stream.sealed_for("eu")
    assert stream is Stream("sealed-eu") is Stream.sealed_for("eu")
    assert (stream.home, stream.is_shared, str(stream)) == ("eu", False, "sealed-eu")
    assert [*Stream] == [Stream.CONTROL, Stream.ANALYTIC, Stream.PINNED, Stream.DOCUMENT]
    assert [one.is_shared for one in Stream] == [True, True, False, False]
    assert [one.has_events for one in (*Stream, stream)] == [False, True, True, False, False]
    assert [one.has_documents for one in (*Stream, stream)] == [False, False, False, True, True]
    assert {one.home for one in Stream} == {""}


def test_it_is_the_same_after_it_was_copied_or_written():
    stream = Stream.sealed_for("eu")
    assert copy.deepcopy(stream) is stream
    assert pickle.loads(pickle.dumps(stream)) is stream
    vector = Vector({Origin("n", "a" * 32, stream): 3})
    assert Vector.from_json(vector.to_json()) == vector


@pytest.mark.parametrize("name", ["sealed-", "sealed-EU", "sealed-e/u", "else", "sealed--eu"])
def test_what_is_no_name_of_a_stream_is_refused(name):
    with pytest.raises(ValueError, match="is not a valid Stream"):
        Stream(name)


def test_others_cannot_have_it_know_names_without_end(monkeypatch):
    monkeypatch.setattr(limits, "STREAM_NAMES_MAX", 0)
    with pytest.raises(ValueError, match="is not a valid Stream"):
        Stream("sealed-somewhere-that-is-named-first-here")

"""Dictionaries of hashes: read by label where it is known, by whoever may see it, whenever it came."""

from homeroom.events.ids import IdHasher
from homeroom.events.labels import Labels, labelled_dictionaries, shown, take_plain

HASHER = IdHasher.under(bytes(32))


def made(*texts, known=()):
    labels = Labels(HASHER, lambda: known)
    found = labelled_dictionaries(bytes(32), labels)
    found.course.codes([HASHER.hashed(text) for text in texts], len(texts))
    return labels, found


def test_a_label_that_comes_later_is_read_then():
    labels, found = made("a", "b")
    assert found.course.spoken == found.course.stored
    before = found.course.readings
    labels.add(["b"])
    assert found.course.spoken == [HASHER.hashed("a"), "b"]
    found.course.codes([HASHER.hashed("c")], 1)
    labels.add(["a", "c"])
    assert found.course.spoken == ["a", "b", "c"]
    assert found.course.readings > before, "whoever looked a condition up looks again"


def test_what_everybody_may_know_needs_no_label():
    labels, found = made("a", "b", known=("b",))
    assert found.course.spoken[1] == "b"
    labels.know(lambda: ("a",))
    assert found.course.spoken == ["a", "b"]


def test_a_view_shows_what_may_be_shown_and_finds_the_same():
    labels, found = made("open", "closed")
    labels.add(["open", "closed"])
    some = shown(found, lambda kind, text: (kind, text) == ("course", "open"), "stamp")
    every = shown(found)
    assert some.course.values == ["open", HASHER.hashed("closed")]
    assert every.course.values == ["open", "closed"]
    for view in (some, every, found):
        assert view.course.named("closed") == view.course.named(HASHER.hashed("closed")) == [1]
        assert view.course.stored == found.course.stored
        assert view.course.hashes.hi.tolist() == found.course.hashes.hi.tolist()
    other = shown(found, lambda _kind, text: text == "closed", "another stamp")
    assert other.course.values == [HASHER.hashed("open"), "closed"]


def test_text_that_comes_as_itself_gets_the_code_of_its_hash():
    _, found = made("a")
    assert found.course.codes(["a", "b", HASHER.hashed("b"), None], 4).tolist() == [0, 1, 1, -1]
    assert found.course.stored == [HASHER.hashed("a"), HASHER.hashed("b")]
    assert take_plain(found)["course"] == ["a", "b"]
    found.course.codes(["c"], 1)
    assert take_plain(found)["course"] == []


def test_a_text_that_cannot_be_an_id_is_not_hashed():
    _, found = made()
    assert found.course.codes(["x" * 5_000, "\ud800"], 2).max() < -1
    assert found.course.named("\ud800") == []
    assert found.course.stored == []


def test_a_text_that_is_forgotten_is_known_under_no_name_and_its_place_still_looks_like_a_hash():
    labels, found = made("a", "b")
    found.course.codes(["b"], 1)
    labels.add(["a", "b"])
    assert found.course.spoken == ["a", "b"]
    found.course.forget([1])
    assert found.course.named("b") == []
    assert "b" not in found.course.spoken
    assert found.course.codes(["b", HASHER.hashed("b"), "a"], 3).tolist() == [2, 2, 0]
    again = labelled_dictionaries(bytes(32), Labels(HASHER))
    again.course.codes(found.course.stored, 3)
    assert again.course.stored == found.course.stored, "a snapshot is read as it was written"
    assert again.course.hashes.hi.tolist() == found.course.hashes.hi.tolist()
    assert take_plain(again)["course"] == []

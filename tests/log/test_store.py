"""What every store does, whatever it keeps things in."""

import threading
from dataclasses import replace

import pytest

from homeroom import limits
from homeroom.errors import StoreError
from homeroom.log.entries import Head, redacted
from homeroom.log.origins import Vector
from homeroom.log.store import expect
from tests.log.chains import DOCUMENTS, HERE, THERE, chain, checked, record, sign
from tests.log.stores import KINDS, place_of


@pytest.fixture(params=KINDS)
def place(request):
    return place_of(request.param, request)


@pytest.fixture
def store(place):
    store = place.open()
    yield store
    store.close()


def test_an_empty_store_holds_nothing(store):
    assert store.held() == Vector()
    assert store.head(HERE) == Head()
    assert store.last_hybrid() == 0
    assert store.read(HERE, 1, 10) == []
    assert store.record("key", "b") is None
    assert store.collect(Vector({HERE: 3})) == 0


def test_what_was_written_is_read_back(store):
    entries, other = chain(5), chain(2, DOCUMENTS)
    records = [record("b1", entries[0]), record("b2"), record("b1", other[0], owner="another")]
    store.write([*entries[:2], other[0]], records)
    store.write([*entries[2:], other[1]], [])
    assert checked(store.read(HERE, 1, 100)) == entries
    assert store.read(HERE, 2, 3) == entries[1:4]
    assert store.read(HERE, 6, 3) == []
    assert store.read(DOCUMENTS, 2, 3) == other[1:]
    assert store.read(THERE, 1, 3) == []
    assert store.held() == Vector({HERE: 5, DOCUMENTS: 2})
    assert store.head(HERE) == entries[-1].head
    assert store.last_hybrid() == entries[-1].hybrid
    for one in records:
        assert store.record(one.owner, one.batch_id) == one


def test_what_was_written_is_there_after_the_next_start(place):
    entries = chain(3, size_bytes=200_000)
    store = place.open()
    store.write(entries, [record("b", entries[2])])
    store.close()
    store = place.open()
    assert checked(store.read(HERE, 1, 9)) == entries
    assert store.record("key", "b") == record("b", entries[2])
    more = chain(2, after=entries[-1].head)
    store.write(more, [])
    assert store.held() == Vector({HERE: 5})
    store.close()


def test_many_batches_are_asked_for_at_once(store):
    entries = chain(1)
    records = [record(f"b{number}", entries[0]) for number in range(150)]
    others = [record("b3", owner="another"), record("only", owner="another")]
    store.write(entries, [*records, *others])
    named = {(one.owner, one.batch_id): one for one in [*records[::2], *others]}
    unknown = [("key", "none"), ("another", "b4"), ("nobody", "b3")]
    assert store.records_of([*named, *unknown]) == named
    assert store.records_of(unknown) == {}
    assert store.records_of([]) == {}


def test_a_record_without_an_entry_is_kept(store):
    store.write([], [record("b")])
    assert store.record("key", "b") == record("b")
    assert store.held() == Vector()


@pytest.mark.parametrize("fault", ["gap", "repeat", "fork"])
def test_what_does_not_follow_is_not_written_nor_is_what_comes_with_it(place, fault):
    entries = chain(3)
    store = place.open()
    store.write(entries[:2], [])
    wrong = {
        "gap": chain(4)[3],
        "repeat": entries[1],
        "fork": replace(entries[2], previous=bytes(32)),
    }[fault]
    other = chain(1, DOCUMENTS)
    with pytest.raises(StoreError, match="does not follow"):
        store.write([*other, wrong], [record("b", wrong)])
    with pytest.raises(StoreError, match="since a write failed"):
        store.write(entries[2:], [])
    with pytest.raises(StoreError, match="since a write failed"):
        store.collect(Vector({HERE: 1}))
    assert store.read(HERE, 1, 9) == entries[:2]
    store.close()
    store = place.open()
    assert store.held() == Vector({HERE: 2})
    assert store.record("key", "b") is None
    store.write(entries[2:], [])
    store.close()


def test_a_batch_is_written_once(store):
    entries = chain(2)
    store.write(entries[:1], [record("b", entries[0])])
    with pytest.raises(StoreError):
        store.write(entries[1:], [record("b", entries[1])])
    assert store.held() == Vector({HERE: 1})
    assert store.record("key", "b") == record("b", entries[0])


def test_collected_entries_are_gone_and_their_numbers_are_not(place):
    entries, other = chain(6), chain(2, THERE)
    store = place.open()
    store.write([*entries, *other], [record("b", entries[0])])
    assert store.collect(Vector({HERE: 4, THERE: 9})) == 6
    assert store.collect(Vector({HERE: 4, THERE: 9})) == 0
    assert store.read(HERE, 1, 9) == entries[4:]
    assert store.read(HERE, 1, 5) == entries[4:5]
    assert store.read(THERE, 1, 9) == []
    store.close()
    store = place.open()
    assert store.read(HERE, 2, 9) == entries[4:]
    assert store.held() == Vector({HERE: 6, THERE: 2})
    assert store.begins() == Vector({HERE: 4, THERE: 2})
    assert store.head(THERE) == other[-1].head
    assert store.record("key", "b") == record("b", entries[0])
    store.write(chain(1, THERE, after=other[-1].head), [])
    assert store.held()[THERE] == 3
    assert store.collect(Vector({HERE: 9, THERE: 9})) == 3
    assert store.held() == Vector({HERE: 6, THERE: 3})
    store.close()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_an_origin_goes_on_from_where_the_snapshot_of_another_node_ends(kind, request):
    entries, other = chain(6), chain(3, THERE)
    place = place_of(kind, request)
    store = place.open()
    store.write([*entries[:2], *other], [record("b", entries[0])])
    store.pass_over({HERE: entries[4].head})
    assert store.held() == Vector({HERE: 5, THERE: 3})
    assert store.begins() == Vector({HERE: 5})
    assert store.read(HERE, 1, 9) == []
    store.close()
    store = place.open()
    assert store.head(HERE) == entries[4].head
    store.write(entries[5:], [])
    assert store.read(HERE, 1, 9) == entries[5:]
    assert store.read(THERE, 1, 9) == other
    assert store.record("key", "b") == record("b", entries[0])
    store.close()


def test_one_call_collects_a_bounded_number(store, monkeypatch):
    monkeypatch.setattr(limits, "COLLECT_ENTRIES_MAX", 4)
    store.write([*chain(5), *chain(3, THERE)], [])
    all_of_it = Vector({HERE: 5, THERE: 3})
    assert [store.collect(all_of_it) for _ in range(3)] == [4, 4, 0]
    assert store.held() == all_of_it


def test_threads_read_while_one_writes_and_see_whole_entries(store):
    entries = chain(60)
    failures = []
    is_over = threading.Event()

    def read():
        try:
            while not is_over.is_set():
                held = store.held()[HERE]
                seen = checked(store.read(HERE, 1, 100))
                assert len(seen) >= held
                assert seen == entries[: len(seen)]
                if seen:
                    assert store.record("key", f"b{len(seen)}") is not None
        except BaseException as error:  # noqa: BLE001 - the test's own thread must hear of it
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for entry in entries:
        store.write([entry], [record(f"b{entry.number}", entry)])
    is_over.set()
    for reader in readers:
        reader.join()
    assert not failures, failures
    assert store.read(HERE, 1, 100) == entries


def test_entries_that_were_seen_and_are_lost_are_named():
    seen = Vector({HERE: 5, THERE: 2})
    expect(seen.joined({DOCUMENTS: 1}), seen)
    with pytest.raises(StoreError, match=rf"lost entries .* 4 to 5 of {HERE}, 1 to 2 of {THERE}\."):
        expect(Vector({HERE: 3}), seen)


def test_redacted_entries_stand_in_the_places_of_the_others(place):
    entries = chain(4, size_bytes=5_000)
    store = place.open()
    store.write(entries, [record("b", entries[1])])
    left = [redacted(entries[1], b"left", "there", sign), redacted(entries[3], b"", "here", sign)]
    store.redact(left)
    assert store.scrub() is None
    expected = [entries[0], left[0], entries[2], left[1]]
    assert checked(store.read(HERE, 1, 9)) == expected
    more = chain(1, after=entries[-1].head)
    store.write(more, [])
    store.close()
    store = place.open()
    assert checked(store.read(HERE, 1, 9)) == [*expected, *more]
    assert store.head(HERE) == more[-1].head
    assert store.record("key", "b") == record("b", entries[1])
    store.close()


def test_redacting_what_was_collected_or_is_another_changes_nothing(store):
    entries = chain(3)
    store.write(entries, [])
    store.collect(Vector({HERE: 1}))
    other = chain(3, size_bytes=30)
    store.redact([redacted(entries[0], b"", "here", sign), redacted(other[2], b"", "here", sign)])
    kept = store.read(HERE, 1, 9)
    assert [one.number for one in kept] == [2, 3]
    assert kept == entries[1:]


def test_redacted_entries_are_written_as_any_others(store):
    entries = [redacted(one, b"left", "there", sign) for one in chain(2)]
    store.write(entries, [])
    assert checked(store.read(HERE, 1, 9)) == entries

"""A server beside the node: two writers, a server that goes away, one that lost its tail, one that forgets."""

import psycopg
import pytest

from homeroom.adapters.log_postgres import PostgresStore
from homeroom.errors import StoreError
from homeroom.log.origins import Vector
from homeroom.log.store import expect
from tests.databases import Server, emptied
from tests.log.chains import HERE, THERE, chain, checked, record

FIRST, SECOND = "a" * 32, "b" * 32


@pytest.fixture
def url(postgres):
    return emptied(postgres)


def end_connections(url):
    """End all but the asking connection, as a server that restarts does."""
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(query)


def test_of_two_writers_under_one_name_the_first_must_stop(url):
    first = PostgresStore(url, "here", FIRST)
    entries = chain(3)
    first.write(entries[:1], [])
    second = PostgresStore(url, "here", SECOND)
    with pytest.raises(StoreError, match=r"another process has begun to write .* as node here"):
        first.write(entries[1:2], [record("b")])
    with pytest.raises(StoreError, match="another process"):
        first.collect(Vector({HERE: 1}))
    second.write(entries[1:], [])
    with pytest.raises(StoreError, match="another process"):
        first.go_on()
    assert checked(first.read(HERE, 1, 9)) == entries, "who may not write may read"
    assert second.record("key", "b") is None
    first.close()
    second.close()


def test_nodes_of_other_names_share_a_server(url):
    first, second = PostgresStore(url, "here", FIRST), PostgresStore(url, "there", SECOND)
    for entry, other in zip(chain(3), chain(3, THERE), strict=True):
        first.write([entry], [])
        second.write([other], [])
    assert first.held() == second.held() == Vector({HERE: 3, THERE: 3})
    first.close()
    second.close()


def test_the_second_writer_waits_for_a_write_that_is_under_way(url):
    """A transaction that is open when the second comes is whole before the second reads what is held, or is none."""
    first = PostgresStore(url, "here", FIRST)
    with psycopg.connect(url) as paused:
        paused.execute("SELECT 1 FROM writers WHERE node = 'here' FOR UPDATE")
        with pytest.raises(StoreError, match=r"cannot be opened: .*lock timeout"):
            opened_impatiently(url)
    second = PostgresStore(url, "here", SECOND)
    second.write(chain(1), [])
    first.close()
    second.close()


def opened_impatiently(url):
    import homeroom.adapters.log_postgres as module

    patient, module._SETTINGS = module._SETTINGS, ("SET lock_timeout = 50",)
    try:
        return PostgresStore(url, "here", SECOND)
    finally:
        module._SETTINGS = patient


def test_a_connection_that_ends_is_an_error_and_a_new_store_goes_on(url):
    store = PostgresStore(url, "here", FIRST)
    entries = chain(3)
    store.write(entries[:1], [])
    assert store.read(HERE, 1, 9) == entries[:1]
    end_connections(url)
    with pytest.raises(
        StoreError, match=r"cannot be written: .*whether the last write is there is not known"
    ):
        store.write(entries[1:2], [])
    with pytest.raises(StoreError, match="go on over a new connection"):
        store.write(entries[1:2], [])
    assert store.read(HERE, 1, 9) == entries[:1], "reading goes on by itself"
    assert store.failure
    store.go_on()
    store.write(entries[1:2], [])
    store.close()
    store = PostgresStore(url, "here", SECOND)
    store.write(entries[2:], [])
    assert checked(store.read(HERE, 1, 9)) == entries
    store.close()


def lose_tail(url, kept):
    """Make a database what one is that failed over to a copy that had not everything yet."""
    head = chain(kept)[-1].head
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM entries WHERE number > %s", (kept,))
        connection.execute(
            "UPDATE heads SET number = %s, digest = %s, hybrid = %s",
            (head.number, head.digest, head.hybrid),
        )


def test_a_database_that_lost_its_tail_is_seen(url):
    store = PostgresStore(url, "here", FIRST)
    entries = chain(5)
    store.write(entries[:4], [])
    seen = store.held()
    lose_tail(url, 2)
    with pytest.raises(StoreError, match=r"does not hold entry 4 .* any more"):
        store.write(entries[4:], [])
    with pytest.raises(StoreError, match="has lost entries"):
        store.go_on()
    store.close()
    store = PostgresStore(url, "here", SECOND)
    with pytest.raises(StoreError, match=rf"lost entries .* 3 to 4 of {HERE}"):
        expect(store.held(), seen)
    store.close()


def test_an_entry_that_is_gone_is_an_error_and_not_a_gap(url):
    store = PostgresStore(url, "here", FIRST)
    store.write(chain(5), [record("b")])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DELETE FROM entries WHERE number = 3")
        connection.execute("UPDATE batches SET answer = 'other'")
    with pytest.raises(StoreError, match="damaged: of entries 2 to 5 it has 3"):
        store.read(HERE, 2, 9)
    with pytest.raises(StoreError, match="damaged"):
        store.record("key", "b")
    store.close()


def test_a_server_that_does_not_answer_is_an_error_without_the_password(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened") as told:
        PostgresStore(f"postgresql://someone:secret-word@/log?host={tmp_path}", "here", FIRST)
    assert "secret-word" not in str(told.value)
    for broken in ("postgresql://someone:secret-word@127.0.0.1:port/x", "secret-word"):
        with pytest.raises(StoreError) as told:
            PostgresStore(broken, "here", FIRST)
        assert "secret-word" not in str(told.value)


@pytest.mark.slow
def test_a_server_that_forgets_is_refused():
    server = Server()
    try:
        server.end()
        server.start("fsync=off")
        with pytest.raises(StoreError, match="fsync = off"):
            PostgresStore(server.url(), "here", FIRST)
        server.end()
        server.start("synchronous_commit=off")
        store = PostgresStore(server.url(), "here", FIRST)
        assert store._writer.execute("SHOW synchronous_commit").fetchone() == ("on",)
        store.close()
    finally:
        server.remove()

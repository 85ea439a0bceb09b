"""Operations and the file: applied in order, again without harm, by another copy the same; damage is seen."""

import sqlite3

import msgspec
import pytest

from homeroom import limits
from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.operations import (
    ActivityKnown,
    Change,
    DocumentDropped,
    KeyDestroyed,
    Stamped,
    StatementKept,
    SubjectKey,
    decode,
    encode,
)
from homeroom.adapters.vault.preparing import Prepared, Preparer
from homeroom.adapters.vault.reading import VaultReader
from homeroom.adapters.vault.reads import Reads
from homeroom.adapters.vault.sealing import Seals, TenantKeys
from homeroom.errors import EntryError, VaultError
from homeroom.records.documents import Action, Address, Conditions, Document, Kind
from homeroom.records.queries import OneStatement, Search, Voidness
from homeroom.records.store import DocumentChange, Refused, Sent
from homeroom.records.versions import Version
from tests.serve.xapi.forms import GROUP
from tests.serve.xapi.store import KEYS, START_MS, WRITE, agent, caller, new_id, statement

WHO = caller(WRITE)
VOIDED = {"id": "http://adlnet.gov/expapi/verbs/voided"}


def stamped(number, *changes):
    return Stamped(number, b"", changes)


class Copy:
    """A vault and all that looks at it."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.path = folder / "documents.db"
        self.vault = Vault(self.path)
        self.preparer = Preparer(VaultReader(self.path), lambda _: KEYS)
        self.reads = Reads(self.path, lambda _: KEYS)
        self.position = 0
        self.written = {}

    def accept(self, *statements, now_ms=START_MS):
        found = self.preparer.accept(Sent(list(statements), {}, Version.TWO), WHO, now_ms)
        assert isinstance(found, Prepared), found
        return found

    def apply(self, *prepared):
        self.position += 1
        entries = [
            stamped(self.written.setdefault(one.encoded, self.position), decode(one.encoded))
            for one in prepared
        ]
        self.vault.apply(entries, f"entry {self.position}")
        for one in prepared:
            self.preparer.applied(one)

    def shown(self):
        page = self.reads.search(Search(), "main", ())
        return [one.statement for one in page.statements]


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path / "one")


def put(name, content, agent_=None, now_ms=START_MS, condition=None):
    address = Address(kind=Kind.AGENT_PROFILE, agent=agent_ or agent(), document_id=name)
    document = None if content is None else Document(content, "text/plain", 0)
    action = Action.DELETE if content is None else Action.PUT
    return DocumentChange(address, action, Conditions(if_match=condition), document, Version.ONE)


def story(copy):
    """Return prepared requests that make every kind of operation, applied one by one."""
    gone, one, target = agent(new_id()), new_id(), new_id()
    steps = [
        lambda: copy.accept(
            statement(id=one, actor=gone, object={"id": "a:b", "definition": {"type": "a:b"}})
        ),
        lambda: copy.accept(statement(object={"objectType": "StatementRef", "id": target})),
        lambda: copy.accept(statement(id=target), statement()),
        lambda: copy.accept(
            statement(verb=VOIDED, object={"objectType": "StatementRef", "id": target})
        ),
        lambda: copy.preparer.change(put("a", b"1"), WHO, START_MS),
        lambda: copy.preparer.change(put("a", b"1", gone), WHO, START_MS),
        lambda: copy.preparer.change(put("a", None), WHO, START_MS),
        lambda: copy.preparer.change(put("b", b"1"), WHO, START_MS),
        lambda: copy.preparer.erase("main", Seals(KEYS).pseudonym("mailto", gone["mbox"][7:])),
        lambda: copy.accept(statement()),
    ]
    done = []
    for step in steps:
        done.append(step())
        copy.apply(done[-1])
    return done


TABLES = (
    "subjects",
    "destroyed",
    "portraits",
    "statements",
    "terms",
    "follows",
    "activities",
    "documents",
)


def contents(copy):
    with sqlite3.connect(copy.path) as connection:
        found = {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
            for table in TABLES
        }
    connection.close()
    return found


def test_another_copy_that_applies_the_same_is_the_same(copy, tmp_path):
    done = story(copy)
    kinds = {type(operation) for one in done for operation in one.change.operations}
    assert kinds >= {SubjectKey, StatementKept, ActivityKnown, DocumentDropped, KeyDestroyed}
    other = Copy(tmp_path / "other")
    entries = [stamped(n, decode(one.encoded)) for n, one in enumerate(done, 1)]
    other.vault.apply(entries, "all")
    assert contents(other) == contents(copy)
    assert all(contents(copy).values()), "the story has something for each table"
    assert other.shown() == copy.shown()
    assert (copy.vault.applied, other.vault.applied) == ("entry 10", "all")


@pytest.mark.parametrize("start", range(10))
def test_applying_again_changes_nothing(copy, start):
    done = story(copy)
    before = contents(copy)
    copy.apply(*done[start:])
    assert contents(copy) == before


def test_what_is_pending_counts(copy):
    one, person = new_id(), agent(new_id())
    first = copy.accept(statement(id=one, actor=person))
    again = copy.accept(statement(id=one, actor=person))
    assert again.change.operations == []
    assert again.encoded == b""
    assert again.answer.ids == (one,)
    sent = Sent([statement(id=one)], {}, Version.TWO)
    assert isinstance(copy.preparer.accept(sent, WHO, START_MS), Refused)
    other = copy.accept(statement(actor=person))
    kinds = [type(operation) for operation in other.change.operations]
    assert kinds == [StatementKept], "person and authority have keys by then"
    copy.apply(first, other)
    assert [found["actor"] for found in copy.shown()] == [person, person]


def test_a_document_is_changed_on_top_of_what_is_pending(copy):
    first = copy.preparer.change(put("a", b"1"), WHO, START_MS)
    refused = copy.preparer.change(put("a", b"2"), WHO, START_MS)
    assert isinstance(refused, Refused)
    dropped = copy.preparer.change(put("a", None), WHO, START_MS)
    third = copy.preparer.change(put("a", b"3"), WHO, START_MS + 1)
    copy.apply(first)
    assert isinstance(copy.preparer.change(put("a", b"4"), WHO, START_MS), Refused), (
        "the third is pending"
    )
    copy.apply(dropped, third)
    address = Address(kind=Kind.AGENT_PROFILE, agent=agent(), document_id="a")
    assert copy.reads.document(address, "main").content == b"3"


def test_what_never_came_to_be_is_forgotten(copy):
    person, one = agent(new_id()), new_id()
    copy.accept(statement(id=one, actor=person))
    copy.preparer.forget()
    again = copy.accept(statement(id=one, actor=person))
    copy.apply(again)
    assert copy.shown()[0]["actor"] == person


def test_a_request_that_is_prepared_once_more_is_the_same(copy):
    sent = Sent([statement(actor=agent(new_id()), context={"team": GROUP})], {}, Version.TWO)
    first = copy.preparer.accept(sent, WHO, START_MS)
    copy.preparer.forget()
    again = copy.preparer.accept(sent, WHO, START_MS + 5)
    assert again.answer == first.answer
    copy.apply(again)
    (shown,) = copy.shown()
    assert shown["id"] == first.answer.ids[0]
    assert shown["actor"] == sent.statements[0]["actor"]


def test_a_refused_request_leaves_no_trace(copy):
    person, one = agent(new_id()), new_id()
    copy.apply(copy.accept(statement(id=one)))
    sent = [statement(actor=person), statement(id=one, actor=person)]
    assert isinstance(copy.preparer.accept(Sent(sent, {}, Version.TWO), WHO, START_MS), Refused)
    later = copy.accept(statement(actor=person))
    copy.apply(later)
    assert copy.shown()[0]["actor"] == person


def test_a_person_whom_two_nodes_met_at_the_same_time_has_two_keys(copy, tmp_path):
    other, person = Copy(tmp_path / "other"), agent(new_id())
    here = copy.accept(statement(id=new_id(), actor=person))
    there = other.accept(statement(id=new_id(), actor=person, verb={"id": "a:b"}))
    copy.apply(here)
    assert len(copy.shown()) == 1, "its reader knows one key by now"
    pending = copy.accept(statement(id=new_id(), actor=person))
    copy.vault.apply([stamped(7, decode(there.encoded))], "from there")
    again = copy.accept({**statement(actor=person, verb={"id": "a:b"}), "id": there.answer.ids[0]})
    assert again.change.operations == [], "it is the same, and was opened to see that"
    copy.apply(pending)
    other.apply(there)
    other.vault.apply([stamped(8, decode(here.encoded), decode(pending.encoded))], "from here")
    assert len(copy.shown()) == len(other.shown()) == 3
    assert {one["id"] for one in copy.shown()} == {one["id"] for one in other.shown()}
    subject = Seals(KEYS).pseudonym("mailto", person["mbox"][7:])
    erased = copy.preparer.erase("main", subject)
    for one in (copy, other):
        one.vault.apply([stamped(9, decode(erased.encoded))], "erased")
        one.vault.apply([stamped(9, decode(there.encoded), decode(here.encoded))], "again")
        assert one.shown() == []


def test_two_statements_of_one_place_stand_side_by_side(copy, tmp_path):
    other = Copy(tmp_path / "other")
    one, two = copy.accept(statement()), other.accept(statement())
    place = one.change.operations[-1].place
    copy.apply(one)
    kept = next(op for op in two.change.operations if isinstance(op, StatementKept))
    beside = Change("main", [msgspec.structs.replace(kept, place=place)])
    copy.vault.apply([stamped(1, beside)], "x")
    assert copy.vault.applied == "x"
    with sqlite3.connect(copy.path) as connection:
        assert connection.execute("SELECT count(DISTINCT place) FROM statements").fetchone() == (2,)
    connection.close()


def test_a_statement_without_its_key_cannot_be_read(copy):
    prepared = copy.accept(statement(id=new_id()))
    only = [op for op in prepared.change.operations if isinstance(op, StatementKept)]
    copy.vault.apply([stamped(1, Change("main", only))], "x")
    assert copy.shown() == []


def test_another_key_opens_nothing(copy):
    one = new_id()
    copy.apply(copy.accept(statement(id=one)))
    reads = Reads(copy.path, lambda _: TenantKeys(KEYS.pseudonym, bytes(32)))
    with pytest.raises(VaultError, match="does not open"):
        reads.statement(OneStatement(statement_id=one, voidness=Voidness.COUNTS), "main", ())
    with pytest.raises(ValueError, match="must be 32"):
        Seals(TenantKeys(b"x", bytes(32)))


def test_what_was_changed_on_disk_does_not_open(copy):
    one = new_id()
    copy.apply(copy.accept(statement(id=one), statement()))
    with sqlite3.connect(copy.path) as connection:
        bodies = connection.execute("SELECT body FROM statements ORDER BY place").fetchall()
        connection.execute(
            "UPDATE statements SET body = ? WHERE body = ?", (*bodies[1], *bodies[0])
        )
    connection.close()
    with pytest.raises(VaultError, match="does not open"):
        copy.reads.statement(OneStatement(statement_id=one, voidness=Voidness.COUNTS), "main", ())


def test_a_set_of_changes_is_applied_whole_or_not(copy):
    prepared = copy.accept(statement())
    broken = Change("new tenant", [KeyDestroyed(b"x" * 16, None)])  # type: ignore[arg-type]
    worse = Change("new tenant", [StatementKept(b"i" * 16, 1, None, b"", b"", b"")])  # type: ignore[arg-type]
    with pytest.raises(VaultError, match="cannot be read or written"):
        copy.vault.apply([stamped(1, prepared.change, broken, worse)], "x")
    assert copy.vault.applied == ""
    assert copy.shown() == []
    copy.apply(prepared)
    assert len(copy.shown()) == 1


def test_a_file_that_is_no_vault_or_newer_is_refused(tmp_path):
    path = tmp_path / "documents.db"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(VaultError, match="cannot be read"):
        Vault(path)
    path.unlink()
    Vault(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(VaultError, match="schema 99"):
        Vault(path)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "cannot be read"),
        (b"\xc1", "cannot be read"),
        (encode(Change("main", [])) + b"x", "cannot be read"),
        (encode(Change("main", [SubjectKey(b"short", b"")])), "wrong hash"),
        (encode(Change("main", [SubjectKey(bytes(16), b"x")])), "wrong form"),
        (
            encode(Change("main", [StatementKept(bytes(16), -1, bytes(16), b"", b"", b"")])),
            "wrong form",
        ),
        (
            encode(Change("main", [StatementKept(bytes(16), 1, bytes(16), b"", b"x", b"")])),
            "wrong form",
        ),
        (
            encode(Change("main", [StatementKept(bytes(16), 1, bytes(16), b"", b"", b"", b"x")])),
            "wrong form",
        ),
        (bytes(limits.RECORD_CHANGE_BYTES_MAX + 1), "at most"),
        (
            encode(Change("main", [DocumentDropped(bytes(16))] * 2)).replace(
                b"\x92\x92", b"\x92\xdd", 1
            ),
            "cannot be read",
        ),
    ],
)
def test_operations_from_elsewhere_are_not_believed(data, why):
    with pytest.raises(EntryError, match=why):
        decode(data)


def test_operations_are_read_as_they_were_written(copy):
    for one in story(copy):
        assert decode(one.encoded) == one.change


def test_a_statement_is_found_by_a_bounded_number_of_others(copy):
    ids = [new_id() for _ in range(limits.STATEMENTS_FOLLOWED_MAX + 10)]
    last = new_id()
    for one, after in zip(ids, [*ids[1:], last], strict=True):
        copy.apply(
            copy.accept(statement(id=one, object={"objectType": "StatementRef", "id": after}))
        )
    with sqlite3.connect(copy.path) as connection:
        most = "SELECT max(n) FROM (SELECT count(*) AS n FROM follows GROUP BY place)"
        assert connection.execute(most).fetchone() == (limits.STATEMENTS_FOLLOWED_MAX,)
    connection.close()


def test_a_file_of_the_release_before_is_read_and_written_on(copy):
    story(copy)
    before = copy.shown()
    copy.reads.close()
    copy.vault.close()
    with sqlite3.connect(copy.path) as connection:
        for table, column in (
            ("statements", "shift"),
            ("statements", "digest"),
            ("activities", "stamp"),
            ("documents", "stamp"),
        ):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for table in ("dropped", "conflicts", "sent"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("UPDATE subjects SET name = substr(name, 1, 4)")
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    again = Copy(copy.path.parent)
    again.position = 100
    assert again.shown() == before
    again.apply(again.accept(statement()), again.preparer.change(put("c", b"2"), WHO, START_MS))
    address = Address(kind=Kind.AGENT_PROFILE, agent=agent(), document_id="c")
    assert again.reads.document(address, "main").content == b"2"
    assert len(again.shown()) == len(before) + 1

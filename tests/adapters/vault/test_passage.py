"""What is sealed for another jurisdiction: opened there alone, without who was erased, and the same by each node."""

import hashlib

import msgspec
import pytest

from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.coming_home import change_of_passage
from homeroom.adapters.vault.operations import (
    PortraitKept,
    Stamped,
    StatementKept,
    StatementSent,
    SubjectKey,
    decode,
    encode,
)
from homeroom.adapters.vault.passage import (
    SealKey,
    decode_passage,
    redacted_passages,
    written_passages,
)
from homeroom.adapters.vault.preparing import Preparer
from homeroom.adapters.vault.reading import VaultReader
from homeroom.adapters.vault.reads import Reads
from homeroom.adapters.vault.redacting import redacted_change
from homeroom.adapters.vault.sealing import Seals, TenantKeys
from homeroom.adapters.vault.sealing_away import Away
from homeroom.adapters.vault.statements import uuid_bytes
from homeroom.errors import EntryError, VaultError
from homeroom.records.people import identity_of
from homeroom.records.queries import OneStatement, Voidness
from homeroom.records.store import Refusal, Refused, Sent
from homeroom.records.versions import Version
from tests.serve.xapi.store import START_MS, WRITE, agent, caller, new_id, statement

WHO = caller(WRITE)
HOME_KEY, OTHER_KEY = SealKey(b"h" * 32), SealKey(b"o" * 32)
THERE = TenantKeys(b"p" * 32, b"v" * 32)
"""Of a tenant in the jurisdiction that takes; its pseudonyms are those of everywhere."""
AT_HOME = TenantKeys(b"p" * 32, b"w" * 32)
ADA, BOB = agent("ada"), agent("bob")
SECRET = "a text of nobody else"


def key_of(person):
    return Seals(THERE).pseudonym(*identity_of(person))


@pytest.fixture
def taking(tmp_path):
    """Return what prepares statements, of which those of Ada go home, and the vault of where that is done."""
    vault = Vault(tmp_path / "there.db")
    reader = VaultReader(tmp_path / "there.db")
    ada = identity_of(ADA)
    away = Away(
        home_of=lambda issuer, account, _key: "eu" if (issuer, account) == ada else "",
        seal_keys={"eu": HOME_KEY.public_text},
        root=b"r" * 32,
    )
    yield Preparer(reader, lambda _: THERE, lambda _: away), vault
    reader.close()
    vault.close()


def sent(*statements, data=None):
    return Sent(list(statements), data or {}, Version.ONE)


def sealed_of(preparer, *statements, **given):
    prepared = preparer.accept(sent(*statements, **given), WHO, START_MS)
    assert not isinstance(prepared, Refused), prepared
    return prepared, prepared.sealed["eu"]


def at_home(sealed):
    return change_of_passage(decode_passage(sealed), HOME_KEY, Seals(AT_HOME))


def of_ada(**fields):
    return statement(actor=ADA, id=new_id(), result={"response": SECRET}, **fields)


def shown(tmp_path, change, identifier):
    """Return what a vault at home shows of a statement."""
    path = tmp_path / "home.db"
    vault = Vault(path)
    vault.apply([Stamped(START_MS << 20, b"d" * 8, [change])], "{}")
    reads = Reads(path, lambda _: AT_HOME)
    found = reads.statement(
        OneStatement(statement_id=identifier, voidness=Voidness.COUNTS), "main", ()
    )
    reads.close()
    vault.close()
    return found


def test_only_the_home_can_open_it_and_nothing_of_it_is_kept_where_it_was_taken(taking):
    preparer, _ = taking
    one = of_ada()
    prepared, sealed = sealed_of(preparer, one)
    assert [type(each) for each in prepared.change.operations] == [StatementSent]
    for text in (SECRET, "ada", one["verb"]["id"]):
        assert text.encode() not in sealed + prepared.encoded
    with pytest.raises(VaultError, match="another jurisdiction"):
        change_of_passage(decode_passage(sealed), OTHER_KEY, Seals(AT_HOME))
    assert prepared.homes == {"eu"}


def test_it_is_shown_at_home_as_it_was_sent(taking, tmp_path):
    one = of_ada(context={"instructor": BOB})
    _, sealed = sealed_of(taking[0], one)
    found = shown(tmp_path, at_home(sealed), one["id"]).statement
    assert {name: found[name] for name in one} == one
    assert found["authority"] == WHO.authority


def test_each_node_at_home_makes_the_same_of_it(taking):
    _, sealed = sealed_of(taking[0], of_ada(), of_ada())
    assert encode(at_home(sealed)) == encode(at_home(sealed))


def test_a_person_has_one_key_at_home_for_all_that_one_process_seals(taking):
    names = {
        one.wrapped
        for _ in range(3)
        for one in at_home(sealed_of(taking[0], of_ada())[1]).operations
        if isinstance(one, SubjectKey) and one.subject == key_of(ADA)
    }
    assert len(names) == 1


@pytest.mark.parametrize("who", [ADA, BOB], ids=["actor", "named"])
def test_taking_somebody_out_of_it_comes_to_the_same_on_the_way_and_at_home(taking, who):
    _, sealed = sealed_of(taking[0], of_ada(context={"instructor": BOB}), of_ada())
    gone = {"main": frozenset({key_of(who)})}
    on_the_way = redacted_passages(msgspec.msgpack.encode([sealed]), gone)
    (passage,) = written_passages(on_the_way)
    before = change_of_passage(passage, HOME_KEY, Seals(AT_HOME))
    after = decode(redacted_change(encode(at_home(sealed)), gone))
    assert before == after
    assert not any(
        one.subject == key_of(who)
        for one in before.operations
        if isinstance(one, SubjectKey | PortraitKept)
    )
    assert redacted_passages(on_the_way, gone) is None


def test_what_a_group_without_an_identifier_did_goes_with_a_member_who_lives_elsewhere(
    taking, tmp_path
):
    group = {"objectType": "Group", "member": [BOB, ADA]}
    one = statement(actor=group, id=new_id(), result={"response": SECRET})
    prepared, sealed = sealed_of(taking[0], one)
    assert SECRET.encode() not in prepared.encoded
    assert shown(tmp_path, at_home(sealed), one["id"]).statement["actor"] == group
    gone = {"main": frozenset({key_of(ADA)})}
    (passage,) = written_passages(redacted_passages(msgspec.msgpack.encode([sealed]), gone))
    before = change_of_passage(passage, HOME_KEY, Seals(AT_HOME))
    assert before == decode(redacted_change(encode(at_home(sealed)), gone))


def test_who_was_erased_leaves_an_id_and_what_it_voids(taking):
    one = of_ada()
    _, sealed = sealed_of(taking[0], one)
    gone = {"main": frozenset({key_of(ADA)})}
    (passage,) = written_passages(redacted_passages(msgspec.msgpack.encode([sealed]), gone))
    change = change_of_passage(passage, HOME_KEY, Seals(AT_HOME))
    (kept,) = [one for one in change.operations if isinstance(one, StatementKept)]
    assert (kept.id, kept.body, kept.terms) == (uuid_bytes(one["id"]), b"", b"")


def test_an_attachment_goes_home(taking, tmp_path):
    digest = hashlib.sha256(b"data").hexdigest()
    attachment = {
        "usageType": "http://example.com/a",
        "display": {"en": "a"},
        "contentType": "text/plain",
        "length": 4,
        "sha2": digest,
    }
    one = of_ada(attachments=[attachment])
    _, sealed = sealed_of(taking[0], one, data={digest: b"data"})
    (kept,) = [each for each in at_home(sealed).operations if isinstance(each, StatementKept)]
    assert len(kept.attachments) == 1


def test_what_comes_again_goes_once_and_another_under_its_id_is_refused(taking):
    preparer, vault = taking
    one = of_ada()
    first, _ = sealed_of(preparer, dict(one))
    pending = preparer.accept(sent(dict(one)), WHO, START_MS)
    vault.apply([Stamped(START_MS << 20, b"d" * 8, [first.change])], "{}")
    preparer.applied(first)
    again = preparer.accept(sent(dict(one)), WHO, START_MS + 5)
    for repeat in (pending, again):
        assert (repeat.answer.ids, repeat.sealed, repeat.encoded) == ((one["id"],), {}, b"")
        assert repeat.homes == {"eu"}
    other = preparer.accept(sent({**one, "result": {"response": "else"}}), WHO, START_MS)
    assert other.refusal is Refusal.CONFLICT


def test_of_a_request_only_what_belongs_elsewhere_goes(taking):
    here = statement(actor=BOB, id=new_id())
    prepared, sealed = sealed_of(taking[0], of_ada(), here)
    kept = [one.id for one in prepared.change.operations if isinstance(one, StatementKept)]
    assert kept == [uuid_bytes(here["id"])]
    assert len([one for one in at_home(sealed).operations if isinstance(one, StatementKept)]) == 1
    assert prepared.homes == {"", "eu"}


def test_nothing_is_sealed_of_who_was_erased(taking):
    preparer, _ = taking
    preparer.erase("main", key_of(ADA))
    refused = preparer.accept(sent(of_ada()), WHO, START_MS)
    assert refused.refusal is Refusal.FORBIDDEN


def test_a_part_that_was_changed_or_given_to_another_person_does_not_open(taking):
    _, sealed = sealed_of(taking[0], of_ada(context={"instructor": BOB}))
    passage = decode_passage(sealed)
    for field in ({"subject": key_of(BOB)}, {"number": 9}, {"sealed": b"x" * 40}):
        parts = [*passage.parts[:1], msgspec.structs.replace(passage.parts[1], **field)]
        with pytest.raises(VaultError):
            change_of_passage(
                msgspec.structs.replace(passage, parts=parts), HOME_KEY, Seals(AT_HOME)
            )


@pytest.mark.parametrize("data", [b"", b"\x93\xa1a\xc4\x01a\x90", b"\xc1", b"\x90"])
def test_what_is_no_sealed_request_is_an_error_that_says_so(data):
    with pytest.raises(EntryError, match="sealed elsewhere"):
        change_of_passage(decode_passage(data), HOME_KEY, Seals(AT_HOME))

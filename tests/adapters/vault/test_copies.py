"""Copies of the vault's file: whole or none, of one moment, and what a start goes on from."""

import json
import os
import sqlite3
import sys

import pytest

from homeroom.adapters.checking import Checked, Damage
from homeroom.adapters.vault.copies import VaultCopies, applied_in
from homeroom.adapters.vault.operations import Stamped, decode
from homeroom.errors import VaultError
from homeroom.log.origins import Origin, Stream, Vector
from tests.adapters.vault.stories import Node
from tests.serve.xapi.store import KEYS, new_id, statement

HERE = Origin("here", "0f" * 16, Stream.DOCUMENT)


class Place:
    """A vault with a position, and its copies."""

    def __init__(self, folder):
        self.node = Node(folder)
        self.file = self.node.vault.path
        self.copies = VaultCopies(self.file, folder / "documents.copies", lambda _: KEYS)
        self.number = 0

    def write(self, count=1):
        for _ in range(count):
            self.number += 1
            done = self.node.accept(statement(id=new_id()))
            position = json.dumps(at(self.number).to_json())
            self.node.vault.apply([Stamped(self.number, b"", [decode(done.encoded)])], position)
            self.node.preparer.applied(done)

    def make(self, rest=lambda: None):
        return self.copies.make(rest)

    def again(self):
        """Close the vault as a process does that ends, and look at it as the next one does."""
        self.node.close()
        self.copies = VaultCopies(self.file, self.copies.folder, lambda _: KEYS)

    def lose(self):
        self.again()
        for path in self.file.parent.glob("documents.db*"):
            path.unlink()

    def names(self):
        return sorted(path.name for path in self.copies.folder.iterdir())


@pytest.fixture
def place(tmp_path):
    found = Place(tmp_path)
    yield found
    found.node.close()


def at(number):
    return Vector({HERE: number})


def test_the_log_may_forget_what_two_copies_hold(place):
    place.write(3)
    assert place.make().applied == at(3)
    assert place.copies.collectable() == Vector()
    place.write(2)
    place.make()
    assert place.copies.collectable() == at(3)
    place.write()
    place.make()
    assert place.copies.collectable() == at(5)
    assert place.names() == ["000002.db", "000002.json", "000003.db", "000003.json"]


def test_a_copy_is_of_one_moment_though_the_file_is_written_meanwhile(place):
    place.write(40)
    seen = []

    def write_too():
        seen.append(place.number)
        place.write()

    made = place.make(write_too)
    assert made.applied == at(41), "the first look is before it"
    assert len(seen) > 2
    with sqlite3.connect(made.path) as connection:
        assert connection.execute("SELECT count(*) FROM statements").fetchone() == (41,)
    connection.close()


def test_copies_of_another_process_are_read_back_before_they_count(place):
    place.write()
    place.make()
    place.make()
    place.again()
    assert place.copies.collectable() == Vector()
    damage(place.copies.folder / "000002.db")
    place.make()
    assert place.copies.collectable() == at(1)
    assert place.names() == ["000001.db", "000001.json", "000002.db", "000002.json"]


def test_a_copy_that_somebody_removed_does_not_count(place):
    place.write()
    place.make()
    place.write()
    place.make()
    (place.copies.folder / "000002.db").unlink()
    assert place.copies.collectable() == Vector()
    place.write()
    place.make()
    assert place.copies.collectable() == at(1)


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_start_has_nothing_to_do_where_the_file_is_there_or_nothing_ever_was(place, tmp_path):
    assert VaultCopies(tmp_path / "other.db", tmp_path / "other").ready(Vector()) == ()
    place.write()
    place.make()
    assert place.copies.ready(at(1)) == ()


@pytest.mark.parametrize("way", ["lost", "no database", "empty", "behind"])
def test_a_file_that_cannot_be_used_is_made_again_from_the_newest_copy(place, way):
    place.write(2)
    place.make()
    behind = place.file.read_bytes()
    place.write(2)
    place.make()
    if way == "lost":
        place.lose()
    else:
        place.again()
        content = {"no database": b"no database" * 1_000, "empty": b"", "behind": behind}[way]
        place.file.write_bytes(content)
        for suffix in ("-wal", "-shm"):
            place.file.with_name(place.file.name + suffix).unlink(missing_ok=True)
    (told,) = place.copies.ready(at(3))
    assert "made again from 000002.db and the log" in told
    assert applied_in(place.file) == at(4)
    assert place.copies.ready(at(3)) == ()


def test_of_damaged_copies_the_one_before_is_taken_and_that_is_told(place):
    place.write()
    place.make()
    place.write()
    place.make()
    damage(place.copies.folder / "000002.db")
    place.lose()
    troubles = place.copies.ready(at(1))
    assert "000002.db is damaged" in troubles[0]
    assert "made again from 000001.db" in troubles[1]
    assert applied_in(place.file) == at(1)


def test_a_gap_between_copies_and_log_is_refused(place):
    place.write(2)
    place.make()
    place.lose()
    with pytest.raises(VaultError, match=r"no whole copy .* Restore the directory from a backup"):
        place.copies.ready(at(3))
    assert not place.file.exists(), "nothing half is begun with"
    damage(place.copies.folder / "000001.db")
    with pytest.raises(VaultError, match="no whole copy"):
        place.copies.ready(at(1))
    assert place.copies.ready(Vector())[-1].endswith("made again from the log")


def test_a_newer_file_is_refused_and_not_replaced(place):
    place.write()
    place.make()
    place.again()
    with sqlite3.connect(place.file) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(VaultError, match="schema 99"):
        place.copies.ready(at(1))


def test_damage_within_the_file_is_found_by_copying_and_the_next_start_takes_a_copy(place):
    place.write(60)
    place.make()
    place.again()
    with sqlite3.connect(place.file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'terms'")
        (root,) = pages.fetchone()
    connection.close()
    content = bytearray(place.file.read_bytes())
    content[(root - 1) * 4096 + 3 : (root - 1) * 4096 + 5] = b"\xff\xff"
    place.file.write_bytes(content)
    assert [type(step) for step in place.copies.check_file()] == [Damage, Checked]
    with pytest.raises(VaultError, match=r"is damaged: .* made again from the copy before"):
        place.make()
    assert place.names() == ["000001.db", "000001.json", "damaged"]
    assert place.copies.ready(at(60))[0].endswith("made again from 000001.db and the log")
    assert {type(step) for step in place.copies.check_file()} == {Checked}
    assert place.names() == ["000001.db", "000001.json"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT body FROM statements",
        "SELECT sealed FROM portraits",
        "SELECT wrapped FROM subjects",
    ],
)
def test_a_bit_that_flipped_within_a_record_is_in_no_copy_that_counts(place, query):
    place.write(3)
    place.make()
    place.again()
    with sqlite3.connect(place.file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (value,) = connection.execute(query).fetchone()
    connection.close()
    content = bytearray(place.file.read_bytes())
    content[content.index(value) + 30] ^= 1
    place.file.write_bytes(content)
    told = [step.text for step in place.copies.check_file() if isinstance(step, Damage)]
    assert len(told) == 1
    assert "does not open" in told[0]
    with pytest.raises(VaultError, match=r"is damaged: .* does not open"):
        place.make()
    assert place.copies.collectable() == Vector()
    assert place.copies.ready(at(3))[0].endswith("made again from 000001.db and the log")
    place.make()
    assert place.copies.collectable() == at(3)


def test_what_a_start_left_that_was_ended_is_gone_with_the_next(place):
    place.write()
    left = place.file.with_name("documents.db.new")
    left.write_bytes(b"a copy of before an erasure")
    place.lose()
    assert place.copies.ready(Vector()) == ()
    place.copies.folder.mkdir()
    (place.copies.folder / "damaged").touch()
    place.file.touch()
    assert place.copies.ready(Vector()) != ()
    assert not left.exists()


def test_copies_are_made_anew_where_nothing_may_be_left_in_them(place):
    place.copies.renew(lambda: None)
    assert not place.copies.folder.exists()
    place.write()
    place.make()
    place.write()
    place.copies.renew(lambda: None)
    assert place.names() == ["000002.db", "000002.json", "000003.db", "000003.json"]
    assert place.copies.collectable() == at(2)
    assert [step for step in place.copies.check() if isinstance(step, Damage)] == []


def test_a_damaged_copy_is_told_of_by_reading_everything(place):
    place.write()
    place.make()
    damage(place.copies.folder / "000001.db")
    (told,) = [step for step in place.copies.check() if isinstance(step, Damage)]
    assert "000001.db is damaged or cut off" in told.text


def killed_at(step, work):
    """Do something in a child that dies before a step that it takes in files; say whether it came that far."""
    child = os.fork()
    if child == 0:
        count = 0

        def see(event, _args):
            nonlocal count
            if event in ("os.rename", "os.remove", "shutil.copyfile", "sqlite3.connect"):
                count += 1
                if count == step:
                    os._exit(9)

        sys.addaudithook(see)
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9


def test_whatever_ends_the_making_of_a_copy_two_whole_ones_are_left(place):
    place.write()
    place.make()
    place.make()
    place.again()
    step = 1
    while killed_at(step, place.make):
        assert step < 60
        place.copies = VaultCopies(place.file, place.copies.folder)
        whole = place.copies.copies()
        assert len(whole) >= 2
        assert [one for one in place.copies.check() if isinstance(one, Damage)] == []
        step += 1
    assert step > 10
    place.make()
    assert len(place.names()) == 4, "nothing is left of those that were ended"


def test_whatever_ends_a_start_the_next_one_has_the_file(place):
    place.write(3)
    place.make()
    place.again()
    step = 1
    while True:
        place.file.write_bytes(b"damaged")
        if not killed_at(step, lambda: place.copies.ready(at(2))):
            break
        place.copies.ready(at(2))
        assert applied_in(place.file) == at(3)
        assert place.copies.ready(at(2)) == ()
        step += 1
    assert step > 5

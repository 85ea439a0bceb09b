"""What a backup promises: all that was acknowledged before it began, beside a node that runs, and nothing twice."""

import asyncio
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from homeroom import limits
from homeroom.adapters.backup.choosing import choose
from homeroom.adapters.backup.contents import Tenant
from homeroom.adapters.backup.copying import Copying
from homeroom.adapters.backup.restoring import restore
from homeroom.adapters.backup.verifying import verify
from homeroom.adapters.log_reading import viewed_log
from homeroom.adapters.log_sqlite import SqliteStore
from homeroom.errors import BackupError, DataDirectoryError, StoreError
from homeroom.log.origins import Vector
from tests.backups import HOUR, T0, backed_up, folded, known, offer, opened, restored, run, send
from tests.object_stores import KINDS, place_of
from tests.running.nodes import now_ms
from tests.running.test_node_killed import CLIENTS, check, killed


@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_beside_a_running_node_holds_all_that_was_acknowledged(kind, request, tmp_path):
    repository = opened(place_of(kind, request), tmp_path / "backup.key")

    async def work(node):
        await folded(node, await offer(node, *range(5)))
        await asyncio.to_thread(node.saving.save)
        told = await offer(node, *range(5, 8))
        await asyncio.to_thread(backed_up, tmp_path / "data", repository, T0 + 1)
        await offer(node, 8, 9)
        return told

    told = run(tmp_path / "data", T0, work)
    shutil.rmtree(tmp_path / "data")
    done = restored(repository, tmp_path / "new")

    assert done.unfolded == 3
    have, events, _ = known(tmp_path / "new", range(10))
    assert have == set(range(8))
    assert events == 8 * 5
    with viewed_log(tmp_path / "new" / "log") as view:
        assert view.held()[told[-1].token.origin] == told[-1].token.number


def test_a_restored_directory_answers_as_the_one_that_was_lost(directory, repository, tmp_path):
    backed_up(directory, repository, T0 + 1)
    restored(repository, tmp_path / "new")

    assert known(tmp_path / "new", range(10)) == known(directory, range(10))


def test_what_has_not_changed_is_not_sent_again(directory, repository, tmp_path):
    first = backed_up(directory, repository, T0 + 1)
    assert first.sent.objects == first.sent.there + len(first.manifest.objects())

    again = opened_again(repository, tmp_path)
    second = backed_up(directory, again, T0 + 2)
    assert (second.sent.objects, second.entries) == (0, 0)
    assert second.manifest.objects() == first.manifest.objects()

    send(directory, T0 + 3, 10, 11)
    third = backed_up(directory, opened_again(repository, tmp_path), T0 + 4)
    assert third.entries == 2
    fresh = third.manifest.objects() - first.manifest.objects()
    assert third.sent.objects == len(fresh)
    with viewed_log(directory / "log") as view:
        assert third.manifest.log.vector() == view.held()


def opened_again(repository, tmp_path):
    from tests.object_stores import Place

    return opened(Place(repository.objects.shown, {}), tmp_path / "backup.key")


def test_small_packs_are_joined(directory, repository):
    backed_up(directory, repository, T0)
    for number in range(10, 26):
        send(directory, T0 + number, number)
        backed_up(directory, repository, T0 + number)

    packs = repository.newest().log.packs
    assert len(packs) <= 6, "as many as the logarithm of the number of backups"
    origins = repository.newest().log.vector()
    assert sum(origins.values()) == 10 + 16 + 1


def test_the_log_of_a_backup_goes_on_when_the_node_forgets(directory, repository, tmp_path):
    backed_up(directory, repository, T0 + 1)
    with viewed_log(directory / "log") as view:
        held = view.held()
    forget(
        directory, Vector({origin: n for origin, n in held.items() if origin.stream == "analytic"})
    )
    send(directory, T0 + 2, 10)
    done = backed_up(directory, repository, T0 + 3)

    assert done.manifest.log.begins == {}
    assert done.entries == 1
    assert restored(repository, tmp_path / "new").entries == 12


def test_a_first_backup_begins_where_the_log_does(directory, repository, tmp_path):
    with viewed_log(directory / "log") as view:
        (origin,) = [origin for origin in view.heads if origin.stream == "analytic"]
    forget(directory, Vector({origin: 4}))
    done = backed_up(directory, repository, T0 + 3)

    assert done.manifest.log.starts() == Vector({origin: 4})
    assert restored(repository, tmp_path / "new").entries == 7
    assert known(tmp_path / "new", range(10))[:2] == (set(range(10)), 50)


def forget(directory, up_to):
    store = SqliteStore(directory / "log" / "000001.db")
    while store.collect(up_to):
        pass
    store.close()


def test_entries_that_no_snapshot_has_must_follow_it(directory, repository):
    """A log that was exchanged for a shorter one is not taken for the node's."""
    shutil.rmtree(directory / "log")

    with pytest.raises(StoreError, match="no log lies in it"):
        backed_up(directory, repository, T0 + 1)
    assert repository.ids() == []


def test_a_node_may_write_snapshots_meanwhile(repository, tmp_path, monkeypatch):
    plain, times = Copying.copy, []

    async def work(node):
        loop = asyncio.get_running_loop()
        await folded(node, await offer(node, 0))
        await asyncio.to_thread(node.saving.save)

        def copy(self, path):
            if len(times) < 4 and path.startswith("state/"):
                for _ in range(2):  # the files of the last but one are kept, so it takes two
                    times.append(path)
                    number = len(times)
                    asyncio.run_coroutine_threadsafe(offer(node, number), loop).result()
                    node._live.settle(lambda: False)
                    node.saving.save()
            return plain(self, path)

        monkeypatch.setattr(Copying, "copy", copy)
        return await asyncio.to_thread(backed_up, tmp_path / "data", repository, T0 + 1)

    done = run(tmp_path / "data", T0, work)
    assert len(times) == 4
    restored(repository, tmp_path / "new")
    assert known(tmp_path / "new", range(6))[:2] == (set(range(5)), 25)
    assert done.manifest.id in repository.ids()


def test_a_directory_that_changes_too_fast_is_told(directory, repository, monkeypatch):
    def moved_on(tenant, manifest, _):
        after = msgspec.structs.replace(manifest, load=manifest.load + 1).sealed()
        (directory / "homeroom.json").write_bytes(msgspec.json.encode(after))
        raise DataDirectoryError("a file is gone")

    monkeypatch.setattr(Tenant, "look", moved_on)
    with pytest.raises(BackupError, match="was changed 10 times while it was read"):
        backed_up(directory, repository, T0 + 1)
    assert repository.ids() == []


def test_a_damaged_snapshot_is_told_and_not_kept(directory, repository):
    for kind in ("state/*.tensors", "history/*.parquet", "state/*.dictionaries", "homeroom.json"):
        (path,) = directory.glob(kind)
        whole = path.read_bytes()
        middle = slice(
            len(whole) // 2, len(whole) // 2 + 100
        )  # more than what stands between two arrays
        path.write_bytes(
            whole[: middle.start] + bytes(b ^ 1 for b in whole[middle]) + whole[middle.stop :]
        )

        with pytest.raises(DataDirectoryError, match=r"damaged|checksum"):
            backed_up(directory, repository, T0 + 1)
        path.write_bytes(whole)
    assert repository.ids() == []


def test_a_repository_is_of_one_directory(directory, repository, tmp_path):
    backed_up(directory, repository, T0 + 1)
    send(tmp_path / "other", T0, 1)

    with pytest.raises(BackupError, match="holds backups of another directory"):
        backed_up(tmp_path / "other", repository, T0 + 2)


def test_a_folder_that_is_no_data_directory_is_told(repository, tmp_path):
    with pytest.raises(BackupError, match="is no data directory"):
        backed_up(tmp_path, repository, T0)


def test_a_database_beside_the_log_is_copied_as_of_one_commit(directory, repository, tmp_path):
    database = sqlite3.connect(directory / "beside.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE documents (body)")
    database.execute("INSERT INTO documents VALUES ('kept')")
    database.execute("BEGIN")
    database.execute("INSERT INTO documents VALUES ('not yet')")

    backed_up(directory, repository, T0 + 1)
    database.execute("COMMIT")
    backed_up(directory, repository, T0 + 2)
    database.close()

    for at, wanted in ((T0 + 1, ["kept"]), (T0 + 2, ["kept", "not yet"])):
        restored(repository, tmp_path / str(at), at)
        found = sqlite3.connect(tmp_path / str(at) / "beside.db")
        assert [body for (body,) in found.execute("SELECT body FROM documents")] == wanted
        found.close()
    assert not list(directory.glob(".backup-*"))


def test_other_files_come_back(directory, repository, tmp_path):
    (directory / "audit.log").write_text("one\n")
    (directory / "half.new").write_text("x")
    backed_up(directory, repository, T0 + 1)
    restored(repository, tmp_path / "new")

    assert (tmp_path / "new" / "audit.log").read_text() == "one\n"
    for key in ("pseudonym.key", "node.key"):
        new, old = tmp_path / "new" / key, directory / key
        assert new.read_bytes() == old.read_bytes()
        assert new.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "new" / "half.new").exists()


def test_a_large_file_is_cut_into_parts(directory, repository, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BACKUP_PART_BYTES", 4_096)
    backed_up(directory, repository, T0 + 1)
    send(directory, T0 + 2, 10)
    second = backed_up(directory, repository, T0 + 3)

    assert any(len(copy.parts) > 3 for copy in second.manifest.copies())
    restored(repository, tmp_path / "new")
    assert known(tmp_path / "new", range(11))[:2] == (set(range(11)), 55)


def test_what_an_ended_backup_left_half_is_made_whole(directory, repository, tmp_path):
    """A store that lost the end of an object, as a folder may after a loss of power."""
    first = backed_up(directory, repository, T0 + 1)
    repository.forget(first.manifest.id)
    for name in list(first.manifest.objects())[:4]:
        (repository.objects.folder / name).write_bytes(b"hrb1 half")

    backed_up(directory, opened_again(repository, tmp_path), T0 + 2)

    restored(repository, tmp_path / "new")
    assert known(tmp_path / "new", range(10))[:2] == (set(range(10)), 50)


def test_an_object_that_was_lost_is_sent_again(directory, repository, tmp_path):
    first = backed_up(directory, repository, T0 + 1)
    for number, name in enumerate(sorted(first.manifest.objects())):
        path = repository.objects.folder / name
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:-1])

    second = backed_up(directory, opened_again(repository, tmp_path), T0 + 2)

    assert any("missing in the repository" in note for note in second.notes)
    restored(repository, tmp_path / "new")
    assert known(tmp_path / "new", range(10))[:2] == (set(range(10)), 50)


def test_a_log_that_was_changed_is_told(directory, repository):
    done = backed_up(directory, repository, T0 + 1)
    for origin in done.manifest.log.vector():
        with sqlite3.connect(directory / "log" / "000001.db") as database:
            database.execute(
                "UPDATE heads SET digest = zeroblob(32) WHERE stream = ?", (origin.stream,)
            )
    with pytest.raises(StoreError, match="is another one than the last backup has"):
        backed_up(directory, repository, T0 + 2)


@pytest.mark.parametrize("kind", KINDS)
def test_two_backups_at_once_do_each_other_no_harm(kind, directory, request, tmp_path):
    place = place_of(kind, request)
    both = [opened(place, tmp_path / "backup.key") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for turn in range(3):
            send(directory, T0 + turn, 20 + turn)
            work = [pool.submit(backed_up, directory, one, T0 + turn) for one in both]
            assert len({done.result().manifest.id for done in work}) == 2

    repository = opened(place, tmp_path / "backup.key")
    assert len(repository.ids()) == 6
    assert verify(repository, repository.ids()).damages == []
    for manifest in repository.manifests():
        restore(repository, choose([manifest], "here"), tmp_path / manifest.id)


def test_a_node_that_was_killed_is_backed_up_as_it_lies(repository, tmp_path):
    """The journal holds what was acknowledged, and nobody has moved it to its place."""
    said = killed(tmp_path / "data", 0, 150)
    assert list((tmp_path / "data" / "log").glob("*-wal"))

    backed_up(tmp_path / "data", repository, now_ms())
    shutil.rmtree(tmp_path / "data")
    restored(repository, tmp_path / "new")

    last = [
        max((int(n.split("-")[1]) for n in said if n.startswith(f"{c}-")), default=-1)
        for c in range(CLIENTS)
    ]
    tried = {f"{client}-{n}" for client in range(CLIENTS) for n in range(last[client] + 3)}
    check(tmp_path / "new", said, sorted(tried))


def test_no_backup_is_made_while_old_ones_are_removed(directory, repository):
    with repository.pruning(T0), pytest.raises(BackupError, match="is being pruned since"):
        backed_up(directory, repository, T0 + 1)
    backed_up(directory, repository, T0 + 1)
    assert list(repository.objects.list("marks")) == []


def test_a_backup_that_took_too_long_is_not_finished(directory, repository):
    from homeroom.adapters.backup.backing_up import back_up

    times = iter([T0, T0 + 25 * HOUR])
    with pytest.raises(BackupError, match="took longer than 24 hours"):
        back_up(directory, repository, lambda: next(times), "0.test")
    assert repository.ids() == []


def test_backups_are_in_order_though_a_clock_steps_back(directory, repository):
    first = backed_up(directory, repository, T0 + HOUR)
    second = backed_up(directory, repository, T0)

    assert repository.ids() == [first.manifest.id, second.manifest.id]
    assert repository.newest().id == second.manifest.id

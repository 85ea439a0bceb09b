"""A drill restores, starts and folds anew, and says where three ways do not come to one state."""

import itertools
import shutil

import msgspec
import pytest

import homeroom as hr
from homeroom.adapters.backup.choosing import choose
from homeroom.errors import DamagedBackupError
from homeroom.log.cuts import HistoryCut
from homeroom.running.drilling import drill
from tests.adapters.loads import events, load
from tests.backups import T0, backed_up, folded, offer, opened, run, send
from tests.object_stores import Place


@pytest.fixture
def repository(tmp_path):
    return opened(Place(str(tmp_path / "repository"), {}), tmp_path / "backup.key")


def drilled(repository, tmp_path, **changes):
    seconds = itertools.count()
    manifest = msgspec.structs.replace(repository.newest(), **changes)
    return drill(repository, choose([manifest], "here"), tmp_path / "drill", lambda: next(seconds))


def test_a_node_is_folded_anew_from_its_log(repository, tmp_path):
    async def work(node):
        await folded(node, await offer(node, 0, 1))
        node.saving.save()
        await offer(node, 2)
        backed_up(tmp_path / "data", repository, T0)

    run(tmp_path / "data", T0, work)
    found = drilled(repository, tmp_path)

    assert found.faults == ()
    assert found.rebuilt_from == "log"
    (tenant,) = found.tenants
    assert (tenant.learners, tenant.events) == (7, 15)
    assert found.restored.unfolded == 1
    assert (found.restore_s, found.start_s, found.rebuild_s) == (1, 1, 1)


def test_loaded_files_are_folded_anew_from_history(repository, tmp_path):
    load(tmp_path / "data", events(60))
    backed_up(tmp_path / "data", repository, T0)

    found = drilled(repository, tmp_path)
    assert (found.faults, found.rebuilt_from) == ((), "history")
    assert found.tenants[0].events == 60


def test_a_node_on_loaded_files_is_folded_anew_from_history(repository, tmp_path):
    load(tmp_path / "data", events(60), key=None)
    send(tmp_path / "data", T0, 1)
    backed_up(tmp_path / "data", repository, T0 + 1)

    found = drilled(repository, tmp_path)
    assert (found.faults, found.rebuilt_from) == ((), "history")
    assert found.tenants[0].events == 65


def test_a_node_before_its_first_snapshot_is_drilled(repository, tmp_path):
    async def work(node):
        await offer(node, 0, 1)
        backed_up(tmp_path / "data", repository, T0)

    run(tmp_path / "data", T0, work)
    found = drilled(repository, tmp_path)
    assert (found.faults, found.rebuilt_from, found.restored.unfolded) == ((), "log", 3)


def test_a_snapshot_that_is_another_is_told(repository, tmp_path):
    send(tmp_path / "data", T0, 1)
    backed_up(tmp_path / "data", repository, T0)
    (snapshot,) = repository.newest().snapshots
    other = msgspec.structs.replace(snapshot, fingerprint="0" * 32)

    (fault,) = drilled(repository, tmp_path, snapshots=(other,)).faults
    assert snapshot.fingerprint in fault
    assert "0" * 32 in fault


def test_a_state_that_its_log_does_not_lead_to_is_told(repository, tmp_path):
    """What no checksum can see: a state that holds something which never was in the log."""
    send(tmp_path / "data", T0, 1)
    hr.open(tmp_path / "data").void(["e5"])
    backed_up(tmp_path / "data", repository, T0 + 2)
    assert drilled(repository, tmp_path).faults == ()

    (snapshot,) = repository.newest().snapshots
    pretending = msgspec.structs.replace(snapshot, loaded=0)
    shutil.rmtree(tmp_path / "drill")
    found = drilled(repository, tmp_path, snapshots=(pretending,))
    assert found.rebuilt_from == "log"
    assert "when it is folded anew from the log" in found.faults[0]


def test_a_damaged_backup_is_not_drilled(repository, tmp_path):
    send(tmp_path / "data", T0, 1)
    backed_up(tmp_path / "data", repository, T0)
    (repository.objects.folder / min(repository.newest().objects())).write_bytes(b"")

    with pytest.raises(DamagedBackupError):
        drilled(repository, tmp_path)


def test_a_node_whose_history_was_cut_is_folded_anew_in_the_order_of_its_log(repository, tmp_path):
    async def work(node):
        await folded(node, await offer(node, 0, 1))
        day = node._live.read("main", lambda state: 1 + first_day(state))
        await node.change(HistoryCut(tenant="main", day=day), "somebody")
        await folded(node, await offer(node, 2))
        backed_up(tmp_path / "data", repository, T0)
        return node.status("main").events

    events_left = run(tmp_path / "data", T0, work)
    found = drilled(repository, tmp_path)

    assert (found.faults, found.rebuilt_from) == ((), "log")
    assert found.tenants[0].events == events_left < 15


def first_day(state):
    return min(
        int(part.start_day[: part.rows].min()) for part in state.learners.partitions if part.rows
    )

"""The commands about backups with a node whose log is in PostgreSQL: a real server, a directory and a database lost."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing

import psycopg
import pytest

from homeroom.cli import main
from homeroom.limits import COLLECT_ENTRIES_MAX
from tests.backups import offer, opened
from tests.cli.backup_kills import now_ms
from tests.databases import emptied
from tests.object_stores import Place
from tests.running.nodes import batch, on, question, running


@pytest.fixture
def url(postgres):
    return emptied(postgres)


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch, url):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    (tmp_path / "node.toml").write_text(f'[node]\nstore_url = "{url}"\n')


def send(path, url, *numbers):
    return on(path, lambda node: offer(node, *numbers), store_url=url, now_ms=now_ms)


def known(path, numbers, **fields):
    """Start a node on a directory; return which batches it knows, how many events it has, and what is wrong."""

    async def work(node):
        status = node.status("main")
        troubles = node.troubles
        outcomes = await offer(node, *numbers)
        have = {n for n, one in zip(numbers, outcomes, strict=True) if one.is_repeat}
        return have, status.events, troubles

    return on(path, work, **fields)


def run(capsys, tmp_path, *arguments, **flags):
    named = [str(one) for one in arguments]
    config = [] if "config" in flags else ["--config", str(tmp_path / "node.toml")]
    ended = main([*named, *config])
    out, err = capsys.readouterr()
    return ended, out, err


def test_directory_and_database_that_were_lost_come_back(capsys, tmp_path, url, postgres):
    data, repository = tmp_path / "data", tmp_path / "repository"
    send(data, url, 0, 1)
    assert run(capsys, tmp_path, "backup", data, repository)[0] == 0
    send(data, url, 2)
    ended, out, _ = run(capsys, tmp_path, "backup", data, repository, "--json", "-")
    assert (ended, json.loads(out)["new_entries"]) == (0, 1)
    assert run(capsys, tmp_path, "verify", data) == (0, *run(capsys, tmp_path, "verify", data)[1:])
    assert "all whole" in run(capsys, tmp_path, "verify", repository, "--all", config=None)[1]
    ended, out, _ = run(capsys, tmp_path, "drill", repository, "--folder", tmp_path, config=None)
    assert (ended, "the same state" in out) == (0, True)

    shutil.rmtree(data)
    emptied(postgres)
    assert run(capsys, tmp_path, "restore", repository, data)[0] == 0
    assert not (data / "log").exists()
    assert known(data, range(4), store_url=url) == ({0, 1, 2}, 15, ())


def test_a_log_of_a_database_is_restored_into_files_and_back(capsys, tmp_path, url, postgres):
    data, repository = tmp_path / "data", tmp_path / "repository"
    send(data, url, 0, 1)
    run(capsys, tmp_path, "backup", data, repository)
    files = tmp_path / "files"
    assert run(capsys, tmp_path, "restore", repository, files, config=None)[0] == 0
    assert known(files, range(3)) == ({0, 1}, 10, ())
    with closing(sqlite3.connect(files / "log" / "000001.db")) as log:
        assert log.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_a_log_that_was_collected_goes_on_where_it_was(capsys, tmp_path, url, postgres):
    data, repository = tmp_path / "data", tmp_path / "repository"
    for number in range(4):  # two snapshots hold the first ones, which are forgotten
        send(data, url, number)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT max(number) FROM began").fetchone()[0] > 0
    assert COLLECT_ENTRIES_MAX > 4
    assert run(capsys, tmp_path, "backup", data, repository)[0] == 0
    shutil.rmtree(data)
    emptied(postgres)
    assert run(capsys, tmp_path, "restore", repository, data)[0] == 0
    assert known(data, range(5), store_url=url) == ({0, 1, 2, 3}, 20, ())


def test_what_a_client_was_told_of_a_batch_of_which_nothing_was_kept_is_kept(
    capsys, tmp_path, url, postgres
):
    data, repository = tmp_path / "data", tmp_path / "repository"
    nothing = batch("nothing", {"account": "a", "verb": "read", "time": "never"})

    async def work(node):
        return await node.offer("main", "key", nothing)

    on(data, work, store_url=url)
    for _ in range(2):
        assert run(capsys, tmp_path, "backup", data, repository)[0] == 0
    shutil.rmtree(data)
    emptied(postgres)
    assert run(capsys, tmp_path, "restore", repository, data)[0] == 0
    assert on(data, work, store_url=url).is_repeat


def test_a_database_that_holds_a_log_is_not_written_to(capsys, tmp_path, url):
    data, repository = tmp_path / "data", tmp_path / "repository"
    send(data, url, 0)
    run(capsys, tmp_path, "backup", data, repository)
    ended, _, err = run(capsys, tmp_path, "restore", repository, tmp_path / "new")
    assert (ended, "holds a log already" in err) == (2, True)
    assert not any((tmp_path / "new").iterdir())
    assert known(data, range(2), store_url=url)[:2] == ({0}, 5)


def test_a_restore_that_fails_leaves_the_database_empty(capsys, tmp_path, url, postgres):
    data, repository = tmp_path / "data", tmp_path / "repository"
    key = tmp_path / "configuration" / "homeroom" / "backup.key"
    for number in range(2):  # two packs: the first is written before the second is missed
        send(data, url, number)
        run(capsys, tmp_path, "backup", data, repository)
    emptied(postgres)
    pack = repository / opened(Place(str(repository), {}), key).newest().log.packs[-1].name
    pack.write_bytes(pack.read_bytes()[:-1])
    ended, _, err = run(capsys, tmp_path, "restore", repository, tmp_path / "new")
    assert (ended, "It is a part of the log" in err) == (1, True)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM heads").fetchone() == (0,)


def test_a_node_of_a_database_is_not_backed_up_without_it(capsys, tmp_path, url):
    send(tmp_path / "data", url, 0)
    ended, _, err = run(
        capsys, tmp_path, "backup", tmp_path / "data", tmp_path / "repository", config=None
    )
    assert (ended, "name the settings of the node with --config" in err) == (2, True)


def test_a_backup_beside_a_node_has_what_it_said_yes_to(capsys, tmp_path, url, postgres):
    data, repository = tmp_path / "data", tmp_path / "repository"

    async def work():
        async with running(data, store_url=url) as node:
            sent = await offer(node, 0, 1)
            await node.ask("main", question("active"), sent[-1].token)
            ended = await asyncio.to_thread(run, capsys, tmp_path, "backup", data, repository)
            await offer(node, 2)
            return ended

    assert asyncio.run(work())[0] == 0
    emptied(postgres)
    shutil.rmtree(data)
    assert run(capsys, tmp_path, "restore", repository, data)[0] == 0
    assert known(data, range(3), store_url=url) == ({0, 1}, 10, ())

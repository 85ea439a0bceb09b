"""A node that is killed while it writes, and a server that dies under it, lose nothing that was acknowledged."""

import json
import signal
import subprocess
import sys

import pytest

from homeroom.adapters.log_postgres import PostgresStore
from homeroom.errors import StoreError
from tests.databases import Server, emptied
from tests.log.lives import Lives


def told(root, kind, place, times, seed=1):
    command = [sys.executable, "-m", "tests.log.kills", kind, str(place), str(times), str(seed)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(lines) == times
    assert sum(line["said"] for line in lines) > 5 * times
    held = [line["held"] for line in lines]
    assert held == sorted(held)


@pytest.mark.slow
def test_a_node_that_is_killed_goes_on_from_its_files(root, tmp_path):
    told(root, "folder", tmp_path / "log", 10)


@pytest.mark.slow
def test_a_node_that_is_killed_hundreds_of_times_goes_on_from_its_files(root, tmp_path):
    for seed in range(6):
        told(root, "folder", tmp_path / f"log {seed}", 50, seed)


@pytest.mark.slow
def test_a_node_that_is_killed_hundreds_of_times_goes_on_from_its_server(root, postgres):
    for seed in range(4):
        told(root, "postgres", emptied(postgres), 50, seed)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL])
def test_a_server_that_dies_takes_nothing_with_it(how):
    server, lives = Server(), Lives()
    try:
        for life in range(4):
            lives.begin(PostgresStore(server.url(), "here", f"{life + 1:032x}"))
            for number in range(20):
                lives.offer(f"{life} {number}", "long")
                lives.finish()
            assert lives.log.failure is None
            lives.offer(f"{life} lost", "long")
            server.end(how)
            lives.finish()
            assert "cannot be written" in lives.log.failure
            with pytest.raises(StoreError, match="cannot be opened"):
                PostgresStore(server.url(), "here", "f" * 32)
            server.start()
            assert lives.store.held() is not None, "what is only read comes back by itself"
            lives.store.close()
        lives.begin(PostgresStore(server.url(), "here", "e" * 32))
        lives.starts["e" * 32] = lives.store.held()
        lives.check()
        lives.store.close()
    finally:
        server.remove()

"""Whatever ends a backup, a removal or a restore, whenever it does: the last whole backup can be restored.

The kills are real: see ``tests/cli/backup_kills.py`` for how each dies at each of its steps, or at any moment.
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from homeroom import limits
from homeroom.adapters.backup.verifying import verify
from homeroom.errors import BackupError
from tests.backups import T0, backed_up, opened, restored, send
from tests.object_stores import Place


def kills(root, folder, story, way, place):
    command = [sys.executable, "-m", "tests.cli.backup_kills", str(folder), story, way]
    run = subprocess.run(
        [*command, *([place.location] if place else [])],
        cwd=root,
        env={**os.environ, **(place.environment if place else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def check(told, ways, again):
    for one in told:
        assert one["left"] in ways, one
        assert one["again"].startswith(again), one
    assert {one["left"] for one in told} >= {"before", "after"}


AGAIN = {"backup": ("2 backups, 9 entries", "3 backups, 9 entries"), "prune": "1 backups, 9 entries, 0 unneeded",
         "restore": "whole"}  # fmt: skip


def ways_of(story):
    return {"before", "after", "refused"} if story == "restore" else {"before", "after"}


@pytest.mark.slow
@pytest.mark.parametrize("story", AGAIN)
def test_it_may_be_killed_at_any_step(root, tmp_path, story):
    told = kills(root, tmp_path, story, "steps", None)

    check(told, ways_of(story), AGAIN[story])
    assert all(one["ended"] == 77 for one in told)
    assert len(told) > 8


@pytest.mark.slow
@pytest.mark.parametrize("story", ["backup", "prune"])
def test_it_may_be_killed_at_any_step_towards_an_object_store(root, tmp_path, object_server, story):
    place = Place(object_server.bucket(), object_server.environment)
    told = kills(root, tmp_path, story, "steps", place)

    check(told, ways_of(story), AGAIN[story])
    assert all(one["ended"] == 77 for one in told)


@pytest.mark.slow
@pytest.mark.parametrize("story", AGAIN)
def test_it_may_be_killed_at_any_moment(root, tmp_path, story):
    told = kills(root, tmp_path, story, "moments", None)

    for one in told:
        assert one["left"] in ways_of(story), one
        assert one["again"].startswith(AGAIN[story]), one
    assert sum(one["ended"] == -signal.SIGALRM for one in told) > len(told) // 3


# --- a disk and a network that fail ----------------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(size_bytes):
    """Let the system refuse to write files beyond a size, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_takes_no_more_is_told_and_the_last_backup_stays(tmp_path):
    repository = opened(Place(str(tmp_path / "repository"), {}), tmp_path / "key")
    send(tmp_path / "data", T0, 1)
    backed_up(tmp_path / "data", repository, T0)
    (tmp_path / "data" / "audit.log").write_bytes(os.urandom(200_000))

    with files_no_larger_than(50_000), pytest.raises(BackupError, match=r"cannot be written: "):
        backed_up(tmp_path / "data", repository, T0 + 1)

    assert len(repository.ids()) == 1
    assert verify(repository, repository.ids()).damages == []
    backed_up(tmp_path / "data", repository, T0 + 2)
    with files_no_larger_than(50_000), pytest.raises(BackupError, match="make room"):
        restored(repository, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    restored(repository, tmp_path / "new")


class Cutting:
    """Stands before a server, passes some connections on and cuts off all later ones."""

    def __init__(self, url, passes):
        self._target = (urlsplit(url).hostname, urlsplit(url).port)
        self._left = passes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            client, _ = self._listener.accept()
            with client:
                if self._left is None:
                    return
                request = self._read(client)
                self._left -= 1
                if self._left < 0:
                    continue
                with socket.create_connection(self._target) as server:
                    server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
                    while answer := server.recv(1 << 16):
                        client.sendall(answer)

    @staticmethod
    def _read(client):
        """Read one request; obstore says how long each is."""
        found = b""
        while b"\r\n\r\n" not in found:
            found += client.recv(1 << 16)
        head, _, body = found.partition(b"\r\n\r\n")
        sizes = [
            line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        ]
        wanted = int(sizes[0].split(b":")[1]) if sizes else 0
        while len(body) < wanted:
            body += client.recv(1 << 16)
        return head + b"\r\n\r\n" + body

    def close(self):
        self._left = None
        with suppress(OSError):
            socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()


@pytest.mark.parametrize("passes", [0, 3, 7, 12, 17])
def test_a_network_that_fails_is_told_and_the_last_backup_stays(
    tmp_path, object_server, monkeypatch, passes
):
    location = object_server.bucket()
    repository = opened(Place(location, object_server.environment), tmp_path / "key")
    send(tmp_path / "data", T0, 1)
    backed_up(tmp_path / "data", repository, T0)
    send(tmp_path / "data", T0 + 1, 2)
    monkeypatch.setattr(limits, "OBJECT_TRIES_MAX", 0)
    cutting = Cutting(object_server.url, passes)
    far = Place(location, {**object_server.environment, "AWS_ENDPOINT_URL": cutting.url})

    def back_up_through():
        backed_up(tmp_path / "data", opened(far, tmp_path / "key"), T0 + 2)

    try:
        with pytest.raises(BackupError, match="run the command again"):
            back_up_through()
    finally:
        cutting.close()

    assert len(repository.ids()) == 1
    assert verify(repository, repository.ids()).damages == []
    backed_up(tmp_path / "data", repository, T0 + 3)
    assert restored(repository, tmp_path / "new").entries == 3

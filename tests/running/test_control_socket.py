"""A command and the node that runs on its directory: asked through a socket, or started for the moment."""

import asyncio
import socket
import stat

import pytest

from homeroom.errors import ControlError, StoreError
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.running.opening import open_held
from homeroom.running.stating import change_directory, control_of_directory
from tests.running.nodes import now_ms, on

PUT = DefinitionPut(
    tenant="main", kind=DefinitionKind.COHORT, name="keen", written={"did": "verb=watched"}
)


def versions(control):
    return [one.number for one in control.history("main", DefinitionKind.COHORT, "keen")]


def test_a_command_reaches_the_node_that_runs(tmp_path):
    async def work(node):
        token = await asyncio.to_thread(change_directory, tmp_path, PUT, now_ms)
        assert node._live.applied[token.origin] >= token.number
        seen = await asyncio.to_thread(control_of_directory, tmp_path, now_ms)
        return versions(node.control()), versions(seen), node.control().epoch, seen.epoch

    here, there, epoch, seen_epoch = on(tmp_path, work)
    assert here == there == [1]
    assert epoch == seen_epoch


def test_without_a_node_the_command_does_it_itself(tmp_path):
    change_directory(tmp_path, PUT, now_ms)
    change_directory(tmp_path, PUT, now_ms)
    assert versions(control_of_directory(tmp_path, now_ms)) == [1, 2]


def test_what_makes_no_sense_is_refused_the_same_in_both_ways(tmp_path):
    wrong = DefinitionPut(tenant="nobody", kind=PUT.kind, name="x", written={"did": "any"})

    async def work(node):
        with pytest.raises(ControlError) as told:
            await asyncio.to_thread(change_directory, tmp_path, wrong, now_ms)
        return str(told.value)

    through = on(tmp_path, work)
    with pytest.raises(ControlError) as told:
        change_directory(tmp_path, wrong, now_ms)
    assert str(told.value) == through


def test_the_socket_is_for_its_owner_and_what_is_no_request_gets_an_answer(tmp_path):
    async def work(node):
        file = tmp_path / "control.sock"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

        def ask(content):
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(str(file))
                one.sendall(len(content).to_bytes(4, "little") + content)
                one.shutdown(socket.SHUT_WR)
                return one.recv(1 << 16)

        assert b"two releases" in await asyncio.to_thread(ask, b"nonsense")
        assert await asyncio.to_thread(ask, b"") != b"x"
        await node.change(PUT, "somebody")

    on(tmp_path, work)
    assert not (tmp_path / "control.sock").exists()


def test_a_command_that_comes_while_the_node_starts_hears_so(tmp_path, monkeypatch):
    heard = []

    def opened(path, held, options):
        with pytest.raises(StoreError, match="is starting; ask again in a moment") as told:
            change_directory(path, PUT, now_ms)
        heard.append(told)
        return open_held(path, held, options)

    monkeypatch.setattr("homeroom.running.starting.open_held", opened)

    async def work(node):
        await asyncio.to_thread(change_directory, tmp_path, PUT, now_ms)
        return versions(node.control())

    assert on(tmp_path, work) == [1]
    assert len(heard) == 1


def test_a_start_that_fails_leaves_no_socket(tmp_path, monkeypatch):
    def fails(_path, held, _options):
        held.stack.close()
        raise StoreError("no")

    monkeypatch.setattr("homeroom.running.starting.open_held", fails)
    with pytest.raises(StoreError, match="no"):
        on(tmp_path, None)
    assert not (tmp_path / "control.sock").exists()


def test_a_socket_that_a_killed_node_left_is_passed_over(tmp_path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "control.sock"))
    change_directory(tmp_path, PUT, now_ms)
    assert versions(control_of_directory(tmp_path, now_ms)) == [1]


def test_a_node_that_ends_before_it_answers_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "control.sock"))
        one.listen()

        async def ask():
            asking = asyncio.create_task(asyncio.to_thread(change_directory, tmp_path, PUT, now_ms))
            other, _ = await asyncio.to_thread(one.accept)
            other.shutdown(socket.SHUT_RDWR)
            other.close()
            with pytest.raises((StoreError, OSError)):
                await asking

        asyncio.run(ask())

"""What a start refuses: going on under a new key where something is under an old one."""

import shutil

import pytest

from homeroom.errors import KeyFileError
from tests.running.nodes import batch, event, on, question
from tests.serve.xapi.store import Store, statement


def test_a_lost_key_of_pseudonyms_is_told_before_the_first_snapshot_too(tmp_path):
    path, killed = tmp_path / "data", tmp_path / "killed"

    async def work(node):
        sent = await node.offer("main", "key", batch("b", event(1)))
        await node.ask("main", question("active"), sent.token)
        shutil.copytree(path, killed, ignore=shutil.ignore_patterns("*.sock"))

    on(path, work)
    (killed / "pseudonym.key").unlink()
    with pytest.raises(KeyFileError, match="the learners of main are under it"):
        on(killed, work)
    assert not (killed / "pseudonym.key").exists()


def test_a_lost_key_of_the_vault_is_told(tmp_path):
    store = Store(tmp_path, "node")
    store.send(statement())
    store.close()
    (tmp_path / "vault.key").unlink()
    with pytest.raises(KeyFileError, match="the records of main are under it"):
        on(tmp_path, None)
    assert not (tmp_path / "vault.key").exists()


def lived(folder):
    """Let a node live that has taken one batch."""

    async def work(node):
        return await node.offer("main", "owner", batch("one", event(1)))

    return on(folder, work)


def test_a_node_with_entries_does_not_begin_without_the_key_that_signed_them(tmp_path):
    lived(tmp_path)
    key = tmp_path / "node.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(KeyFileError, match=r"node.key is missing.*restore it from a backup"):
        lived(tmp_path)
    assert not key.exists()
    key.write_bytes(kept)
    key.chmod(0o600)
    lived(tmp_path)


def test_a_node_with_entries_does_not_begin_under_another_key(tmp_path):
    lived(tmp_path / "one")
    lived(tmp_path / "other")
    (tmp_path / "other" / "node.key").replace(tmp_path / "one" / "node.key")
    with pytest.raises(KeyFileError, match="is not the key that signed"):
        lived(tmp_path / "one")

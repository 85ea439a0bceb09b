"""The commands about backups, as a person runs them: what they say, what they refuse, how they end."""

import json
import shutil
from pathlib import Path

import pytest

from homeroom.cli import main
from tests.backups import known, send
from tests.cli.backup_kills import now_ms


@pytest.fixture(autouse=True)
def own_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


@pytest.fixture
def data(tmp_path):
    send(tmp_path / "data", now_ms(), 0, 1, 2)
    return tmp_path / "data"


def run(capsys, *arguments):
    ended = main([str(one) for one in arguments])
    out, err = capsys.readouterr()
    return ended, out, err


def test_a_directory_that_was_lost_comes_back(capsys, data, tmp_path):
    ended, out, _ = run(capsys, "backup", data, tmp_path / "repository")
    assert ended == 0
    assert "4 entries of the log since the backup before" in out
    key = tmp_path / "configuration" / "homeroom" / "backup.key"
    assert key.stat().st_mode & 0o777 == 0o600

    ended, out, _ = run(capsys, "verify", tmp_path / "repository", "--all")
    assert ended == 0
    assert out.startswith("Read 1 backup: ")
    assert "all whole" in out

    ended, out, _ = run(capsys, "drill", tmp_path / "repository", "--folder", tmp_path)
    assert ended == 0
    assert "Folded anew from the log" in out
    assert "the same state" in out
    assert not list(tmp_path.glob("homeroom-drill-*"))

    shutil.rmtree(data)
    ended, out, _ = run(capsys, "restore", tmp_path / "repository", data)
    assert ended == 0
    assert "The log has 4 entries" in out
    assert "when that backup began, is not in it" in out
    assert known(data, range(3), now_ms() + 1_000)[:2] == ({0, 1, 2}, 15)


def test_machines_read_what_was_done(capsys, data, tmp_path):
    ended, out, err = run(capsys, "backup", data, tmp_path / "r", "--keep", 1, "--json", "-")
    first = json.loads(out)
    assert (ended, err) == (0, "")
    assert first["new_entries"] == 4
    assert first["removed"] == {"backups": 0, "objects": 0}
    assert [one["learners"] for one in first["tenants"]] == [7]

    assert run(capsys, "backup", data, tmp_path / "r", "--keep-days", 1)[0] == 0
    _, out, _ = run(capsys, "backup", data, tmp_path / "r", "--keep", 2, "--json", "-")
    last = json.loads(out)
    assert last["removed"]["backups"] == 1
    assert last["sent"]["objects"] == 0

    verified = json.loads(run(capsys, "verify", tmp_path / "r", "--all", "--json", "-")[1])
    assert (verified["backups"], verified["damages"]) == (2, [])
    assert verified["newest"] == last["backup"]
    drilled = json.loads(run(capsys, "drill", tmp_path / "r", "--json", "-")[1])
    assert (drilled["faults"], drilled["rebuilt_from"]) == ([], "log")
    out = run(capsys, "restore", tmp_path / "r", tmp_path / "new", "--json", "-")[1]
    assert json.loads(out)["entries"] == 4


def test_a_time_after_the_last_backup_says_what_is_missing(capsys, data, tmp_path):
    run(capsys, "backup", data, tmp_path / "r")

    ended, out, _ = run(
        capsys, "restore", tmp_path / "r", tmp_path / "new", "--at", "2099-01-01T00:00:00Z"
    )
    assert ended == 0
    assert "You asked for 2099-01-01 00:00:00 UTC: what came in the " in out
    assert "is in none" in out


def test_a_time_before_the_last_entry_says_what_is_left_out(capsys, data, tmp_path):
    run(capsys, "backup", data, tmp_path / "r")

    ended, out, _ = run(
        capsys, "restore", tmp_path / "r", tmp_path / "new", "--at", "2020-01-01T01:00:00+01:00"
    )
    assert ended == 0
    assert "You asked for 2020-01-01 00:00:00 UTC: 4 entries of later were left out." in out


def test_an_older_backup_is_restored_by_its_name(capsys, data, tmp_path):
    first = json.loads(run(capsys, "backup", data, tmp_path / "r", "--json", "-")[1])["backup"]
    send(data, now_ms(), 3)
    run(capsys, "backup", data, tmp_path / "r")

    out = run(capsys, "restore", tmp_path / "r", tmp_path / "new", "--backup", first)[1]
    assert f"Restored backup {first}" in out
    assert known(tmp_path / "new", range(4), now_ms() + 1_000)[:2] == ({0, 1, 2}, 15)
    ended, _, err = run(capsys, "restore", tmp_path / "r", tmp_path / "x", "--backup", "none")
    assert ended == 2
    assert "there is no backup none; the newest is " in err


def test_damage_and_wrong_keys_end_with_one(capsys, data, tmp_path):
    run(capsys, "backup", data, tmp_path / "r", "--key-file", tmp_path / "key")
    with_key = ("--key-file", tmp_path / "key")
    run(capsys, "backup", data, tmp_path / "other", "--key-file", tmp_path / "other.key")

    for command in (("verify", tmp_path / "r"), ("drill", tmp_path / "r"),
                    ("restore", tmp_path / "r", tmp_path / "new"), ("backup", data, tmp_path / "r")):  # fmt: skip
        ended, out, err = run(capsys, *command, "--key-file", tmp_path / "other.key")
        assert (ended, out) == (1, ""), command
        assert "other.key does not open" in err

    name = next((tmp_path / "r" / "objects").rglob("*/*"))
    content = bytearray(name.read_bytes())
    content[30] ^= 1
    name.write_bytes(content)
    ended, out, _ = run(capsys, "verify", tmp_path / "r", *with_key)
    assert ended == 1
    assert f"damaged: object objects/{name.parent.name}/{name.name} is damaged" in out
    for command in (("drill", tmp_path / "r"), ("restore", tmp_path / "r", tmp_path / "new")):
        ended, _, err = run(capsys, *command, *with_key)
        assert ended == 1
        assert name.name in err


def test_a_passphrase_opens_too(capsys, data, tmp_path):
    words = tmp_path / "words"
    words.write_text("several words that nobody guesses\n")
    words.chmod(0o600)
    assert run(capsys, "backup", data, tmp_path / "r", "--passphrase-file", words)[0] == 0
    assert run(capsys, "verify", tmp_path / "r", "--passphrase-file", words)[0] == 0
    ended, _, err = run(capsys, "verify", tmp_path / "r")
    assert ended == 2
    assert "opens with a passphrase" in err


def test_what_would_be_lost_together_is_refused(capsys, data, tmp_path):
    for arguments, said in (
        ((data / "backups",), "lie one in the other"),
        ((tmp_path,), "lie one in the other"),
        ((tmp_path / "r", "--key-file", data / "backup.key"), "lies in the directory or in the repository"),
        ((tmp_path / "r", "--key-file", tmp_path / "r" / "key"), "lies in the directory or in the repository"),
        ((tmp_path / "r", "--key-file", "a", "--passphrase-file", "b"), "are both given"),
    ):  # fmt: skip
        ended, _, err = run(capsys, "backup", data, *arguments)
        assert ended == 2
        assert said in err
    assert not (tmp_path / "r").exists()


def test_an_object_store_is_told_by_its_url_and_the_environment(
    capsys, data, tmp_path, monkeypatch, object_server
):
    for name, value in object_server.environment.items():
        monkeypatch.setenv(name, value)
    location = object_server.bucket()

    assert run(capsys, "backup", data, location)[0] == 0
    assert run(capsys, "verify", location)[0] == 0
    assert run(capsys, "drill", location)[0] == 0
    assert run(capsys, "restore", location, tmp_path / "new")[0] == 0
    assert known(tmp_path / "new", range(3), now_ms() + 1_000)[:2] == ({0, 1, 2}, 15)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("verify", "nowhere"), "there is no folder"),
        (("restore", "nowhere", "new", "--at", "2024-01-01"), "write it with its zone"),
        (("restore", "nowhere", "new", "--at", "noon"), "write it with its zone"),
        (("backup", "nowhere", "r"), "is no data directory"),
        (("verify", "s3://bucket/x"), "set AWS_ACCESS_KEY_ID"),
        (("backup", "nowhere", "r", "--keep", "0"), "--keep"),
    ],
)
def test_what_makes_no_sense_is_told(capsys, command, said, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    ended, _, err = run(capsys, *command)
    assert ended == 2
    assert said in err
    assert err.count("\n") == 1
    assert list(Path().iterdir()) == []

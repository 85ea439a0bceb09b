"""``homeroom erase`` and ``homeroom erasures``, on a directory that no node runs on, and after a restore."""

import io
import json

import pytest

import homeroom as hr
from homeroom.cli import main, status
from tests.running.erasures import ADA, BOB, erasing, fill, keys_text, run


@pytest.fixture
def filled(tmp_path, monkeypatch):
    """Give a folder with a directory that is filled, and the pseudonyms of Ada and Bob; no register is named yet."""
    monkeypatch.chdir(tmp_path)

    async def work():
        async with erasing(tmp_path, erasure_register=None) as node:
            await fill(node)
            return keys_text(node, [ADA, BOB])

    return tmp_path, run(work())


def config(folder):
    file = folder / "homeroom.toml"
    file.write_text(f'[node]\nerasure_register = "{folder / "register"}"\nbackup_days = 30\n')
    return str(file)


def test_people_are_erased_and_erasures_shown(filled, capsys):
    folder, (ada, bob) = filled
    words = ["--data", "data", "--config", config(folder), "--yes"]
    (folder / "people.csv").write_text(f"issuer,account\n{ADA[0]},{ADA[1]}\n")
    assert (
        main(["erase", "--file", "people.csv", bob, *words, "--json", "made.json"]) == status.CLEAN
    )
    said = capsys.readouterr().out
    assert "of 2 raw keys" in said
    assert "ada-account" not in said
    open_lines = [line for line in said.splitlines() if " open " in line]
    assert [line.split()[0] for line in open_lines] == ["backups"]
    made = json.loads((folder / "made.json").read_text())
    assert sorted(made["learners"]) == sorted([ada, bob])
    assert main(["erasures", "--data", "data", "--config", config(folder)]) == status.CLEAN
    assert capsys.readouterr().out == said
    words = ["readmit", made["id"], "--data", "data", "--config", config(folder)]
    assert main(words) == status.CLEAN
    words = ["readmit", "0" * 32, "--data", "data", "--config", config(folder)]
    assert main(words) == status.FAILED
    assert "there is no erasure" in capsys.readouterr().err
    words = ["erasures", made["id"][:31], "--data", "data", "--config", config(folder)]
    assert main(words) == status.FAILED
    assert "there is no erasure" in capsys.readouterr().err


def test_nobody_is_erased_by_accident(filled, capsys, monkeypatch):
    folder, (ada, _) = filled
    assert main(["erase", "--data", "data", "--config", config(folder)]) == status.FAILED
    assert "nobody to erase" in capsys.readouterr().err
    words = ["erase", ada, "--data", "data", "--config", config(folder)]
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(words) == status.INTERRUPTED, "nobody has answered the question"
    assert main(["erase", ada, "--data", "data", "--yes"]) == status.FAILED
    assert "node.erasure_register" in capsys.readouterr().err
    assert not (folder / "register").exists()


def test_a_restore_of_a_backup_of_before_reads_the_register_first(filled, capsys):
    folder, (ada, _) = filled
    backup = ["backups", "--key-file", "backup.key"]
    assert main(["backup", "data", *backup]) == status.CLEAN
    given = ["--config", config(folder)]
    assert main(["erase", ada, "--data", "data", "--yes", *given]) == status.CLEAN
    assert main(["backup", "data", *backup]) == status.CLEAN
    assert "the log was sent anew" in capsys.readouterr().err
    first = min(path.name for path in (folder / "backups" / "backups").iterdir())
    words = ["restore", backup[0], "again", *backup[1:], "--backup", first, *given]
    assert main(words) == status.CLEAN
    assert "The register has 1 erasure" in capsys.readouterr().out
    prints = {hr.open(folder / name).fingerprint() for name in ("data", "again")}
    assert len(prints) == 1, "the same people and events, and the same one erased"
    words = ["restore", backup[0], "unread", *backup[1:]]
    assert main(words) == status.CLEAN
    assert "which has not been read" in capsys.readouterr().out
    assert main(["query", "active", "--data", "unread"]) == status.FAILED
    assert "may hold people who were erased" in capsys.readouterr().err
    assert main(["drill", *backup]) == status.CLEAN
    assert main(["verify", backup[0], "--all", *backup[1:]]) == status.CLEAN

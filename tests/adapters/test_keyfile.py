"""The key file: made once, for its owner alone, and refused when it is not what it should be."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from homeroom.adapters.keyfile import default_key_path, open_key
from homeroom.errors import KeyFileError

CONTENT = "00112233445566778899aabbccddeeff" * 2


def write(path: Path, content: str = CONTENT, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_missing_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "config" / "homeroom" / "pseudonym.key"
    key = open_key(path)
    assert len(key) == 32
    assert open_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (
        stat.S_IMODE(path.parent.stat().st_mode)
        == stat.S_IMODE(path.parent.parent.stat().st_mode)
        == 0o700
    )
    assert list(path.parent.iterdir()) == [path]
    comment, *_, digits = path.read_text().splitlines()
    assert comment.startswith("# homeroom pseudonym key")
    assert bytes.fromhex(digits) == key


def test_two_keys_are_not_the_same(tmp_path: Path) -> None:
    assert open_key(tmp_path / "a") != open_key(tmp_path / "b")


def test_a_wide_umask_does_not_open_the_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        open_key(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_comments_and_space_around_the_digits_do_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "key", f"# a\n\n  {CONTENT.upper()} \n# b\n")
    assert open_key(path) == bytes.fromhex(CONTENT)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_key_that_others_may_use_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "key", mode=mode)
    with pytest.raises(KeyFileError, match=rf"has mode {mode:04o}.*chmod 600 {path}"):
        open_key(path)


@pytest.mark.parametrize(
    "content", ["", "00" * 31, "00" * 33, "zz" * 32, "# only a comment\n", "00" * 4096, "é" * 32]
)
def test_a_file_without_a_key_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "key", content)
    with pytest.raises(KeyFileError, match="holds no key"):
        open_key(path)
    assert path.read_text() == content


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="is a directory"):
        open_key(tmp_path)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyFileError, match="is no regular file"):
        open_key(tmp_path / "pipe")


def test_a_link_to_a_key_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "key")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    assert open_key(tmp_path / "link") == bytes.fromhex(CONTENT)


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(KeyFileError, match="go in a circle"):
        open_key(tmp_path / "a")


def test_a_link_to_nothing_is_refused_and_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(KeyFileError, match="symbolic link to nothing"):
        open_key(tmp_path / "link")
    assert [one.name for one in tmp_path.iterdir()] == ["link"]


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    write(tmp_path / "file")
    with pytest.raises(KeyFileError, match="cannot be opened: Not a directory"):
        open_key(tmp_path / "file" / "key")


def test_processes_that_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    program = "import sys, pathlib; from homeroom.adapters.keyfile import open_key; sys.stdin.read(); " \
              "print(open_key(pathlib.Path(sys.argv[1])).hex())"  # fmt: skip
    command = [sys.executable, "-c", program, str(tmp_path / "new" / "key")]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
    keys = set()
    for process in running:
        with process:
            assert process.stdout is not None
            keys.add(process.stdout.read().strip())
        assert process.returncode == 0
    assert keys == {open_key(tmp_path / "new" / "key").hex()}


def test_the_default_place_follows_the_xdg_specification() -> None:
    assert default_key_path({"XDG_CONFIG_HOME": "/etc/x"}) == Path("/etc/x/homeroom/pseudonym.key")
    home = Path("~/.config/homeroom/pseudonym.key").expanduser()
    for environment in ({}, {"XDG_CONFIG_HOME": ""}, {"XDG_CONFIG_HOME": "relative"}):
        assert default_key_path(environment) == home
